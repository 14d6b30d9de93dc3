"""The article store, in SQLite and in PostgreSQL: the same answers, whatever happens."""

from __future__ import annotations

import itertools
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import MappingProxyType

import pytest
from conftest import Place
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import make_url, text

from rag.datatypes import (
    Article,
    IndexMismatchError,
    IndexNotFoundError,
    IndexWriteError,
    Passage,
    Skipped,
    Span,
)
from rag.index.database import one_ingest, open_engine
from rag.index.grams import grams, words
from rag.index.lexical import Postings
from rag.index.normalise import fold
from rag.index.store import Store, StoreWriter

NewPlace = Callable[[], Place]

# Of the first release; files of this form are in use.
FORMAT_2 = """
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
CREATE INDEX articles_listing ON articles(doc_id, title, outlet, published);
CREATE INDEX articles_by_text ON articles(sha256, doc_id);
CREATE VIRTUAL TABLE phrases USING fts5(
    grams, content='', detail=none, columnsize=0, tokenize='ascii'
);
"""


def cut(article: Article, *offsets: int) -> list[Passage]:
    """Passages between these offsets, each of one sentence."""
    return [
        Passage(
            f"{article.doc_id}#{start}-{end}", Span.cut(article, start, end), article.title,
            article.outlet, article.published, article.url, ((start, end),),
        )
        for start, end in itertools.pairwise(offsets)
    ]  # fmt: skip


FERRY = Article(
    "ferry", "Ferry ends 🛳", "The 🛳 ferry stopped. Its captain left.", "Ystad Post",
    date(2025, 3, 4), "https://example.org/ferry", metadata=MappingProxyType({"by": "Å. Lind"}),
)  # fmt: skip
BRIDGE = Article("bridge", "The bridge opens", "The mayor opened the bridge. It cost much.")


def write(place: Place, *some: Article) -> Place:
    with StoreWriter(*place) as writer:
        for article in some:
            writer.put(article, cut(article, 0, 10, len(article.text)))
        writer.tell_stories()
    return place


def said(store: Store, searches: list[str], pieces: list[list[str]]) -> dict[str, object]:
    """What every method of a store says, row ids left out: who wrote last may number otherwise."""
    articles = list(store.articles())
    rows = list(store.passage_rows())
    found = store.passages([row[0] for row in rows])
    assert store.passage_numbers([passage.passage_id for passage in found]) == [r[0] for r in rows]
    return {
        "articles": articles,
        "first": [[one.doc_id for one in store.articles(limit)] for limit in (0, 1, 2)],
        "article": [store.article(one.doc_id) for one in articles] + [store.article("none")],
        "counts": store.article_counts(),
        "listing": [store.listing(words) for words in searches] + [store.listing("", 1, 1)],
        "undated": store.undated(2),
        "copies": [store.copies(one.doc_id) for one in articles] + [store.copies("none")],
        "copy_groups": [store.copy_groups(9), store.copy_groups(1, 1)],
        "overview": store.overview(),
        "uploaded": store.uploaded(),
        "texts": store.texts(),
        "outlets": store.outlets(),
        "digests": store.digests(),
        "skipped": store.skipped(),
        "passage_rows": sorted(tuple(row)[1:] for row in rows),
        "passages": sorted(found, key=lambda passage: passage.passage_id),
        "with_grams": [
            sorted(store.article_at(row).doc_id for row in store.with_grams(some))
            for some in pieces
        ],
        "with_grams, the first": [len(store.with_grams(some, 1)) for some in pieces],
        "check": store.check(),
    }


WORDS = ["the", "Ferry", "sank", "İstanbul", "STRASSE", "straße", "🛳", "ſs", "\u212a", "b-2", "_%"]
SOME = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
ANY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)
FIELD = st.one_of(st.none(), SOME, ANY)
ARTICLES = st.builds(
    Article,
    st.sampled_from(["a", "B", "b", "_", "é", "Z", "\U0001f6f3", "\uffee", "a b"]),
    st.one_of(SOME, ANY),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=30).map(" ".join),
    FIELD,
    st.one_of(st.none(), st.dates(date(1999, 1, 1), date(2000, 3, 1))),
    FIELD,
    metadata=st.dictionaries(ANY, st.text(max_size=2).filter(str.isascii)).map(MappingProxyType),
)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(ARTICLES, st.booleans()), max_size=8),
    st.lists(st.one_of(SOME, ANY), max_size=4),
    st.lists(st.tuples(ANY, ANY), max_size=3),
)
def test_both_engines_say_the_same(new_file, new_schema, changes, searches, left_out) -> None:
    """Of random articles: put, put again with another text, and removed."""
    places = new_file(), new_schema()
    for place in places:
        there = set()
        with StoreWriter(*place) as writer:
            for article, keep in changes:
                if keep or article.doc_id not in there:
                    half = len(article.text) // 2
                    offsets = (0, half, len(article.text)) if half else (0, len(article.text))
                    assert len(writer.put(article, cut(article, *offsets))) == len(offsets) - 1
                    there.add(article.doc_id)
                else:
                    writer.remove(article.doc_id)
                    there.discard(article.doc_id)
            writer.tell_stories()
            writer.set_skipped(Skipped(path, "empty", detail) for path, detail in left_out)
            writer.set_uploaded({doc_id: f"{doc_id}.txt" for doc_id in there if doc_id < "b"})
    searches = [*searches, *(article.title[:3] for article, _ in changes), "straß", "ss", "k"]
    pieces = []
    for article, _ in changes:
        own = words(fold(article.text))
        pieces += [grams(own[at : at + 3], min(len(own), 2)) for at in range(0, len(own) - 1, 5)]
    first, second = (Store(*place) for place in places)
    try:
        here, there = said(first, searches, pieces), said(second, searches, pieces)
        for name, value in here.items():
            assert value == there[name], name
        assert here["check"] == []
        names = [article.doc_id for article in here["articles"]]
        assert names == sorted(names)
    finally:
        first.close()
        second.close()


