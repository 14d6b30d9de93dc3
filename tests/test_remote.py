"""An index in Milvus and PostgreSQL beside the embedded one: the same answers, and every failure
in one line. Milvus is Milvus Lite, a server of its own on loopback (``milvus_server``)."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, timedelta
from itertools import count
from pathlib import Path

import milvus_server
import numpy as np
import pytest
from conftest import ROOT, SEEDS, TEXTS, Remembered, link_networks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

import rag
from rag.__main__ import main
from rag.datatypes import Passage, RagError, Span
from rag.index.filter import Filter
from rag.index.index import open_index
from rag.index.milvus import Collection
from rag.index.opened import OpenIndex
from rag.index.remote import RemoteIndex
from rag.index.remote_build import write
from rag.index.stages import Embedded
from rag.index.store import Store, StoreWriter
from rag.index.uploads import UploadError, add_uploads
from rag.retrieve.search import search
from rag.settings import Settings, load_settings

QUESTIONS = [json.loads(line) for line in (ROOT / "tests/questions.jsonl").open(encoding="utf-8")]
EXPLAINED: dict[str, str] = {}
"""Questions that are answered with other citations than by the embedded index, and why."""
NEWS = [
    # (id, outlet, published, text)
    ("harbour", "The Herald", "2024-01-31", "The harbour was closed by a storm for two days."),
    ("storm", "THE HERALD", "2024-02-01", "A storm tore roofs off forty houses by the harbour."),
    ("strike", 'The "Daily" \\ Post', "2024-02-29", "Dockers at the harbour struck over pay."),
    ("ferry", "Östra Nyheter", None, "The ferry left the harbour with nine hundred passengers."),
    ("crane", None, "2024-03-01", "A crane fell into the harbour; nobody was hurt."),
    ("tax", None, None, "Parliament raised the tax on tobacco by a tenth in 2.5 hours."),
]
QUESTION = "What happened at the harbour in the storm?"
_numbers = count()


@pytest.fixture(scope="module")
def milvus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with milvus_server.serving(tmp_path_factory.mktemp("milvus")) as url:
        yield url


@pytest.fixture(scope="module")
def corpus_at(
    milvus: str, seeds_index: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Settings]:
    """Settings of a new corpus, with the article store in an SQLite file unless one is given."""

    def new(store: str = "") -> Settings:
        folder = tmp_path_factory.mktemp("corpus")
        return load_settings(
            index=milvus,
            store=store or f"sqlite:///{folder}/store.sqlite",
            collection=f"corpus_{next(_numbers)}",
            local=link_networks(seeds_index, folder / "local"),
        )

    return new


@pytest.fixture(scope="module")
def over_seeds(postgresql: str, corpus_at: Callable[..., Settings]) -> Settings:
    """The seeds, in Milvus and PostgreSQL."""
    made = corpus_at(postgresql)
    report = rag.build_index(SEEDS, made.index, settings=made)
    assert (report.articles, report.added) == (3, 3)
    return made


@pytest.fixture(scope="module")
def news(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("news") / "news.jsonl"
    records = [
        {"id": name, "title": name.title(), "text": text, "outlet": outlet, "published": day}
        for name, outlet, day, text in NEWS
    ]
    file.write_text("\n".join(json.dumps(record) for record in records))
    return file


@pytest.fixture(scope="module")
def over_news(news: Path, corpus_at: Callable[..., Settings]) -> Iterator[RemoteIndex]:
    made = corpus_at()
    rag.build_index(news, made.index, settings=made)
    with closing(RemoteIndex(str(made.index), made)) as opened:
        yield opened


@pytest.fixture(scope="module")
def embedded_news(
    news: Path, seeds_index: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpenIndex]:
    folder = link_networks(seeds_index, tmp_path_factory.mktemp("embedded") / "index")
    rag.build_index(news, folder)
    with closing(OpenIndex(folder, load_settings())) as opened:
        yield opened


def held(made: Settings) -> tuple[set[str], set[str]]:
    """The passage_ids in Milvus, and those in the store."""
    with closing(Collection(str(made.index), made)) as collection:
        in_milvus = set(collection.ids())
    with closing(Store(made.store.get_secret_value(), made.collection)) as store:
        return in_milvus, {row[1] for row in store.passage_rows()}


def failure(made: Settings) -> str:
    """The line that opening ends with; it has no password in it."""
    with pytest.raises(RagError) as caught:
        rag.Assistant.open(made.index, settings=made)
    line = str(caught.value)
    assert "\n" not in line
    assert not any(secret in line for secret in ("sesame", "password: 100"))
    return line


@pytest.mark.timeout(900)  # two answers to each of 267 questions, on a busy machine
def test_the_whole_question_set_is_answered_as_by_the_embedded_index(
    over_seeds: Settings, remembered: Remembered
) -> None:
    other = set()
    with rag.Assistant.open(over_seeds.index, settings=over_seeds) as assistant:
        for row in QUESTIONS:
            history = [tuple(turn) for turn in row.get("history", [])]
            answers = [one.answer(row["question"], history) for one in (assistant, remembered)]
            places = [[(c.doc_id, c.start, c.end) for c in one.citations] for one in answers]
            if places[0] != places[1]:
                other.add(row["id"])
    assert other == set(EXPLAINED)
    assert len(other) <= 0.05 * len(QUESTIONS)


def test_both_rankings_are_the_embedded_ones(over_seeds: Settings, seeds_index: Path) -> None:
    with (
        closing(open_index(over_seeds.index, over_seeds)) as remote,
        closing(OpenIndex(seeds_index, load_settings())) as embedded,
    ):
        for row in QUESTIONS[:40]:
            vector = embedded.networks.encoder.encode([row["question"]])[0]
            rankings = []
            for index in (remote, embedded):
                dense = index.dense(vector, 50, Filter())
                lexical = index.lexical(row["question"], 50, Filter())
                keys = index.passages([*dense, *lexical])
                rankings.append(
                    (
                        [
                            (keys[key].passage_id, pytest.approx(dense[key], abs=1e-5))
                            for key in dense
                        ],
                        [keys[key].passage_id for key in lexical],
                    )
                )
            assert rankings[0] == rankings[1]
        assert remote.days() == embedded.days()
        assert sorted(remote.outlets) == sorted(embedded.outlets)
        assert remote.articles == embedded.articles
        assert set(remote.words.vocabulary()) == set(embedded.words.vocabulary())
        assert set(remote.words.vocabulary("t")) == set(embedded.words.vocabulary("t")) != set()
        for term in embedded.words.vocabulary():
            assert remote.words.document_frequency(term) == embedded.words.document_frequency(term)


@settings(max_examples=60, deadline=None)
@given(
    outlets=st.none()
    | st.frozensets(
        st.sampled_from(["the herald", "Östra nyheter", 'the "DAILY" \\ post', "", "no"])
    ),
    first=st.none() | st.integers(0, 35),
    last=st.none() | st.integers(0, 35),
)
def test_a_filter_lets_through_what_it_lets_through_embedded(
    over_news: RemoteIndex,
    embedded_news: OpenIndex,
    outlets: frozenset[str] | None,
    first: int | None,
    last: int | None,
) -> None:
    def day(number: int | None) -> date | None:
        return None if number is None else date(2024, 1, 28) + timedelta(number)

    filter = Filter(outlets, day(first), day(last))
    rows = embedded_news.rows
    mask = rows.mask(filter.outlets, filter.published_from, filter.published_to)
    passing = range(len(rows.passage)) if mask is None else np.flatnonzero(mask)
    expected = {p.span.doc_id for p in embedded_news.passages(list(passing)).values()}
    vector = embedded_news.networks.encoder.encode([QUESTION])[0]
    assert {key[0] for key in over_news.dense(vector, 50, filter)} == expected
    assert {key[0] for key in over_news.lexical("harbour", 50, filter)} == expected - {"tax"}


def test_a_number_with_a_point_is_one_term(over_news: RemoteIndex) -> None:
    assert [key[0] for key in over_news.lexical("2.5", 9, Filter())] == ["tax"]
    assert over_news.lexical("5", 9, Filter()) == []
    assert over_news.lexical("", 9, Filter()) == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_any_name_is_found_and_deleted_under_itself_alone(
    over_news: RemoteIndex, doc_id: str
) -> None:
    passage = Passage(f"{doc_id}#0-1", Span(doc_id, 0, 1, "x"), title="", outlet=doc_id)
    known = {p.passage_id for p in over_news.store.named_passages([])} | set(
        over_news.collection.ids()
    )
    over_news.collection.upsert([passage], np.eye(1, 384, dtype=np.float32))
    assert over_news.collection.held([passage.passage_id, "no#0-1"]) == {passage.passage_id}
    over_news.collection.delete([passage.passage_id])
    assert set(over_news.collection.ids()) == known


def test_what_the_store_does_not_name_is_passed_over(over_news: RemoteIndex) -> None:
    """As while articles are removed, or a batch is not whole yet."""
    unknown = [
        Passage(f"unknown{n}#0-9", Span(f"unknown{n}", 0, 9, "a harbour"), title="Harbour storm")
        for n in range(7)
    ]
    vector = over_news.networks.encoder.encode([QUESTION])
    over_news.collection.upsert(unknown, np.repeat(vector, 7, axis=0))
    try:
        hits = search(over_news, QUESTION, vector[0], k=3, filter=Filter())
        assert len(hits) == 3
        assert [hit.rank for hit in hits] == [1, 2, 3]
        assert {hit.passage.span.doc_id for hit in hits} <= {name for name, *_ in NEWS}
    finally:
        over_news.collection.delete([passage.passage_id for passage in unknown])


def write_texts(folder: Path, texts: dict[str, str]) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text)
    return folder


def test_ingesting_again_changes_nothing_and_a_change_reaches_who_has_it_open(
    corpus_at: Callable[..., Settings], tmp_path: Path
) -> None:
    made = corpus_at()
    corpus = write_texts(tmp_path / "corpus", TEXTS)
    assert rag.build_index(corpus, made.index, settings=made).added == 3
    first = held(made)
    assert first[0] == first[1]
    with rag.Assistant.open(made.index, settings=made) as assistant:
        report = rag.build_index(corpus, made.index, settings=made)
        assert (report.articles, report.passages) == (3, 3)
        assert (report.added, report.changed, report.removed) == (0, 0, 0)
        assert held(made) == first
        before = assistant._state
        [hit] = assistant.search("the mayor opened a bridge", k=1)
        assert hit.passage.span.doc_id == "bridge.txt"
        assert assistant._state is before

        texts = TEXTS | {
            "bridge.txt": "The bridge was painted in vermilion by the village.",
            "tunnel.txt": "A tunnel under the strait was proposed by engineers.",
        }
        del texts["school.txt"]
        report = rag.build_index(write_texts(corpus, texts), made.index, settings=made)
        assert (report.added, report.changed, report.removed) == (1, 1, 1)
        after = held(made)
        assert after[0] == after[1] != first[0]
        assert {name.split("#")[0] for name in after[0]} == set(texts)
        [hit] = assistant.search("Which tunnel did engineers propose?", k=1)
        assert hit.passage.span.doc_id == "tunnel.txt"
        assert assistant.article("school.txt") is None
        assert assistant.article_count() == 3
        assert assistant.locate("painted in vermilion by the village").status == "exact"


def test_a_batch_written_twice_is_written_once(corpus_at: Callable[..., Settings]) -> None:
    made = corpus_at()
    rag.build_index(SEEDS, made.index, settings=made)
    before = held(made)
    with (
        closing(RemoteIndex(str(made.index), made)) as index,
        StoreWriter(made.store.get_secret_value(), made.collection) as store,
    ):
        passages = sorted(before[1])
        batch = []
        for article in index.store.articles():
            own = index.store.named_passages(
                [name for name in passages if name.startswith(f"{article.doc_id}#")]
            )
            own.sort(key=lambda passage: passage.span.start)
            vectors = index.networks.encoder.encode([passage.span.text for passage in own])
            batch.append(Embedded(article, tuple(own), vectors))
        write(index.collection, store, batch)
        write(index.collection, store, batch[::-1])
    assert held(made) == before


KILLED = """
import os, signal, sys
from rag import build_index
from rag.index import stages
from rag.index.milvus import Collection
from rag.index.store import StoreWriter
from rag.settings import load_settings

