"""The article store: texts, the passages' offsets and a phrase index, in SQLite or PostgreSQL.

The store is the truth; vectors and postings are derived from it. That of an index in a folder is a
SQLite file, never written again once it is published (a build works on a copy), so it is opened
read-only and unlocked. One named by a URL stands alone, and may be read while it is written.

Tables: ``articles`` (one row an article), ``passages`` (offsets into an article; ``id`` grows and
is never reused), ``skipped`` (what the last build left out), ``uploaded`` (which articles came
through the page, and from which file), ``copies`` (a signature of each article's text, and which
story it tells if other articles tell it in the same words), ``phrases`` (the texts' grams, row id =
article id; it holds no text of its own). A store that stands alone also has ``facts`` (what is to
be known of the corpus, as JSON) and ``terms`` (in how many passages a stemmed term occurs).
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

import numpy as np
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Executable,
    Integer,
    bindparam,
    delete,
    func,
    insert,
    inspect,
    select,
    text,
    update,
)

from rag.datatypes import Article, IndexWriteError, Overview, Passage, Skipped, Span
from rag.index import lexical
from rag.index.copies import copies_of, read_minhash, signature, stories
from rag.index.database import check_encoding, is_postgresql, is_url, open_engine
from rag.index.grams import all_grams
from rag.index.tables import (
    articles,
    copies,
    create_tables,
    facts,
    passages,
    phrases,
    skipped,
    terms,
    uploaded,
)

Rows = Sequence[Any]  # rows of columns, of whatever type these are

_PAGE = 500
_LONGEST_ID = 2_500
"""Bytes of UTF-8 that an index of PostgreSQL has room for."""
_LONGEST_TERM = 500
"""Letters of the longest term that is counted: what is longer is no word, and has no room either."""

_a, _p, _c = articles.c, passages.c, copies.c
_LISTED_TEXT = _a.title + "\n" + func.coalesce(_a.outlet, "") + "\n" + _a.doc_id
_LISTED = (
    _a.doc_id,
    _a.title,
    _a.outlet,
    _a.published,
    select(uploaded.c.file).where(uploaded.c.doc_id == _a.doc_id).scalar_subquery(),
)
_ARTICLE_COLUMNS = (
    _a.doc_id, _a.title, _a.text, _a.outlet, _a.published, _a.url, _a.sha256, _a.source_sha256,
    _a.metadata,
)  # fmt: skip
_SLICE = func.substr(_a.text, _p.start + 1, _p.end - _p.start)
_PASSAGES = passages.join(articles)

# Statements that are asked again and again: made once, so that SQLAlchemy knows them by sight.
_ANY = select(_a.id).limit(1)
_ARTICLE = select(*_ARTICLE_COLUMNS).where(_a.doc_id == bindparam("doc_id"))
_ARTICLE_AT = select(*_ARTICLE_COLUMNS).where(_a.id == bindparam("row"))
_ARTICLES = (
    select(*_ARTICLE_COLUMNS)
    .where(_a.doc_id > bindparam("last"))
    .order_by(_a.doc_id)
    .limit(bindparam("most"))
)
_WHOLE_PASSAGES = (
    select(
        _p.id, _p.passage_id, _p.start, _p.end, _p.sentences, _a.doc_id, _a.title, _a.outlet,
        _a.published, _a.url, _SLICE,
    )
    .select_from(_PASSAGES)
)  # fmt: skip
_PASSAGES_BY_ID = _WHOLE_PASSAGES.where(_p.id.in_(bindparam("keys", expanding=True)))
_PASSAGES_BY_NAME = _WHOLE_PASSAGES.where(_p.passage_id.in_(bindparam("keys", expanding=True)))
_PASSAGE_ROWS = (
    select(_p.id, _p.passage_id, _a.outlet, _a.published, _a.title + "\n" + _SLICE)
    .select_from(_PASSAGES)
    .where(_p.id > bindparam("last"))
    .order_by(_p.id)
    .limit(bindparam("most"))
)
_PASSAGES_OF = (
    select(_p.passage_id, _p.start, _p.end, _p.sentences)
    .where(_p.article == bindparam("row"))
    .order_by(_p.start)
)
_NUMBERS = select(_p.passage_id, _p.id).where(
    _p.passage_id.in_(bindparam("passage_ids", expanding=True))
)
_WITH_GRAMS: dict[bool, Executable] = {
    False: text("SELECT rowid FROM phrases WHERE phrases MATCH :grams LIMIT :most"),
    # Plus nothing: else PostgreSQL might go through the table by its key to save the sorting.
    True: select(phrases.c.rowid)
    .where(phrases.c.grams.bool_op("@>")(bindparam("grams", type_=ARRAY(Integer))))
    .order_by(phrases.c.rowid + 0)
    .limit(bindparam("most")),
}
_own, _known = articles.alias(), copies.alias()
_COPIES = (
    select(_a.doc_id, _c.runs, _c.minhash)
    .select_from(_own)
    .join(_known, _known.c.article == _own.c.id)
    .join(copies, _c.story == _known.c.story)
    .join(articles, _a.id == _c.article)
    .where(_own.c.doc_id == bindparam("doc_id"))
    .order_by(_a.doc_id)
)
_FREQUENCY = select(terms.c.passages).where(terms.c.term == bindparam("term"))
_VOCABULARY = (
    select(terms.c.term)
    .where(terms.c.term >= bindparam("begin"), terms.c.term < bindparam("end"))
    .order_by(terms.c.term)
)
_FACT = select(facts.c.value).where(facts.c.name == bindparam("name"))
_KNOWN = (
    select(_a.digest, _p.passage_id, _p.id)
    .select_from(articles.outerjoin(passages))
    .where(_a.doc_id == bindparam("doc_id"))
    .order_by(_p.id)
)
_NAMES = (
    select(_p.passage_id)
    .select_from(_PASSAGES)
    .where(_a.doc_id.in_(bindparam("doc_ids", expanding=True)))
)
_ADD_ARTICLE = insert(articles)
_ADD_COPY = insert(copies)
_ADD_PASSAGES = insert(passages).returning(_p.id, sort_by_parameter_order=True)
_ADD_GRAMS: dict[bool, Executable] = {
    False: text("INSERT INTO phrases (rowid, grams) VALUES (:rowid, :grams)"),
    True: insert(phrases),
}
_REMOVE_GRAMS = text(
    "INSERT INTO phrases (phrases, rowid, grams) VALUES ('delete', :rowid, :grams)"
)


@dataclass(frozen=True, slots=True)
class Listed:
    """An article's line in a list; ``upload`` is the file in ``uploads/`` that it came from, None
    for an article of the corpus."""

    doc_id: str
    title: str
    outlet: str | None
    published: date | None
    upload: str | None = None


def article_digest(article: Article) -> str:
    """Hash of everything an article says, to tell whether it changed since the last build."""
    fields = [
        article.doc_id,
        article.title,
        article.sha256,
        article.outlet,
        article.published.isoformat() if article.published else None,
        article.url,
        dict(article.metadata),
    ]
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _date(stored: str | None) -> date | None:
    return date.fromisoformat(stored) if stored else None


def _listed(row: Sequence[Any]) -> Listed:
    return Listed(row[0], row[1], row[2], _date(row[3]), row[4])


def _article(row: Sequence[Any]) -> Article:
    return Article(
        doc_id=row[0],
        title=row[1],
        text=row[2],
        outlet=row[3],
        published=_date(row[4]),
        url=row[5],
        sha256=row[6],
        source_sha256=row[7],
        metadata=MappingProxyType(json.loads(row[8])),
    )


def _paged(
    run: Callable[..., Rows], statement: Executable, last: object
) -> Iterator[Sequence[Any]]:
    """Every row of a statement that gives the first ``most`` after ``last``, going by its first
    column: no answer is held in memory whole, or kept open."""
    while page := run(statement, last=last, most=_PAGE):
        yield from page
        last = page[-1][0]


def _octal(grams: Iterable[str]) -> list[int]:
    return [int(gram, 8) for gram in grams]


class Store:
    """Read access to a store, by the path of a published one or by URL. Thread-safe.

    A text whose hash is not the recorded one raises ValueError from ``Article``. A damaged file
    raises sqlite3.Error, at once or when the damage is met.

    Raises:
        IndexNotFoundError: There is no store under the URL, or it cannot be read; from any method.
        IndexMismatchError: The store under the URL is of another version.
    """

    def __init__(self, place: str | Path, schema: str | None = None) -> None:
        """``schema``: PostgreSQL's; each corpus of a database has its own."""
        self._engine = open_engine(place, schema, writing=False)
        self._postgresql = is_postgresql(self._engine)
        try:
            # What is missing or no store shows here, not at the first question.
            with self._engine.connect() as connection:
                connection.execute(_ANY)
                check_encoding(connection)
        except BaseException:
            self._engine.dispose()
            raise

    def _run(self, statement: Executable, **given: object) -> Rows:
        with self._engine.connect() as connection:
            return connection.execute(statement, given).all()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def article(self, doc_id: str) -> Article | None:
        """The article, or None."""
        rows = self._run(_ARTICLE, doc_id=doc_id)
        return _article(rows[0]) if rows else None

    def sound_article(self, doc_id: str) -> Article | None:
        """The article; None if there is none, or its text no longer has its recorded hash."""
        try:
            return self.article(doc_id)
        except ValueError:
            return None

    def articles(self, limit: int | None = None) -> Iterator[Article]:
        """Every article, or the first ``limit``, ordered by doc_id."""
        if limit is not None and limit < _PAGE:
            rows: Iterable[Sequence[Any]] = self._run(_ARTICLES, last="", most=limit)
        else:
            rows = islice(_paged(self._run, _ARTICLES, ""), limit)
        return map(_article, rows)

    def article_counts(self) -> tuple[int, int]:
        """(articles, articles without a date)."""
        counts = select(func.count(), func.count() - func.count(_a.published))
        [(total, undated)] = self._run(counts.select_from(articles))
        return int(total), int(undated)

    def passage_count(self) -> int:
        """How many passages there are."""
        return int(self._run(select(func.count()).select_from(passages))[0][0])

    def days(self) -> tuple[date, date] | tuple[None, None]:
        """The first and the last day of publication; None, None if no article has one."""
        [(first, last)] = self._run(select(func.min(_a.published), func.max(_a.published)))
        return (date.fromisoformat(first), date.fromisoformat(last)) if first else (None, None)

    def listing(
        self, search: str = "", limit: int = 50, offset: int = 0
    ) -> tuple[int, list[Listed]]:
        """(how many articles match, ``limit`` of them from ``offset`` on), ordered by doc_id.

        An article matches if its title, outlet or doc_id has the words of ``search`` in it as they
        stand, in upper or lower case; every article matches "". No text is read: 100,000 articles
        take some tens of milliseconds, and ten times that if ``search`` has other letters than
        ASCII, whose case SQLite does not know.
        """
        words = " ".join(search.split()).casefold()
        matching = [self._has_words(words)] if words else []
        [(total,)] = self._run(select(func.count()).select_from(articles).where(*matching))
        rows = self._run(
            select(*_LISTED).where(*matching).order_by(_a.doc_id).limit(limit).offset(offset)
        )
        return int(total), [_listed(row) for row in rows]

    def _has_words(self, words: str) -> ColumnElement[bool]:
        listed: ColumnElement[Any]
        if words.isascii():
            listed = func.lower(_LISTED_TEXT)
        else:
            listed = _a.folded if self._postgresql else func.folded(_LISTED_TEXT)
        position = func.strpos if self._postgresql else func.instr
        return position(listed, words) > 0

    def undated(self, limit: int) -> list[Listed]:
        """The first ``limit`` articles without a date, ordered by doc_id."""
        undated = select(*_LISTED).where(_a.published.is_(None))
        return [_listed(row) for row in self._run(undated.order_by(_a.doc_id).limit(limit))]

    def copies(self, doc_id: str) -> list[str]:
        """doc_ids of the articles that are copies of this one (see ``rag.index.copies``), sorted;
        [] if it has none, or there is no such article."""
        return copies_of(doc_id, list(self._run(_COPIES, doc_id=doc_id)))

    def copy_groups(self, limit: int, offset: int = 0) -> list[list[Listed]]:
        """``limit`` stories of which there are copies, from ``offset`` on: most copies first, then
        by doc_id; each with its articles by date (those without one last), then by doc_id."""
        told = self._run(
            select(_c.story)
            .select_from(copies.join(articles))
            .where(_c.story.is_not(None))
            .group_by(_c.story)
            .order_by(func.count().desc(), func.min(_a.doc_id))
            .limit(limit)
            .offset(offset)
        )
        groups: dict[int, list[Listed]] = {story: [] for (story,) in told}
        for story, *row in self._run(
            select(_c.story, *_LISTED)
            .select_from(copies.join(articles))
            .where(_c.story.in_(groups))
            .order_by(_a.published.is_(None), _a.published, _a.doc_id)
        ):
            groups[story].append(_listed(row))
        return list(groups.values())

    def overview(self) -> Overview:
        """How many articles there are, by outlet, by month, and in copies; no text is read."""
        outlets: Counter[str | None] = Counter()
        months: Counter[str | None] = Counter()
        month_of = func.substr(_a.published, 1, 7).label("month")
        counts = select(_a.outlet, month_of, func.count()).group_by(_a.outlet, month_of)
        for outlet, month, count in self._run(counts):
            outlets[outlet] += count
            months[month] += count
        undated = months.pop(None, 0)
        told = select(func.count(_c.story.distinct()), func.count())
        [(stories_told, copied)] = self._run(told.where(_c.story.is_not(None)))
        most_first = sorted(outlets.items(), key=lambda item: (-item[1], item[0] is None, item[0]))
        return Overview(
            articles=outlets.total(),
            by_outlet=tuple(most_first),
            by_month=tuple(sorted((month, count) for month, count in months.items() if month)),
            undated=undated,
            copies=stories_told,
            copied=copied,
        )

    def uploaded(self) -> dict[str, str]:
        """Articles that came through the page: the file in ``uploads/`` by doc_id."""
        return {doc_id: file for doc_id, file in self._run(select(uploaded))}

    def texts(self) -> dict[str, str]:
        """Every article's doc_id by the hash of its text."""
        by_text = select(_a.sha256, _a.doc_id).order_by(_a.sha256, _a.doc_id)
        return {sha256: doc_id for sha256, doc_id in self._run(by_text)}

    def outlets(self) -> list[str]:
        """Every outlet's name, sorted."""
        named = select(_a.outlet).where(_a.outlet.is_not(None)).distinct()
        return sorted(row[0] for row in self._run(named))

    def digests(self) -> dict[str, str]:
        """``article_digest`` of every article, by doc_id."""
        return {doc_id: digest for doc_id, digest in self._run(select(_a.doc_id, _a.digest))}

    def skipped(self) -> tuple[Skipped, ...]:
        """What the last build left out."""
        columns = skipped.c.path, skipped.c.reason, skipped.c.detail
        return tuple(Skipped(*row) for row in self._run(select(*columns).order_by(skipped.c.rowid)))

    def passage_rows(self) -> Iterator[Sequence[Any]]:
        """(id, passage_id, outlet, published, title + text) of every passage, by id."""
        return _paged(self._run, _PASSAGE_ROWS, 0)

    def passages(self, ids: Sequence[int]) -> list[Passage]:
        """The passages with these ids, in this order; each is a slice of its article's text."""
        found = dict(self._whole_passages(_PASSAGES_BY_ID, [int(i) for i in ids]))
        return [found[int(i)] for i in ids]

    def named_passages(self, passage_ids: Sequence[str]) -> list[Passage]:
        """Those of these passages that there are, in no particular order."""
        return [found for _, found in self._whole_passages(_PASSAGES_BY_NAME, passage_ids)]

    def _whole_passages(
        self, statement: Executable, keys: Sequence[object]
    ) -> Iterator[tuple[int, Passage]]:
        for start in range(0, len(keys), _PAGE):
            for row in self._run(statement, keys=list(keys[start : start + _PAGE])):
                offsets = array("I", row[4])
                yield (
                    row[0],
                    Passage(
                        passage_id=row[1],
                        span=Span(row[5], row[2], row[3], row[10]),
                        title=row[6],
                        outlet=row[7],
                        published=_date(row[8]),
                        url=row[9],
                        sentences=tuple(zip(offsets[::2], offsets[1::2], strict=True)),
                    ),
                )

    def passage_numbers(self, passage_ids: Sequence[str]) -> list[int]:
        """The row ids of passages, in the order given."""
        numbers: dict[str, int] = {}
        for start in range(0, len(passage_ids), _PAGE):
            some = list(passage_ids[start : start + _PAGE])
            numbers |= {name: row for name, row in self._run(_NUMBERS, passage_ids=some)}
        return [numbers[name] for name in passage_ids]

    def with_grams(self, grams: Iterable[str], limit: int | None = None) -> list[int]:
        """The ids of the articles that have all of these grams, the oldest first."""
        if self._postgresql:
            rows = self._run(_WITH_GRAMS[True], grams=_octal(grams), most=limit)
        else:
            most = -1 if limit is None else limit
            rows = self._run(_WITH_GRAMS[False], grams=" AND ".join(grams), most=most)
        return [row for (row,) in rows]

    def article_at(self, row: int) -> Article:
        """The article with an id of ``with_grams``."""
        return _article(self._run(_ARTICLE_AT, row=row)[0])

    def facts(self, begin: str = "") -> dict[str, Any]:
        """What ``StoreWriter.set_fact`` has stored, by name, of names that begin so. Only of a
        store that stands alone."""
        chosen = select(facts).where(facts.c.name.startswith(begin, autoescape=True))
        return {name: json.loads(value) for name, value in self._run(chosen)}

    def fact(self, name: str) -> Any:
        """One of them; None if it was not stored."""
        rows = self._run(_FACT, name=name)
        return json.loads(rows[0][0]) if rows else None

    def document_frequency(self, term: str) -> int:
        """In how many passages the stemmed term occurs, as ``StoreWriter.count_terms`` found. Only
        of a store that stands alone."""
        rows = self._run(_FREQUENCY, term=term)
        return int(rows[0][0]) if rows else 0

    def vocabulary(self, begin: str = "") -> list[str]:
        """Every stemmed term that was counted and begins so, sorted. Only of a store that stands
        alone."""
        return [row[0] for row in self._run(_VOCABULARY, begin=begin, end=f"{begin}\U0010ffff")]

    def check(self) -> list[str]:
        """Lines that say what is damaged: SQLite's own check, hashes, offsets. Empty: sound."""
        problems = []
        if not self._postgresql:
            found = self._run(text("PRAGMA quick_check(5)"))
            problems = [f"SQLite: {row[0]}" for row in found if row[0] != "ok"]
        texts = select(_a.id, _a.doc_id, _a.text, _a.sha256).where(_a.id > bindparam("last"))
        texts = texts.order_by(_a.id).limit(bindparam("most"))
        for article, doc_id, content, sha256 in _paged(self._run, texts, 0):
            if hashlib.sha256(content.encode()).hexdigest() != sha256:
                problems.append(f"article {doc_id}: text does not have its recorded hash")
            last = 0
            for passage_id, start, end, blob in self._run(_PASSAGES_OF, row=article):
                offsets = list(array("I", blob))
                inside = last <= start < end <= len(content) and content[start:end].strip()
                if not inside or offsets[:1] != [start] or offsets[-1:] != [end]:
                    problems.append(f"passage {passage_id}: is no slice of its article")
                last = end
        return problems