def test_a_file_has_the_form_of_those_in_use(new_file: Callable[[], tuple[Path, None]]) -> None:
    old, new = new_file()[0], new_file()[0]
    with sqlite3.connect(old) as made:
        made.executescript(FORMAT_2)
    StoreWriter(new).close()
    forms = []
    for path in (old, new):
        db = sqlite3.connect(path)
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE sql NOT NULL")]
        form: dict[str, object] = {
            name: [
                # Whether a key may be null is said otherwise, and SQLite's keys never are.
                (column, kind, null or key, default, key)
                for _, column, kind, null, default, key in db.execute(f"PRAGMA table_info({name})")
            ]
            for name in names
        }
        for name in names:
            for _, index, unique, origin, partial in db.execute(f"PRAGMA index_list({name})"):
                columns = [row[2] for row in db.execute(f"PRAGMA index_info({index})")]
                form[f"{name} by {columns}"] = unique, origin, partial
        forms.append(form)
    assert forms[1] == forms[0]
    assert "phrases" in forms[0]
    assert [path.name for path in new.parent.iterdir()] == ["store.sqlite"]


def test_a_file_in_use_is_read_and_written_on(new_file: NewPlace) -> None:
    place = new_file()
    with sqlite3.connect(place[0]) as made:
        made.executescript(FORMAT_2)
    assert said(Store(*write(place, FERRY, BRIDGE)), ["ferry"], []) == said(
        Store(*write(new_file(), FERRY, BRIDGE)), ["ferry"], []
    )


def test_what_is_there_stays_and_what_changed_is_replaced(new_place: NewPlace) -> None:
    place = new_place()
    passages = cut(FERRY, 0, 21, len(FERRY.text))
    changed = replace(FERRY, title="Another")
    with StoreWriter(*place) as writer:
        other = writer.put(BRIDGE, cut(BRIDGE, 0, 5))
        ids = writer.put(FERRY, passages)
        assert writer.put(FERRY, passages) == ids
        assert writer.put(replace(FERRY), passages) == ids
        recut = writer.put(FERRY, passages[:1])
        assert len(recut) == 1
        again = writer.put(changed, cut(changed, 0, 4))
    store = Store(*place)
    assert store.passages([*again, *other]) == [*cut(changed, 0, 4), *cut(BRIDGE, 0, 5)]
    assert list(store.articles()) == [BRIDGE, changed]
    assert len(list(store.passage_rows())) == 2
    assert [len(store.with_grams(grams([word], 1))) for word in ("captain", "mayor")] == [1, 1]


