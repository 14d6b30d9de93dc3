"""Ingesting on a Ray cluster: whichever machine dies, the result is that of one process."""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import milvus_server
import pytest
from conftest import ROOT, link_networks
from test_store import said

import rag
from rag.__main__ import main
from rag.corpus.files import scan
from rag.datatypes import IndexReport, IndexWriteError
from rag.index import remote_build
from rag.index.milvus import Collection
from rag.index.ray_ingest import joined, spread
from rag.index.remote_build import Changes
from rag.index.store import Store, refusal
from rag.settings import Settings, load_settings

_WORDS = "the ferry harbour storm council voted bridge cost million delayed strike ended".split()
COUNT = 40


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made-up articles, two copies of one among them, and two records that are none."""
    drawn = random.Random(0)
    texts = [
        " ".join(" ".join(drawn.choices(_WORDS, k=12)).capitalize() + "." for _ in range(20))
        for _ in range(COUNT)
    ]
    texts[1] = texts[0] + " Updated."
    records: list[dict[str, Any]] = [
        {"id": f"a{number:02}", "title": f"Title {number}", "text": text, "outlet": "The Daily"}
        for number, text in enumerate(texts)
    ]
    records += [{"id": "none"}, {"id": "zero", "title": "Zero \0", "text": "A text."}]
    file = tmp_path_factory.mktemp("corpus") / "news.jsonl"
    file.write_text("\n".join(json.dumps(record) for record in records))
    return file


@pytest.fixture(scope="module")
def new(
    postgresql: str, seeds_index: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Settings]]:
    """Settings of a new corpus in one PostgreSQL and one Milvus."""
    with milvus_server.serving(tmp_path_factory.mktemp("milvus")) as url:
        local = link_networks(seeds_index, tmp_path_factory.mktemp("local") / "index")
        yield lambda name, **other: load_settings(
            index=url, store=postgresql, collection=name, local=local, **other
        )


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Three machines of one processor each, as far as Ray knows; this process is on the first."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 80 << 20}
    made = Cluster(initialize_head=True, head_node_args={**small, "include_dashboard": False})
    try:
        for _ in range(2):
            made.add_node(**small)
        ray.init(
            made.address,
            log_to_driver=False,
            runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}},
        )
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


def ingest(
    made: Settings, corpus: Path, progress: Callable[[int, int | None], None] | bool = False
) -> IndexReport:
    return rag.build_index(corpus, made.index, settings=made, progress=progress)


def contents(made: Settings) -> dict[str, object]:
    """All that store and collection hold, but for row ids and what names the one ingest."""
    with closing(Store(made.store.get_secret_value(), made.collection)) as store:
        held = said(store, ["title 5"], [])
        held["terms"] = [(term, store.document_frequency(term)) for term in store.vocabulary()]
        held["facts"] = sorted(store.facts()), store.fact("complete")
    with closing(Collection(str(made.index), made)) as collection:
        fields = ["passage_id", "doc_id", "outlet", "published_day", "terms", "vector"]
        rows = collection._client.query(made.collection, "passage_id != ''", output_fields=fields)
    held["rows"] = sorted(
        tuple(row[name] for name in fields[:-1])
        + tuple(round(float(number), 3) for number in row["vector"])
        for row in rows
    )
    return held


def test_a_machine_that_dies_changes_nothing(
    new: Callable[..., Settings], corpus: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_build, "BATCH_CHARACTERS", 4_000)  # some ten batches
    alone, many = new("alone"), new("many")
    # Ten articles are there already, one of them is another by now, and two are gone.
    lines = corpus.read_text().splitlines()
    gone = [line.replace('"a0', '"gone').replace("storm", "hail") for line in lines[3:5]]
    corpus.write_text("\n".join([*lines[:9], lines[9].replace("Title", "Draft"), *gone]))
    ingest(many, corpus)
    corpus.write_text("\n".join(lines))
    expected = ingest(alone, corpus)
    seen = []

    def kill(done: int, total: int | None) -> None:
        seen.append(done)
        if done == 5:
            cluster.remove_node(cluster.list_all_nodes()[1], allow_graceful=False)

    report = ingest(many.model_copy(update={"workers": "ray"}), corpus, kill)
    assert seen == list(range(1, COUNT - 9 + 1))
    assert (report.articles, report.passages) == (COUNT, expected.passages)
    assert (report.added, report.changed, report.removed) == (COUNT - 10, 1, 2)
    assert report.skipped == expected.skipped
    assert {skipped.reason for skipped in report.skipped} == {"no_text", "binary"}
    assert contents(many) == contents(alone)


def test_what_a_worker_fails_with_is_said_in_a_line(
    new: Callable[..., Settings], corpus: Path, cluster: Any
) -> None:
    made = new("unreachable", workers="ray")
    changes = Changes({}, set(), refusal)
    with pytest.raises(IndexWriteError, match=r"http://127.0.0.1:1\b.*start") as caught:
        with joined(made):
            spread(changes, scan(corpus), "http://127.0.0.1:1", made, False)
    assert "\n" not in str(caught.value)


def test_what_is_missing_is_said_in_a_line(
    new: Callable[..., Settings], corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    made = new("nothing", workers="ray")
    in_file = made.model_copy(
        update={"store": load_settings(store=f"sqlite:///{tmp_path}/s").store}
    )
    with pytest.raises(IndexWriteError, match=r"write to PostgreSQL alone; set RAG_STORE"):
        ingest(in_file, corpus)
    assert main(["index", "--workers", "ray", "--index", str(tmp_path / "index")]) == 1
    assert "built by this process alone; give --index the URL" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(IndexWriteError, match=r"needs ray, which is not .*'rag\[ray\]'"):
        ingest(made, corpus)
