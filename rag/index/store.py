"""The article store: SQLite with the full texts, the passages' offsets, and a phrase index.

The store is the truth; vectors and postings are derived from it. A published store is never
written again (a build works on a copy), so it is opened read-only and unlocked.

Tables: ``articles`` (one row an article), ``passages`` (offsets into an article; ``id`` grows and
is never reused), ``skipped`` (what the last build left out), ``uploaded`` (which articles came
through the page, and from which file), ``copies`` (a signature of each article's text, and which
story it tells if other articles tell it in the same words), ``phrases`` (FTS5 over the texts'
grams, row id = article id; it holds no text of its own).
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from rag.datatypes import Article, Overview, Passage, Skipped, Span
from rag.index.copies import copies_of, read_minhash, signature, stories
from rag.index.grams import all_grams

_SCHEMA = """
CREATE TABLE articles (
    id INTEGER PRIMARY KEY, doc_id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, outlet TEXT,
    published TEXT, url TEXT, text TEXT NOT NULL, sha256 TEXT NOT NULL,
    source_sha256 TEXT NOT NULL, metadata TEXT NOT NULL, digest TEXT NOT NULL
);
CREATE TABLE passages (
    id INTEGER PRIMARY KEY, passage_id TEXT NOT NULL UNIQUE,
    article INTEGER NOT NULL REFERENCES articles(id), start INTEGER NOT NULL,
    "end" INTEGER NOT NULL, sentences BLOB NOT NULL
);
CREATE INDEX passages_by_article ON passages(article);
CREATE TABLE skipped (path TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL);
CREATE TABLE uploaded (doc_id TEXT PRIMARY KEY, file TEXT NOT NULL);
CREATE TABLE copies (
    article INTEGER PRIMARY KEY REFERENCES articles(id), story INTEGER, runs INTEGER NOT NULL,
    minhash BLOB NOT NULL
);
CREATE INDEX copies_by_story ON copies(story) WHERE story NOT NULL;
-- These two hold all that their readers ask for: none of them walks through the texts.
CREATE INDEX articles_listing ON articles(doc_id, title, outlet, published);
CREATE INDEX articles_by_text ON articles(sha256, doc_id);
CREATE VIRTUAL TABLE phrases USING fts5(
    grams, content='', detail=none, columnsize=0, tokenize='ascii'
);
"""
_LISTED = "title || char(10) || coalesce(outlet, '') || char(10) || doc_id"
_LISTED_COLUMNS = (
    "a.doc_id, a.title, a.outlet, a.published, "
    "(SELECT file FROM uploaded u WHERE u.doc_id = a.doc_id)"
)
_ARTICLE_COLUMNS = "doc_id, title, text, outlet, published, url, sha256, source_sha256, metadata"


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


class Store:
    """Read access to a published store. Thread-safe: one connection for each thread.

    A text whose hash is not the recorded one raises ValueError from ``Article``.
    """

    def __init__(self, path: Path) -> None:
        self._uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        # A file that is missing or no store shows here, not at the first question.
        self._db().execute("SELECT 1 FROM articles LIMIT 1")

    def _db(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._uri, uri=True, check_same_thread=False)
            connection.create_function("folded", 1, str.casefold, deterministic=True)
            self._local.connection = connection
            with self._lock:
                self._connections.append(connection)
        return connection

    def close(self) -> None:
        """Close every thread's connection."""
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()

    def article(self, doc_id: str) -> Article | None:
        """The article, or None."""
        row = (
            self._db()
            .execute(f"SELECT {_ARTICLE_COLUMNS} FROM articles WHERE doc_id = ?", (doc_id,))
            .fetchone()
        )
        return _article(row) if row else None

    def sound_article(self, doc_id: str) -> Article | None:
        """The article; None if there is none, or its text no longer has its recorded hash."""
        try:
            return self.article(doc_id)
        except ValueError:
            return None

    def articles(self, limit: int | None = None) -> Iterator[Article]:
        """Every article, or the first ``limit``, ordered by doc_id."""
        query = f"SELECT {_ARTICLE_COLUMNS} FROM articles ORDER BY doc_id LIMIT ?"
        for row in self._db().execute(query, (-1 if limit is None else limit,)):
            yield _article(row)

    def article_counts(self) -> tuple[int, int]:
        """(articles, articles without a date)."""
        row = self._db().execute("SELECT count(*), count(*) - count(published) FROM articles")
        total, undated = row.fetchone()
        return int(total), int(undated)

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
        fold = "lower" if words.isascii() else "folded"
        where = f"WHERE instr({fold}({_LISTED}), :words)" if words else ""
        given = {"words": words, "limit": limit, "offset": offset}
        (total,) = self._db().execute(f"SELECT count(*) FROM articles {where}", given).fetchone()
        rows = self._db().execute(
            f"SELECT {_LISTED_COLUMNS} FROM articles a {where} "
            "ORDER BY doc_id LIMIT :limit OFFSET :offset",
            given,
        )
        return int(total), [_listed(row) for row in rows]

    def undated(self, limit: int) -> list[Listed]:
        """The first ``limit`` articles without a date, ordered by doc_id."""
        rows = self._db().execute(
            f"SELECT {_LISTED_COLUMNS} FROM articles a WHERE published IS NULL "
            "ORDER BY doc_id LIMIT ?",
            (limit,),
        )
        return [_listed(row) for row in rows]

    def copies(self, doc_id: str) -> list[str]:
        """doc_ids of the articles that are copies of this one (see ``rag.index.copies``), sorted;
        [] if it has none, or there is no such article."""
        rows = self._db().execute(
            "SELECT a.doc_id, c.runs, c.minhash FROM articles own "
            "JOIN copies known ON known.article = own.id JOIN copies c ON c.story = known.story "
            "JOIN articles a ON a.id = c.article WHERE own.doc_id = ? ORDER BY a.doc_id",
            (doc_id,),
        )
        return copies_of(doc_id, rows.fetchall())

    def copy_groups(self, limit: int, offset: int = 0) -> list[list[Listed]]:
        """``limit`` stories of which there are copies, from ``offset`` on: most copies first, then
        by doc_id; each with its articles by date (those without one last), then by doc_id."""
        stories = self._db().execute(
            "SELECT c.story FROM copies c JOIN articles a ON a.id = c.article "
            "WHERE c.story NOT NULL GROUP BY c.story ORDER BY count(*) DESC, min(a.doc_id) "
            "LIMIT ? OFFSET ?",
            (limit, offset),
        )
        query = (
            f"SELECT {_LISTED_COLUMNS} FROM copies c JOIN articles a ON a.id = c.article "
            "WHERE c.story = ? ORDER BY a.published IS NULL, a.published, a.doc_id"
        )
        return [
            [_listed(row) for row in self._db().execute(query, found)] for found in list(stories)
        ]

    def overview(self) -> Overview:
        """How many articles there are, by outlet, by month, and in copies; no text is read."""
        outlets: Counter[str | None] = Counter()
        months: Counter[str | None] = Counter()
        for outlet, month, count in self._db().execute(
            "SELECT outlet, substr(published, 1, 7), count(*) FROM articles GROUP BY 1, 2"
        ):
            outlets[outlet] += count
            months[month] += count
        undated = months.pop(None, 0)
        found = self._db().execute(
            "SELECT count(DISTINCT story), count(*) FROM copies WHERE story NOT NULL"
        )
        copies, copied = found.fetchone()
        most_first = sorted(outlets.items(), key=lambda item: (-item[1], item[0] is None, item[0]))
        return Overview(
            articles=outlets.total(),
            by_outlet=tuple(most_first),
            by_month=tuple(sorted((month, count) for month, count in months.items() if month)),
            undated=undated,
            copies=copies,
            copied=copied,
        )

    def uploaded(self) -> dict[str, str]:
        """Articles that came through the page: the file in ``uploads/`` by doc_id."""
        return dict(self._db().execute("SELECT doc_id, file FROM uploaded"))

    def texts(self) -> dict[str, str]:
        """Every article's doc_id by the hash of its text."""
        return dict(self._db().execute("SELECT sha256, doc_id FROM articles"))

    def outlets(self) -> list[str]:
        """Every outlet's name, sorted."""
        rows = self._db().execute("SELECT DISTINCT outlet FROM articles WHERE outlet NOT NULL")
        return sorted(row[0] for row in rows)

    def digests(self) -> dict[str, str]:
        """``article_digest`` of every article, by doc_id."""
        return dict(self._db().execute("SELECT doc_id, digest FROM articles"))

    def skipped(self) -> tuple[Skipped, ...]:
        """What the last build left out."""
        return tuple(Skipped(*row) for row in self._db().execute("SELECT * FROM skipped"))

    def passage_rows(self) -> Iterator[tuple[int, str, str | None, str | None, str]]:
        """(id, passage_id, outlet, published, title + text) of every passage, by id."""
        yield from self._db().execute(
            "SELECT p.id, p.passage_id, a.outlet, a.published, "
            'a.title || char(10) || substr(a.text, p.start + 1, p."end" - p.start) '
            "FROM passages p JOIN articles a ON a.id = p.article ORDER BY p.id"
        )

    def passages(self, ids: Sequence[int]) -> list[Passage]:
        """The passages with these ids, in this order; each is a slice of its article's text."""
        found = {}
        for start in range(0, len(ids), 500):
            some = ids[start : start + 500]
            marks = ",".join("?" * len(some))
            rows = self._db().execute(
                'SELECT p.id, p.passage_id, p.start, p."end", p.sentences, a.doc_id, a.title, '
                "a.outlet, a.published, a.url, "
                'substr(a.text, p.start + 1, p."end" - p.start) '
                f"FROM passages p JOIN articles a ON a.id = p.article WHERE p.id IN ({marks})",
                [int(i) for i in some],
            )
            for row in rows:
                offsets = array("I", row[4])
                found[row[0]] = Passage(
                    passage_id=row[1],
                    span=Span(row[5], row[2], row[3], row[10]),
                    title=row[6],
                    outlet=row[7],
                    published=_date(row[8]),
                    url=row[9],
                    sentences=tuple(zip(offsets[::2], offsets[1::2], strict=True)),
                )
        return [found[int(i)] for i in ids]

    def passage_numbers(self, passage_ids: Sequence[str]) -> list[int]:
        """The row ids of passages, in the order given."""
        query = "SELECT id FROM passages WHERE passage_id = ?"
        return [self._db().execute(query, (name,)).fetchone()[0] for name in passage_ids]

    def with_grams(self, grams: Iterable[str], limit: int = -1) -> Iterator[int]:
        """The ids of the articles that have all of these grams, the oldest first."""
        query = "SELECT rowid FROM phrases WHERE phrases MATCH ? LIMIT ?"
        for (row,) in self._db().execute(query, (" AND ".join(grams), limit)):
            yield row

    def article_at(self, row: int) -> Article:
        """The article with an id of ``with_grams``."""
        query = f"SELECT {_ARTICLE_COLUMNS} FROM articles WHERE id = ?"
        return _article(self._db().execute(query, (row,)).fetchone())

    def check(self) -> list[str]:
        """Lines that say what is damaged: SQLite's own check, hashes, offsets. Empty: sound."""
        problems = [
            f"SQLite: {row[0]}"
            for row in self._db().execute("PRAGMA quick_check(5)")
            if row[0] != "ok"
        ]
        texts = self._db().execute("SELECT id, doc_id, text, sha256 FROM articles")
        for article, doc_id, text, sha256 in texts:
            if hashlib.sha256(text.encode()).hexdigest() != sha256:
                problems.append(f"article {doc_id}: text does not have its recorded hash")
            last = 0
            for passage_id, start, end, blob in self._db().execute(
                'SELECT passage_id, start, "end", sentences FROM passages WHERE article = ? '
                "ORDER BY start",
                (article,),
            ):
                offsets = list(array("I", blob))
                inside = last <= start < end <= len(text) and text[start:end].strip()
                if not inside or offsets[:1] != [start] or offsets[-1:] != [end]:
                    problems.append(f"passage {passage_id}: is no slice of its article")
                last = end
        return problems