stages.BATCH_CHARACTERS = 1
owner, name, times = sys.argv[2:5]
owner = {"Collection": Collection, "StoreWriter": StoreWriter}[owner]
inner, left = getattr(owner, name), int(times)

def dying(*arguments, **options):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return inner(*arguments, **options)

setattr(owner, name, dying)
settings = load_settings()
build_index(sys.argv[1], settings.index, settings=settings)
"""


@pytest.mark.parametrize(
    ("at", "times", "left"),
    [
        ("Collection.upsert", 1, 2),
        ("StoreWriter.put", 1, 2),  # vectors that the store does not name
        ("Collection.delete", 2, 0),  # passages that the store no longer names
        ("StoreWriter.tell_stories", 0, 0),
    ],
)
def test_killed_it_goes_on_where_it_was(
    at: str, times: int, left: int, corpus_at: Callable[..., Settings], tmp_path: Path
) -> None:
    made = corpus_at()
    old = {name: f"{text}\n\nIt was told on the radio." for name, text in TEXTS.items()}
    corpus = write_texts(tmp_path / "corpus", old)
    if at == "Collection.delete":  # only what was there can be left over
        rag.build_index(corpus, made.index, settings=made)
    write_texts(corpus, TEXTS)
    environment = {
        "RAG_INDEX": str(made.index),
        "RAG_STORE": made.store.get_secret_value(),
        "RAG_COLLECTION": made.collection,
        "RAG_LOCAL": str(made.local),
    }
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(corpus), *at.split("."), str(times)],
        env=os.environ | environment,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    if at != "Collection.delete":
        assert "not ingested whole" in failure(made)
    report = rag.build_index(corpus, made.index, settings=made)
    assert (report.articles, report.passages, report.removed) == (3, 3, 0)
    assert report.added + report.changed == left
    in_milvus, in_store = held(made)
    assert in_milvus == in_store
    with closing(Store(made.store.get_secret_value())) as store:
        assert store.facts("pending:") == {}
        assert store.check() == []
    with rag.Assistant.open(made.index, settings=made) as assistant:
        for name, text in TEXTS.items():
            [hit] = assistant.search(text.split("\n\n")[1], k=1)
            assert hit.passage.span.doc_id == name
            assert "radio" not in hit.passage.span.text


def test_what_is_in_the_way_is_said_in_a_line(
    over_seeds: Settings, corpus_at: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(**values: object) -> Settings:
        return over_seeds.model_copy(update=values)

    url = str(over_seeds.index)
    assert "start it, or correct RAG_INDEX" in failure(changed(index="http://localhost:1"))
    assert "set RAG_STORE" in failure(changed(store=SecretStr("")))
    there_is_none = failure(changed(store=SecretStr("sqlite:////nowhere/store.sqlite")))
    assert "/nowhere/store.sqlite cannot be read" in there_is_none
    assert "holds no corpus" in failure(changed(collection="nothing"))
    inside = failure(changed(index=url.replace("://", "://root:sesame@")))
    assert "RAG_MILVUS_TOKEN" in inside
    assert "cut with" in failure(changed(passage_tokens=64))
    wrong = over_seeds.store.get_secret_value().replace("100%25", "99%25")
    assert "refuses this user and password" in failure(changed(store=SecretStr(wrong)))
    with monkeypatch.context() as patched:
        for name in [*sys.modules, "pymilvus"]:
            if name.split(".")[0] in ("pymilvus", "grpc"):
                patched.setitem(sys.modules, name, None)
        assert "pip install 'rag[cluster]'" in failure(over_seeds)


OTHER_KINDS = [
    ("model", "another-model", "made with embedding model another-model"),
    ("sha256", "0" * 64, "other weights"),
    ("dimension", 768, "do not belong together"),
    ("id", "0" * 32, "do not belong together"),
    ("format", 99, "has format 99"),
]


def test_a_corpus_of_another_kind_is_refused_until_it_is_replaced(
    corpus_at: Callable[..., Settings], tmp_path: Path
) -> None:
    made = corpus_at()
    corpus = write_texts(tmp_path / "corpus", TEXTS)
    rag.build_index(corpus, made.index, settings=made)
    before = held(made)

    def set_fact(name: str, value: object) -> None:
        with StoreWriter(made.store.get_secret_value()) as store:
            store.set_fact(name, value)

    with closing(Store(made.store.get_secret_value())) as reader:
        facts = reader.facts()
    set_fact("complete", False)
    assert "not ingested whole" in failure(made)
    rag.build_index(corpus, made.index, settings=made)
    set_fact("made", None)
    assert "holds no corpus" in failure(made)
    for name, value, words in OTHER_KINDS:
        set_fact("made", facts["made"] | {name: value})
        assert words in failure(made)
        with pytest.raises(RagError, match=r"--replace|RAG_COLLECTION"):
            rag.build_index(corpus, made.index, settings=made)
        assert held(made) == before
    rag.build_index(corpus, made.index, replace=True, settings=made)
    assert held(made) == before
    with rag.Assistant.open(made.index, settings=made) as assistant:
        assert assistant.article_count() == 3


def test_another_corpus_or_anothers_collection_is_not_overwritten(
    corpus_at: Callable[..., Settings], tmp_path: Path
) -> None:
    made, other = corpus_at(), corpus_at()
    corpus = write_texts(tmp_path / "corpus", TEXTS)
    rag.build_index(corpus, made.index, settings=made)
    before = held(made)
    with pytest.raises(rag.IndexMismatchError, match=r"was ingested from .* --replace"):
        rag.build_index(SEEDS, made.index, settings=made)
    stranger = other.model_copy(update={"collection": made.collection})
    with pytest.raises(rag.IndexMismatchError, match="another article store"):
        rag.build_index(corpus, stranger.index, settings=stranger)
    assert held(made) == before
    with closing(Collection(str(other.index), other, writing=True)) as collection:
        collection._client.create_collection(other.collection, dimension=4)
        with pytest.raises(rag.IndexMismatchError, match="another program"):
            rag.build_index(corpus, other.index, replace=True, settings=other)
        assert collection.made() == ""


def test_a_server_that_is_too_old_or_asks_for_a_password(
    corpus_at: Callable[..., Settings], tmp_path: Path
) -> None:
    made = corpus_at()
    corpus = write_texts(tmp_path / "corpus", TEXTS)
    rag.build_index(corpus, made.index, settings=made)
    with milvus_server.serving(tmp_path / "old", "--version", "v2.4.17") as url:
        old = made.model_copy(update={"index": url})
        assert "is version v2.4.17, at least 2.5 is needed" in failure(old)
    with milvus_server.serving(tmp_path / "new", "--token", "root:open sesame") as url:
        for token in ("", "root:closed sesame"):
            locked = made.model_copy(update={"index": url, "milvus_token": SecretStr(token)})
            assert "refuses this user or password; set RAG_MILVUS_TOKEN" in failure(locked)
        token = SecretStr("root:open sesame")
        opened = made.model_copy(update={"index": url, "milvus_token": token})
        assert "Milvus no collection" in failure(opened)
        assert "sesame" not in repr(opened)


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl here to make a certificate")
def test_a_certificate_is_checked_against_the_authority_that_is_named(
    corpus_at: Callable[..., Settings], tmp_path: Path
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out",
         certificate, "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost"],
        check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    made = corpus_at()
    corpus = write_texts(tmp_path / "corpus", TEXTS)
    secure = ("--key", str(key), "--certificate", str(certificate))
    with milvus_server.serving(tmp_path / "secure", *secure) as url:
        trusting = made.model_copy(update={"index": url, "milvus_ca": certificate})
        rag.build_index(corpus, url, settings=trusting)
        with rag.Assistant.open(url, settings=trusting) as assistant:
            assert assistant.article_count() == 3
        assert "RAG_MILVUS_CA" in failure(made.model_copy(update={"index": url}))
        missing = trusting.model_copy(update={"milvus_ca": tmp_path / "no.pem"})
        assert "correct RAG_MILVUS_CA" in failure(missing)


def test_a_server_that_goes_away_is_said_and_the_embedded_index_stays(
    corpus_at: Callable[..., Settings], place: Path, tmp_path: Path
) -> None:
    manifest = (place / "index/manifest.json").read_bytes()
    made = corpus_at().model_copy(update={"local": place / "index", "milvus_timeout": 3})
    with milvus_server.serving(tmp_path / "milvus") as url:
        gone = made.model_copy(update={"index": url})
        rag.build_index(place / "corpus", url, settings=gone)
        assistant = rag.Assistant.open(url, settings=gone)
    with assistant, pytest.raises(RagError, match="start it, or correct RAG_INDEX"):
        assistant.answer("Who opened the bridge?")
    with pytest.raises(rag.IndexWriteError, match="start it, or correct RAG_INDEX"):
        rag.build_index(place / "corpus", url, settings=gone)
    assert (place / "index/manifest.json").read_bytes() == manifest
    with rag.Assistant.open(place / "index") as embedded:
        assert embedded.article_count() == 3


def test_the_command_line_works_with_it(
    over_seeds: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("RAG_INDEX", str(over_seeds.index))
    monkeypatch.setenv("RAG_STORE", over_seeds.store.get_secret_value())
    monkeypatch.setenv("RAG_COLLECTION", over_seeds.collection)
    monkeypatch.setenv("RAG_LOCAL", str(over_seeds.local))

    def run(*arguments: str) -> str:
        code = main(list(arguments))
        out, err = capsys.readouterr()
        assert code == 0, err
        return out

    assert "3 articles" in run("index", "--corpus", str(SEEDS))
    answer = json.loads(run("ask", "How much is the equipment worth?", "--json"))
    assert answer["short_answer"] == "$7 billion"
    assert json.loads(run("search", "equipment", "-k", "1", "--json"))["rank"] == 1
    assert json.loads(run("locate", "cut all financial aid", "--json"))["status"] == "exact"
    assert "3 articles" in run("corpus")
    assert "FAIL" not in (checked := run("doctor"))
    assert "milvus_lite" in checked
    questions = tmp_path / "questions.jsonl"
    questions.write_text("\n".join(json.dumps(row) for row in QUESTIONS[:3]))
    assert "3" in run("evaluate", str(questions))
    assert rag.answer("How much is the equipment worth?").short_answer == "$7 billion"


def test_the_page_takes_no_articles(over_seeds: Settings, tmp_path: Path) -> None:
    from rag.page.layout import build

    with rag.Assistant.open(over_seeds.index, settings=over_seeds) as assistant:
        page = str(build(assistant, over_seeds, []).config)
    assert "nothing is added or removed here" in page
    assert "rag-upload" not in page
    file = tmp_path / "new.txt"
    file.write_text(TEXTS["bridge.txt"])
    with pytest.raises(UploadError, match="python -m rag index alone"):
        add_uploads(over_seeds.folder, [("new.txt", file)], over_seeds)


def test_settings_tell_a_server_from_a_folder() -> None:
    assert load_settings(index="https://host:19530").index == "https://host:19530"
    assert load_settings(index="https://host:19530", local="here").folder == Path("here")
    assert load_settings(index="a/folder").index == load_settings(index="a/folder").folder
    with pytest.raises(RagError, match="RAG_COLLECTION"):
        load_settings(collection="no-name; DROP")
