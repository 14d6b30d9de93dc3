"""A corpus' passages in Milvus: vectors, stemmed terms and what filters ask for, a row a passage.

Dense search is Milvus' own index by cosine; BM25 is Milvus' own, too, over our stemmed terms, with
the constants of the embedded index, so both rank alike. Filters by outlet and date are Milvus'
expressions. Rows are keyed by passage_id: writing one twice is writing it once.

Consistency is Strong: a search sees whatever was written before it, by whichever process. Session
would see one's own writing alone, and here others write. Milvus makes such a search wait for its
next time tick (``proxy.timeTickInterval``, 200 ms unless it is set lower).
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from rag.datatypes import IndexMismatchError, IndexNotFoundError, IndexWriteError, Passage, RagError
from rag.index.filter import Filter
from rag.index.lexical import terms
from rag.index.rows import NO_DAY
from rag.index.vectors import day_number
from rag.settings import Settings

OLDEST = (2, 5)
"""The first version of Milvus with BM25."""
OLDEST_LITE = (3, 0)
_PROPERTY = "rag.corpus"
_STRONG = "Strong"
_LONGEST = 65_535
"""Most bytes of a VARCHAR."""
_DEEPEST = 16_384
"""Most results of a search."""
_PAGE = 1_000
_BM25 = {"bm25_k1": 1.5, "bm25_b": 0.75}
"""Those of bm25s, which the embedded index ranks by."""
_BUILD: dict[str, dict[str, Any]] = {
    "HNSW": {"M": 32, "efConstruction": 200},
    "DISKANN": {},
    "IVF_RABITQ": {"nlist": 4_096, "refine": True, "refine_type": "SQ8"},
    "AUTOINDEX": {},
}
_ESCAPED = str.maketrans(
    {"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
)  # fmt: skip


class Collection:
    """A Milvus collection, addressed by passage_id. Thread-safe.

    Every method raises a RagError of one line if Milvus fails: IndexWriteError while writing, else
    IndexNotFoundError; no line has a token in it.
    """

    def __init__(self, url: str, settings: Settings, *, writing: bool = False) -> None:
        """Connects; the collection need not be there.

        Raises:
            IndexMismatchError: Milvus is too old.
        """
        self.url, self.name = url, settings.collection
        self._settings = settings
        self._kind = IndexWriteError if writing else IndexNotFoundError
        self._index_type = ""
        _check_installed()
        with self._explained():
            self._client = _connect(url, settings)
        try:
            with self._explained():
                self.version = str(self._client.get_server_version(timeout=self._timeout))
            _check_version(self.version, url)
        except BaseException:
            self._client.close()
            raise

    @property
    def _timeout(self) -> float:
        return self._settings.milvus_timeout

    def made(self) -> str | None:
        """What ``create`` was given; None if there is no such collection, "" if it is not ours."""
        with self._explained():
            if not self._client.has_collection(self.name, timeout=self._timeout):
                return None
            found = self._client.describe_collection(self.name, timeout=self._timeout)
        return str(found.get("properties", {}).get(_PROPERTY, ""))

    def create(self, made: str, dimension: int) -> None:
        """Make the collection; ``made`` says of what, and is kept with it."""
        from pymilvus import DataType, Function, FunctionType

        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("passage_id", DataType.VARCHAR, is_primary=True, max_length=_LONGEST)
        schema.add_field("doc_id", DataType.VARCHAR, max_length=_LONGEST)
        schema.add_field("outlet", DataType.VARCHAR, max_length=_LONGEST)
        schema.add_field("published_day", DataType.INT64)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
        schema.add_field(
            "terms",
            DataType.VARCHAR,
            max_length=_LONGEST,
            enable_analyzer=True,
            analyzer_params={"tokenizer": "standard"},
        )
        schema.add_field("bm25", DataType.SPARSE_FLOAT_VECTOR)
        schema.add_function(Function("bm25", FunctionType.BM25, ["terms"], ["bm25"]))
        dense = self._settings.milvus_index
        indexes = self._client.prepare_index_params()
        indexes.add_index("vector", dense, metric_type="COSINE", params=_BUILD[dense])
        indexes.add_index("bm25", "SPARSE_INVERTED_INDEX", metric_type="BM25", params=_BM25)
        for field in ("doc_id", "outlet", "published_day"):
            indexes.add_index(field, "INVERTED")
        with self._explained():
            self._client.create_collection(
                self.name,
                schema=schema,
                num_shards=self._settings.milvus_shards,
                consistency_level=_STRONG,
                properties={_PROPERTY: made},
                timeout=self._timeout,
            )
            # Over nothing yet, so there is nothing to wait for.
            self._client.create_index(self.name, indexes, timeout=self._timeout, sync=False)
        self.load()

    def load(self) -> None:
        """Have Milvus ready to search the collection, if it is not."""
        with self._explained():
            state = self._client.get_load_state(self.name, timeout=self._timeout)["state"]
            if state.name != "Loaded":
                replicas = self._settings.milvus_replicas
                self._client.load_collection(self.name, replica_number=replicas)

    def drop(self) -> None:
        """Delete the collection."""
        with self._explained():
            self._client.drop_collection(self.name, timeout=self._timeout)

    def upsert(self, passages: Sequence[Passage], vectors: np.ndarray) -> None:
        """Insert or replace passages with their vectors, shape (n, dimension)."""
        for start in range(0, len(passages), _PAGE):
            rows = [
                _row(passage, vector)
                for passage, vector in zip(
                    passages[start : start + _PAGE], vectors[start : start + _PAGE], strict=True
                )
            ]
            with self._explained():
                self._client.upsert(self.name, rows, timeout=self._timeout)

    def delete(self, passage_ids: Sequence[str]) -> None:
        """Delete passages; ids that are not there are passed over."""
        for start in range(0, len(passage_ids), _PAGE):
            with self._explained():
                self._client.delete(
                    self.name,
                    filter=_one_of("passage_id", passage_ids[start : start + _PAGE]),
                    timeout=self._timeout,
                )

    def flush(self) -> None:
        """Have Milvus put what was written into segments, and index those: until then it goes
        through it row by row. Call once an ingest, not once a batch."""
        with self._explained():
            self._client.flush(self.name, timeout=self._timeout)

    def count(self) -> int:
        """Number of passages held."""
        return int(self._query("", "count(*)")[0]["count(*)"])

    def held(self, passage_ids: Sequence[str]) -> set[str]:
        """Which of these are there."""
        return {
            row["passage_id"]
            for start in range(0, len(passage_ids), _PAGE)
            for row in self._query(
                _one_of("passage_id", passage_ids[start : start + _PAGE]), "passage_id"
            )
        }

    def ids(self) -> Iterator[str]:
        """Every passage_id held."""
        with self._explained():
            pages = self._client.query_iterator(
                self.name, batch_size=_PAGE, output_fields=["passage_id"], timeout=self._timeout
            )
            while rows := pages.next():
                yield from (row["passage_id"] for row in rows)
            pages.close()

    def nearest(self, vector: np.ndarray, k: int, filter: Filter) -> list[tuple[str, float]]:
        """(passage_id, cosine) of about the k nearest passages, best first."""
        if not self._index_type:
            with self._explained():
                found = self._client.describe_index(self.name, "vector", timeout=self._timeout)
            self._index_type = str(found["index_type"])
        k = min(k, _DEEPEST)
        breadth = {
            "HNSW": {"ef": max(400, k)},  # what the embedded index looks through, too
            "DISKANN": {"search_list": max(400, k)},
            "IVF_RABITQ": {"nprobe": 128, "refine_k": 3},
        }
        return self._search(
            np.asarray(vector, np.float32), "vector", k, filter, breadth.get(self._index_type, {})
        )

    def best(self, query: str, k: int, filter: Filter) -> list[tuple[str, float]]:
        """(passage_id, BM25 score) of the k best passages that have a term of the query, best
        first. Scores compare within one ranking; their sign is the server's."""
        asked = _words(dict.fromkeys(terms(query)))
        found = self._search(asked, "bm25", min(k, _DEEPEST), filter, {}) if asked else []
        return [(name, score) for name, score in found if score != 0]

    def _search(
        self, asked: Any, field: str, k: int, filter: Filter, params: Mapping[str, Any]
    ) -> list[tuple[str, float]]:
        expression = expressed(filter)
        if expression is None:
            return []
        with self._explained():
            [hits] = self._client.search(
                self.name,
                data=[asked],
                anns_field=field,
                limit=k,
                filter=expression,
                search_params={"params": dict(params)},
                output_fields=["passage_id"],
                consistency_level=_STRONG,
                timeout=self._timeout,
            )
        return [(str(hit["passage_id"]), float(hit["distance"])) for hit in hits]

    def _query(self, expression: str, field: str) -> list[dict[str, Any]]:
        with self._explained():
            return list(
                self._client.query(
                    self.name,
                    filter=expression,
                    output_fields=[field],
                    consistency_level=_STRONG,
                    timeout=self._timeout,
                )
            )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Milvus' errors as one line that says what to do."""
        import grpc
        from pymilvus.exceptions import MilvusException

        try:
            yield
        except (MilvusException, grpc.RpcError) as error:
            raise self._kind(_in_words(error, self.url)) from error