def refusal(article: Article) -> Skipped | None:
    """Why PostgreSQL cannot hold an article; None if it can."""
    fields = article.doc_id, article.title, article.outlet, article.url, article.text
    if any("\x00" in field for field in fields if field):
        return Skipped(article.doc_id, "binary", "zero characters")
    if len(article.doc_id.encode()) > _LONGEST_ID:
        return Skipped(article.doc_id[:80], "oversized", f"an id over {_LONGEST_ID} bytes")
    return None


_MANY = 1_000
"""After so many changes SQLite's phrase index, which grew in pieces, is made one: each look-up asks
every piece."""


class StoreWriter:
    """Write access to a store, by path to one that is not published yet or by URL; it is made if it
    is not there. One thread; call ``close`` at the end, or use it as a context manager.

    What ``commit`` has written outlives the process. In PostgreSQL several may write at once,
    each its own articles in the order of their doc_ids; see ``one_ingest`` for what only one may.

    Raises:
        IndexNotFoundError: The URL is none that is known.
        IndexWriteError: The store under the URL cannot be written; from any method.
    """

    def __init__(self, place: str | Path, schema: str | None = None) -> None:
        self._engine = open_engine(place, schema, writing=True)
        self._postgresql = is_postgresql(self._engine)
        self._changed = 0
        try:
            self._db = self._engine.connect()
            self._prepare(schema, alone=is_url(place))
        except BaseException:
            self._engine.dispose()
            raise

    def _prepare(self, schema: str | None, *, alone: bool) -> None:
        if self._postgresql:
            check_encoding(self._db)
            # Of several that begin at once, one makes the tables.
            self._lock("rag tables")
        if not inspect(self._db).has_table("articles", schema=schema if self._postgresql else None):
            create_tables(self._db, alone=alone, schema=schema)
        self._db.commit()

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self._db.close()
            self._engine.dispose()

    def _lock(self, name: str) -> None:
        """Until the transaction ends, nobody else has the lock of this name."""
        self._db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))

    def _run(self, statement: Executable, **given: object) -> Rows:
        return self._db.execute(statement, given).all()

    def refusal(self, article: Article) -> Skipped | None:
        """Why this database cannot hold an article; None if it can. SQLite holds every one."""
        return refusal(article) if self._postgresql else None

    def put(self, article: Article, passages: Sequence[Passage]) -> list[int]:
        """Insert an article with its passages, or replace what there is of it; returns the
        passages' ids. What is there already, word for word, stays and keeps its ids."""
        if self._postgresql:
            self._lock(f"rag article {article.doc_id}")
        known = self._run(_KNOWN, doc_id=article.doc_id)
        if known:
            names = [row[1] for row in known if row[1] is not None]
            same = known[0][0] == article_digest(article)
            if same and names == [passage.passage_id for passage in passages]:
                return [row[2] for row in known if row[1] is not None]
            self.remove(article.doc_id)
        return self.add(article, passages)

    def add(self, article: Article, passages: Iterable[Passage]) -> list[int]:
        """Insert an article that is not there, with its passages; returns the passages' ids."""
        if refused := self.refusal(article):
            raise IndexWriteError(
                f"PostgreSQL cannot hold the article {refused.path!r} ({refused.detail}); leave it "
                "out."
            )
        self._changed += 1
        values: dict[str, Any] = {
            "doc_id": article.doc_id,
            "title": article.title,
            "text": article.text,
            "outlet": article.outlet,
            "published": article.published.isoformat() if article.published else None,
            "url": article.url,
            "sha256": article.sha256,
            "source_sha256": article.source_sha256,
            "metadata": json.dumps(dict(article.metadata), ensure_ascii=False, sort_keys=True),
            "digest": article_digest(article),
        }
        if self._postgresql:
            listed = article.title, article.outlet or "", article.doc_id
            values["folded"] = "\n".join(listed).casefold()
        inserted = self._db.execute(_ADD_ARTICLE, values).inserted_primary_key
        assert inserted is not None
        row = inserted[0]
        grams: Any = all_grams(article.text)
        if self._postgresql:
            grams = _octal(grams.split())
        self._db.execute(_ADD_GRAMS[self._postgresql], {"rowid": row, "grams": grams})
        minhash, runs = signature(article.text)
        self._db.execute(_ADD_COPY, {"article": row, "runs": runs, "minhash": minhash})
        new = [
            {
                "passage_id": passage.passage_id,
                "article": row,
                "start": passage.span.start,
                "end": passage.span.end,
                "sentences": array(
                    "I", [offset for pair in passage.sentences for offset in pair]
                ).tobytes(),
            }
            for passage in passages
        ]
        return list(self._db.scalars(_ADD_PASSAGES, new)) if new else []

    def remove(self, doc_id: str) -> list[str]:
        """Delete an article with its passages; returns their passage_ids."""
        self._changed += 1
        [(row, content)] = self._run(select(_a.id, _a.text).where(_a.doc_id == doc_id))
        gone = self._run(select(_p.passage_id).where(_p.article == row).order_by(_p.id))
        if self._postgresql:
            self._db.execute(delete(phrases).where(phrases.c.rowid == row))
        else:
            self._db.execute(_REMOVE_GRAMS, {"rowid": row, "grams": all_grams(content)})
        self._db.execute(delete(copies).where(_c.article == row))
        self._db.execute(delete(passages).where(_p.article == row))
        self._db.execute(delete(articles).where(_a.id == row))
        return [passage_id for (passage_id,) in gone]

    def tell_stories(self) -> None:
        """Find out anew which articles are copies of one story: call when all are added."""
        # The order decides what is compared; by doc_id, it does not matter which came first.
        signed = select(_c.article, _c.runs, _c.minhash).select_from(copies.join(articles))
        numbers, counts, minhashes = [], [], bytearray()
        for article, runs, minhash in self._db.execute(signed.order_by(_a.doc_id)):
            numbers.append(article)
            counts.append(runs)
            minhashes += minhash
        told = stories(read_minhash(minhashes), np.array(counts))
        self._db.execute(update(copies).where(_c.story.is_not(None)).values(story=None))
        shared = np.flatnonzero(np.bincount(told)[told] > 1)
        self._insert(
            update(copies).where(_c.article == bindparam("row")).values(story=bindparam("told")),
            [{"row": numbers[at], "told": int(told[at])} for at in shared],
        )

    def count_terms(self) -> None:
        """Count anew in how many passages each stemmed term occurs: call when all are added. Only
        of a store that stands alone."""
        counts: Counter[str] = Counter()
        for row in _paged(self._run, _PASSAGE_ROWS, 0):
            counts.update(set(lexical.terms(row[4])))
        self._db.execute(delete(terms))
        self._insert(
            insert(terms),
            [
                {"term": term, "passages": count}
                for term, count in counts.items()
                if len(term) <= _LONGEST_TERM
            ],
        )

    def set_fact(self, name: str, value: object) -> None:
        """Store what is to be known of the corpus, as JSON. Only in a store that stands alone."""
        self._db.execute(delete(facts).where(facts.c.name == name))
        self._db.execute(insert(facts), {"name": name, "value": json.dumps(value)})

    def forget_fact(self, name: str) -> None:
        """Take out what ``set_fact`` has stored."""
        self._db.execute(delete(facts).where(facts.c.name == name))

    def passage_ids(self, doc_ids: Sequence[str]) -> list[str]:
        """The passage_ids of articles; those that are not there have none."""
        return [
            passage_id
            for start in range(0, len(doc_ids), _PAGE)
            for (passage_id,) in self._run(_NAMES, doc_ids=list(doc_ids[start : start + _PAGE]))
        ]

    def clear(self) -> None:
        """Delete every article and what came of them; the facts stay."""
        if self._postgresql:
            self._db.execute(delete(phrases))
        else:
            self._db.execute(text("INSERT INTO phrases (phrases) VALUES ('delete-all')"))
        for table in (skipped, uploaded, terms, copies, passages, articles):
            self._db.execute(delete(table))

    def set_skipped(self, items: Iterable[Skipped]) -> None:
        """Replace the list of what was left out."""
        self._db.execute(delete(skipped))
        # What has zero characters in its name is named without them, where they cannot be kept.
        zero = "\ufffd" if self._postgresql else "\x00"
        self._insert(
            insert(skipped),
            [
                {
                    "path": item.path.replace("\x00", zero),
                    "reason": item.reason,
                    "detail": item.detail.replace("\x00", zero),
                }
                for item in items
            ],
        )

    def set_uploaded(self, files: Mapping[str, str]) -> None:
        """Replace the list of what came through the page: the file by doc_id."""
        self._db.execute(delete(uploaded))
        new = [{"doc_id": doc_id, "file": file} for doc_id, file in files.items()]
        self._insert(insert(uploaded), new)

    def _insert(self, statement: Executable, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._db.execute(statement, rows)

    def commit(self) -> None:
        """Keep what was written, whatever becomes of this process."""
        self._db.commit()

    def close(self) -> None:
        """Commit and close."""
        if self._changed > _MANY and not self._postgresql:
            self._db.execute(text("INSERT INTO phrases (phrases) VALUES ('optimize')"))
        self._db.commit()
        self._db.close()
        self._engine.dispose()