KILLED = """
import os, signal, sys
from rag.datatypes import Article
from rag.index.store import StoreWriter
from test_store import BRIDGE, FERRY, cut
place = sys.argv[1], sys.argv[2] or None
writer = StoreWriter(*place)
writer.put(FERRY, cut(FERRY, 0, 10))
writer.commit()
for number in range(300):
    more = Article(f"{number}", "", f"word{number} " * 2000)
    writer.put(more, cut(more, 0, 10))
writer.remove("ferry")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_committed_outlives_a_killed_process(new_place: NewPlace) -> None:
    place = new_place()
    path = os.pathsep.join([str(Path(__file__).parent), os.getcwd()])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(place[0]), place[1] or ""],
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == -signal.SIGKILL
    with StoreWriter(*place) as writer:
        writer.put(FERRY, cut(FERRY, 0, 10))
        writer.put(BRIDGE, cut(BRIDGE, 0, 5))
        writer.tell_stories()
    store = Store(*place)
    assert list(store.articles()) == [BRIDGE, FERRY]
    assert store.check() == []


def test_a_failure_leaves_what_was_committed(new_place: NewPlace) -> None:
    place = new_place()

    def fail() -> None:
        with StoreWriter(*place) as writer:
            writer.put(FERRY, [])
            writer.commit()
            writer.put(BRIDGE, [])
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert [article.doc_id for article in Store(*place).articles()] == ["ferry"]


def test_several_write_at_once(new_schema: NewPlace) -> None:
    """Each article comes to three of five writers, as where work is given out again."""
    place = new_schema()
    many = [Article(f"{n:02}", f"Title {n}", f"The text of number {n}. " * 3) for n in range(40)]
    expected = said(Store(*write(new_schema(), *many)), [], [])
    ready = threading.Barrier(5)
    failed: list[BaseException] = []

    def work(worker: int) -> None:
        try:
            ready.wait()
            with StoreWriter(*place) as writer:
                for number, article in enumerate(many):
                    if (number + worker) % 5 < 3:
                        writer.put(article, cut(article, 0, 10, len(article.text)))
                    if number % 7 == worker:
                        writer.commit()
        except BaseException as error:
            failed.append(error)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(5)]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()
    assert failed == []
    with StoreWriter(*place) as writer:
        writer.tell_stories()
    assert said(Store(*place), [], []) == expected


@pytest.fixture(params=["sqlite", "postgresql"])
def alone(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where to put a store that stands alone."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/alone.sqlite", None
    place: Place = request.getfixturevalue("new_schema")()
    return place


def test_terms_are_counted_as_the_postings_count_them(alone: Place) -> None:
    texts = ["The ferries sank. The ferry", "Ferry, ferry " + "x" * 900, "U.S. café", "…"]
    several = [Article(str(n), f"Title {n}", content) for n, content in enumerate(texts)]
    for _ in range(2):  # counted anew, not added up
        with StoreWriter(*alone) as writer:
            for article in several:
                writer.put(article, cut(article, 0, len(article.text)))
            writer.count_terms()
    store = Store(*alone)
    postings = Postings.build(row[4] for row in store.passage_rows())
    known = [term for term in postings.vocabulary() if len(term) < 500]
    assert sorted(known) == list(store.vocabulary())
    assert [store.document_frequency(term) for term in known] == [
        postings.document_frequency(term) for term in known
    ]
    assert store.document_frequency("ferri") == 2
    assert store.document_frequency("nothing") == 0


def test_facts_are_kept_as_json(alone: Place) -> None:
    with StoreWriter(*alone) as writer:
        writer.set_fact("state", "begun")
        writer.set_fact("manifest", {"passages": 3, "model": "é"})
        writer.set_fact("state", {"done": True})
    assert Store(*alone).facts() == {
        "state": {"done": True},
        "manifest": {"passages": 3, "model": "é"},
    }


def test_a_store_that_stands_alone_is_read_while_it_is_written(alone: Place) -> None:
    with StoreWriter(*alone) as writer:
        writer.put(FERRY, [])
        writer.commit()
        store = Store(*alone)
        writer.put(BRIDGE, [])
        assert store.article_counts() == (1, 0)
    assert store.article_counts() == (2, 1)


def test_corpora_share_a_database(new_schema: NewPlace) -> None:
    one, other = write(new_schema(), FERRY), write(new_schema(), BRIDGE)
    assert [list(Store(*place).articles()) for place in (one, other)] == [[FERRY], [BRIDGE]]


def test_phrases_are_looked_up_in_an_index(new_schema: NewPlace) -> None:
    url, schema = write(new_schema(), FERRY)
    engine = open_engine(url, None, writing=True)
    with engine.connect() as connection:
        connection.execute(text("SET enable_seqscan = off"))
        query = f'EXPLAIN SELECT 1 FROM "{schema}".phrases WHERE grams @> ARRAY[1]'
        assert "phrases_by_gram" in str(connection.execute(text(query)).all())


def test_postgresql_refuses_zero_characters_and_sqlite_keeps_them(
    new_file: NewPlace, new_schema: NewPlace
) -> None:
    odd = Article("a", "Title\0", "A text.")
    left_out = Skipped("a", "binary", "zero characters")
    with StoreWriter(*new_schema()) as writer:
        assert writer.refusal(FERRY) is None
        assert writer.refusal(odd) == left_out
        assert writer.refusal(replace(FERRY, doc_id="é" * 1_300)).reason == "oversized"
        with pytest.raises(IndexWriteError, match="cannot hold the article 'a'"):
            writer.put(odd, [])
    place = new_file()
    with StoreWriter(*place) as writer:
        assert writer.refusal(odd) is None
        writer.put(odd, [])
    assert Store(*place).article("a") == odd


def test_ids_up_to_the_longest_have_room(new_schema: NewPlace) -> None:
    """Random letters: PostgreSQL makes repeated ones shorter before it looks for room."""
    letters = random.Random(0).randbytes(1_250).hex()
    longest = Article(letters, "t" * 20_000, "A b. " * 10)
    store = Store(*write(new_schema(), longest))
    assert store.article(letters) == longest


def test_one_ingests_at_a_time(alone: Place) -> None:
    with one_ingest(*alone):
        with pytest.raises(IndexWriteError, match="another process"), one_ingest(*alone):
            pass
        StoreWriter(*alone).close()
    with one_ingest(*alone):
        pass


def test_reading_goes_on_after_the_server_was_restarted(new_schema: NewPlace) -> None:
    url, schema = write(new_schema(), FERRY)
    store = Store(url, schema)
    engine = open_engine(url, None, writing=True)
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    with engine.connect() as connection:
        connection.execute(text(others + " AND usename = current_user"))
    assert store.article("ferry") == FERRY


def test_no_store_or_one_of_another_version(new_schema: NewPlace, tmp_path: Path) -> None:
    url, schema = new_schema()
    with pytest.raises(IndexNotFoundError, match=rf"schema {schema} holds no corpus; ingest"):
        Store(url, schema)
    write((url, schema), FERRY)
    store = Store(url, schema)
    with open_engine(url, None, writing=True).begin() as connection:
        connection.execute(text(f'ALTER TABLE "{schema}".articles RENAME COLUMN url TO link'))
    with pytest.raises(IndexMismatchError, match=r"of another version .*ingest it anew"):
        store.article("ferry")
    with pytest.raises(IndexNotFoundError, match=r"none\.sqlite.* cannot be read"):
        Store(f"sqlite:///{tmp_path}/none.sqlite")
    with pytest.raises(IndexWriteError, match=r"no/folder\.sqlite.* cannot be written"):
        StoreWriter(f"sqlite:///{tmp_path}/no/folder.sqlite")


def address(url: str, **changed: object) -> str:
    return make_url(url).set(**changed).render_as_string(hide_password=False)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"password": "secret"}, "refuses this user and password; mend them"),
        ({"username": "nobody"}, "refuses this user and password; mend them"),
        ({"database": "none"}, "no such database; make it with createdb"),
        ({"query": {"host": "/nowhere"}}, "cannot reach .*; start the server or mend"),
        ({"query": {"host": "127.0.0.1", "port": "1"}}, "cannot reach .*refused.*; start"),
        ({"drivername": "mysql"}, "address of the article store is none that is known; give one"),
    ],
)
def test_a_wrong_address_is_one_line_without_its_password(
    postgresql: str, change: dict[str, object], line: str
) -> None:
    url = address(postgresql, **change)
    for opened in (Store, StoreWriter):
        with pytest.raises((IndexNotFoundError, IndexWriteError), match=line) as caught:
            opened(url, "s")
        password = make_url(url).password
        assert password not in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["postgresql://a:secret@host:none/x", "://secret", "sqlite://"])
def test_what_is_no_address_is_said_without_it(url: str) -> None:
    with pytest.raises(IndexNotFoundError, match=r"none that is known; give one like") as caught:
        Store(url)
    assert "secret" not in str(caught.value)


def test_who_may_only_read_cannot_write(new_schema: NewPlace) -> None:
    url, schema = write(new_schema(), FERRY)
    with open_engine(url, None, writing=True).begin() as connection:
        connection.execute(text("CREATE ROLE reader LOGIN PASSWORD 'secret'"))
        connection.execute(text(f'GRANT USAGE ON SCHEMA "{schema}" TO reader'))
    reader = address(url, username="reader", password="secret")
    with pytest.raises(IndexNotFoundError, match=r"may not read .*; grant it the right"):
        Store(reader, schema)
    with open_engine(url, None, writing=True).begin() as connection:
        connection.execute(text(f'GRANT SELECT ON ALL TABLES IN SCHEMA "{schema}" TO reader'))
    assert list(Store(reader, schema).articles()) == [FERRY]
    with pytest.raises(IndexWriteError, match=r"may not write to .*; grant it the right"):
        write((reader, schema), BRIDGE)
    with pytest.raises(IndexWriteError, match=r"may not write to"):
        StoreWriter(reader, "a new one")


def test_a_database_of_another_encoding_is_refused(postgresql: str) -> None:
    engine = open_engine(postgresql, None, writing=True)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        make = "CREATE DATABASE narrow ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'"
        connection.execute(text(make + " TEMPLATE template0"))
    with pytest.raises(IndexMismatchError, match="narrow is encoded in SQL_ASCII; make one"):
        StoreWriter(address(postgresql, database="narrow"))


def test_without_psycopg_the_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(IndexNotFoundError, match=r"psycopg, which is not .*'rag\[cluster\]'"):
        Store("postgresql://host/database")