def expressed(filter: Filter) -> str | None:
    """A filter as Milvus' expression, "" if it lets all through; None if it can let nothing
    through. Names are quoted here, not sent beside the expression (``filter_params``), which
    Milvus Lite does not read."""
    clauses = []
    if filter.outlets is not None:
        names = sorted({name.casefold() for name in filter.outlets} - {""})
        if not names:
            return None
        clauses.append(_one_of("outlet", names))
    if filter.by_date:
        clauses.append(f"published_day > {NO_DAY}")
    if filter.published_from is not None:
        clauses.append(f"published_day >= {day_number(filter.published_from)}")
    if filter.published_to is not None:
        clauses.append(f"published_day <= {day_number(filter.published_to)}")
    return " and ".join(clauses)


def _one_of(field: str, names: Sequence[str]) -> str:
    quoted = ", ".join(f'"{name.translate(_ESCAPED)}"' for name in names)
    return f"{field} in [{quoted}]"


def _row(passage: Passage, vector: np.ndarray) -> dict[str, Any]:
    return {
        "passage_id": passage.passage_id,
        "doc_id": passage.span.doc_id,
        "outlet": (passage.outlet or "").casefold(),  # compared without regard to case
        "published_day": day_number(passage.published) if passage.published else NO_DAY,
        "vector": np.asarray(vector, np.float32),
        "terms": _words(terms(f"{passage.title}\n{passage.span.text}")),
    }