_MANY = 1_000
"""After so many changes the phrase index, which grew in pieces, is made one: each look-up asks
every piece."""


class StoreWriter:
    """Write access to a store that is not published yet. One thread; call ``close`` at the end."""

    def __init__(self, path: Path) -> None:
        fresh = not path.exists()
        self._changed = 0
        self._db = sqlite3.connect(path)
        # Nobody reads this file before it is published, and a killed build is thrown away.
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        if fresh:
            self._db.executescript(_SCHEMA)

    def add(self, article: Article, passages: Iterable[Passage]) -> list[int]:
        """Insert an article with its passages; returns the passages' ids."""
        self._changed += 1
        row = self._db.execute(
            f"INSERT INTO articles ({_ARTICLE_COLUMNS}, digest) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                article.doc_id,
                article.title,
                article.text,
                article.outlet,
                article.published.isoformat() if article.published else None,
                article.url,
                article.sha256,
                article.source_sha256,
                json.dumps(dict(article.metadata), ensure_ascii=False, sort_keys=True),
                article_digest(article),
            ),
        ).lastrowid
        self._db.execute(
            "INSERT INTO phrases (rowid, grams) VALUES (?, ?)", (row, all_grams(article.text))
        )
        minhash, runs = signature(article.text)
        self._db.execute(
            "INSERT INTO copies (article, runs, minhash) VALUES (?, ?, ?)", (row, runs, minhash)
        )
        ids = []
        for passage in passages:
            flat = array("I", [offset for pair in passage.sentences for offset in pair])
            new = self._db.execute(
                'INSERT INTO passages (passage_id, article, start, "end", sentences) '
                "VALUES (?, ?, ?, ?, ?)",
                (passage.passage_id, row, passage.span.start, passage.span.end, flat.tobytes()),
            ).lastrowid
            assert new is not None
            ids.append(new)
        return ids

    def remove(self, doc_id: str) -> list[str]:
        """Delete an article with its passages; returns their passage_ids."""
        self._changed += 1
        row, text = self._db.execute(
            "SELECT id, text FROM articles WHERE doc_id = ?", (doc_id,)
        ).fetchone()
        gone = self._db.execute("SELECT passage_id FROM passages WHERE article = ?", (row,))
        passage_ids = [found[0] for found in gone]
        self._db.execute(
            "INSERT INTO phrases (phrases, rowid, grams) VALUES ('delete', ?, ?)",
            (row, all_grams(text)),
        )
        self._db.execute("DELETE FROM copies WHERE article = ?", (row,))
        self._db.execute("DELETE FROM passages WHERE article = ?", (row,))
        self._db.execute("DELETE FROM articles WHERE id = ?", (row,))
        return passage_ids

    def tell_stories(self) -> None:
        """Find out anew which articles are copies of one story: call when all are added."""
        # The order decides what is compared; by doc_id, it does not matter which came first.
        rows = self._db.execute(
            "SELECT c.article, c.runs, c.minhash FROM copies c JOIN articles a ON a.id = c.article "
            "ORDER BY a.doc_id"
        )
        articles, counts, minhashes = [], [], bytearray()
        for article, runs, minhash in rows:
            articles.append(article)
            counts.append(runs)
            minhashes += minhash
        told = stories(read_minhash(minhashes), np.array(counts))
        self._db.execute("UPDATE copies SET story = NULL WHERE story NOT NULL")
        self._db.executemany(
            "UPDATE copies SET story = ? WHERE article = ?",
            ((int(told[at]), articles[at]) for at in np.flatnonzero(np.bincount(told)[told] > 1)),
        )

    def set_skipped(self, skipped: Iterable[Skipped]) -> None:
        """Replace the list of what was left out."""
        self._db.execute("DELETE FROM skipped")
        self._db.executemany(
            "INSERT INTO skipped VALUES (?, ?, ?)", [(s.path, s.reason, s.detail) for s in skipped]
        )

    def set_uploaded(self, files: Mapping[str, str]) -> None:
        """Replace the list of what came through the page: the file by doc_id."""
        self._db.execute("DELETE FROM uploaded")
        self._db.executemany("INSERT INTO uploaded VALUES (?, ?)", files.items())

    def close(self) -> None:
        """Commit and close."""
        if self._changed > _MANY:
            self._db.execute("INSERT INTO phrases (phrases) VALUES ('optimize')")
        self._db.commit()
        self._db.close()