def _words(found: Sequence[str] | Mapping[str, Any]) -> str:
    """Terms as a text that any tokenizer parts at the same places: only the point of a number is
    neither letter nor digit."""
    text = " ".join(found).replace(".", "p")
    return text.encode()[:_LONGEST].decode(errors="ignore")


def _check_installed() -> None:
    # Else gRPC tells of its connections on stderr, and pymilvus of errors that are raised as well.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        import pymilvus  # noqa: F401
    except ModuleNotFoundError as error:
        raise IndexNotFoundError(
            f"an index in Milvus needs {error.name}, which is not installed; "
            "run pip install 'rag[cluster]'."
        ) from error
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL + 1)


def _connect(url: str, settings: Settings) -> Any:
    from pymilvus import MilvusClient

    parts = urlsplit(url)
    if parts.username or parts.password:
        raise IndexNotFoundError(
            "the address of Milvus has a password in it; give that in RAG_MILVUS_TOKEN instead."
        )
    options: dict[str, Any] = {}
    if settings.milvus_ca is not None:
        if not settings.milvus_ca.is_file():
            raise RagError(f"there is no file {settings.milvus_ca}; correct RAG_MILVUS_CA.")
        options["server_pem_path"] = str(settings.milvus_ca)
    return MilvusClient(
        url,
        token=settings.milvus_token.get_secret_value(),
        timeout=settings.milvus_timeout,
        dedicated=True,  # a shared one outlives its closing
        **options,
    )


def _check_version(version: str, url: str) -> None:
    numbers = re.search(r"(\d+)\.(\d+)", version)
    oldest = OLDEST_LITE if "lite" in version else OLDEST
    if numbers is not None and (int(numbers[1]), int(numbers[2])) < oldest:
        raise IndexMismatchError(
            f"Milvus at {url} is version {version}, at least {oldest[0]}.{oldest[1]} is needed "
            "for its full-text search; upgrade it."
        )


def _in_words(error: BaseException, url: str) -> str:
    import grpc

    where = f"Milvus at {url}"
    call = error
    while not isinstance(call, grpc.RpcError) and call.__context__ is not None:
        call = call.__context__
    code = call.code() if isinstance(call, grpc.RpcError) else None
    details = call.details() if isinstance(call, grpc.RpcError) else getattr(error, "message", "")
    said = " ".join(str(details).split())[:300]
    if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED) or (
        "auth check failure" in said or "permission deny" in said
    ):
        return (
            f"{where} refuses this user or password; set RAG_MILVUS_TOKEN to user:password, or to "
            "an API key that may use the collection."
        )
    if "CERTIFICATE_VERIFY_FAILED" in said or "SSL" in said:
        return (
            f"{where} shows a certificate that is not trusted; give the file of its authority in "
            "RAG_MILVUS_CA."
        )
    if code is not None:
        return f"cannot reach {where} ({said}); start it, or correct RAG_INDEX."
    return f"{where} reports an error ({said}); see its log."
