"""Retrieval against brute force, by which way each hit was found, and filters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from conftest import link_networks

import rag
from rag.index.filter import Filter
from rag.index.opened import OpenIndex
from rag.index.vectors import Collection
from rag.retrieve.search import search
from rag.settings import load_settings

ROOT = Path(__file__).resolve().parents[1]
SEEDS = ROOT / "seeds"
NEWS = [
    # (id, outlet, published, text)
    ("harbour", "The Herald", "2024-01-31", "The harbour was closed by a storm for two days."),
    ("storm", "THE HERALD", "2024-02-01", "A storm tore roofs off forty houses by the harbour."),
    ("strike", "Daily Post", "2024-02-29", "Dockers at the harbour went on strike over pay."),
    ("ferry", "Daily Post", None, "The ferry left the harbour with nine hundred passengers."),
    ("crane", None, "2024-03-01", "A crane fell into the harbour; nobody was hurt."),
    ("tax", None, None, "Parliament raised the tax on tobacco by a tenth."),
]
QUESTION = "What happened at the harbour in the storm?"


@pytest.fixture(scope="module")
def news(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("news") / "news.jsonl"
    records = [
        {"id": name, "title": name.title(), "text": text, "outlet": outlet, "published": day}
        for name, outlet, day, text in NEWS
    ]
    file.write_text("\n".join(json.dumps(record) for record in records))
    return file


@pytest.fixture(scope="module", params=[50_000, 0], ids=["exact", "hnsw"])
def news_index(
    request: pytest.FixtureRequest,
    news: Path,
    seeds_index: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[rag.Assistant]:
    """An assistant over NEWS, once with exact search and once with Chroma's HNSW."""
    folder = link_networks(seeds_index, tmp_path_factory.mktemp("news-index") / "index")
    settings = load_settings(exact_search_limit=request.param)
    rag.build_index(news, folder, settings=settings)
    with rag.Assistant.open(folder, settings=settings) as assistant:
        yield assistant


@pytest.fixture(scope="module")
def seeds(seeds_index: Path) -> Iterator[OpenIndex]:
    opened = OpenIndex(seeds_index, load_settings())
    yield opened
    opened.close()


def questions(number: int) -> list[str]:
    lines = (ROOT / "tests/questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["question"] for line in lines[:number]]


def brute_force(index: OpenIndex, vector: np.ndarray) -> dict[str, float]:
    """Cosine of every passage with a vector, from what Chroma holds, in float64."""
    cosines = {}
    for ids, vectors in index.collection.vectors():
        rows = vectors.astype(np.float64)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        cosines |= dict(zip(ids, rows @ (vector / np.linalg.norm(vector)), strict=True))
    return cosines


def found(hits: list[rag.Hit]) -> set[str]:
    return {hit.passage.span.doc_id for hit in hits}


def test_exact_search_is_brute_force(seeds: OpenIndex) -> None:
    for question in questions(40):
        vector = seeds.networks.encoder.encode([question])[0]
        oracle = brute_force(seeds, vector)
        # Without words there is no lexical ranking: what is left is the dense one.
        hits = search(seeds, "", vector, k=100, filter=Filter())
        assert [hit.rank for hit in hits] == list(range(1, len(oracle) + 1))
        assert {hit.passage.passage_id for hit in hits} == set(oracle)
        for hit in hits:
            assert hit.similarity == pytest.approx(oracle[hit.passage.passage_id], abs=1e-3)
        ranked = [oracle[hit.passage.passage_id] for hit in hits]
        assert np.all(np.diff(ranked) <= 1e-6)


def test_hnsw_finds_nearly_the_same_on_the_seeds(
    seeds: OpenIndex, seeds_index: Path, tmp_path: Path
) -> None:
    folder = link_networks(seeds_index, tmp_path / "index")
    settings = load_settings(exact_search_limit=0)
    rag.build_index(SEEDS, folder, settings=settings)
    approximate = OpenIndex(folder, settings)
    try:
        assert approximate.rows.vectors.dtype == np.float16
        same = 0
        for question in questions(40):
            vector = seeds.networks.encoder.encode([question])[0]
            exact = search(seeds, question, vector, k=5, filter=Filter())
            hnsw = search(approximate, question, vector, k=5, filter=Filter())
            similarity = {hit.passage.passage_id: hit.similarity for hit in exact}
            for hit in hnsw:
                if hit.passage.passage_id in similarity:
                    same += 1
                    expected = similarity[hit.passage.passage_id]
                    assert hit.similarity == pytest.approx(expected, abs=1e-3)
        assert same >= 0.98 * 40 * 5
    finally:
        approximate.close()


def test_hits_are_slices_of_the_stored_articles(assistant: rag.Assistant) -> None:
    for question in questions(20):
        for hit in assistant.search(question, k=100):
            span = hit.passage.span
            text = (SEEDS / span.doc_id).read_bytes().decode()
            assert text[span.start : span.end] == span.text
            sentences = hit.passage.sentences
            assert (sentences[0][0], sentences[-1][1]) == (span.start, span.end)


def test_every_stored_passage_is_a_slice(seeds: OpenIndex) -> None:
    passages = seeds.store.passages([int(number) for number in seeds.rows.passage])
    assert len(passages) == len(seeds.rows.passage) > 0
    for passage in passages:
        article = seeds.store.article(passage.span.doc_id)
        assert article is not None
        assert article.text[passage.span.start : passage.span.end] == passage.span.text
        assert (passage.title, passage.outlet) == (article.title, article.outlet)


def test_passages_come_in_the_order_asked_for(seeds: OpenIndex) -> None:
    numbers = [int(number) for number in seeds.rows.passage]
    forward = seeds.store.passages(numbers)
    assert seeds.store.passages(numbers[::-1]) == forward[::-1]


def test_found_by(assistant: rag.Assistant) -> None:
    # "Khaama" stands in one passage of the seeds only.
    hits = assistant.search("Khaama", k=100)
    by_words = [hit for hit in hits if "lexical" in hit.found_by]
    assert [hit.passage.span.doc_id for hit in by_words] == ["003_cde5ec266f19755c.txt"]
    assert "Khaama.com reported" in by_words[0].passage.span.text
    assert by_words[0].found_by == ("dense", "lexical")
    assert {hit.found_by for hit in hits if hit not in by_words} == {("dense",)}
    # A word that no passage has.
    assert {hit.found_by for hit in assistant.search("xylophone", k=100)} == {("dense",)}


def test_lexical_finds_what_lies_beyond_the_dense_pool(new_index: Path, tmp_path: Path) -> None:
    """The dense ranking is read 100 deep; the one article on another matter is the 110th."""
    file = tmp_path / "football.jsonl"
    texts = [f"Rovers beat United {n}-{n % 7} in the football match." for n in range(1, 110)]
    texts.append("Parliament raised the duty on tobacco; the Wexbury committee had asked for it.")
    file.write_text("\n".join(json.dumps({"id": str(n), "text": t}) for n, t in enumerate(texts)))
    rag.build_index(file, new_index)
    with rag.Assistant.open(new_index) as assistant:
        hits = assistant.search("the football match that Rovers won, Wexbury", k=100)
    odd = next(hit for hit in hits if "Wexbury" in hit.passage.span.text)
    assert odd.found_by == ("lexical",)
    assert odd.similarity is None
    assert odd.passage.span.doc_id == "109"
    # No ranking saw it but BM25's, where it is the only one with the rarest word.
    assert odd.score == pytest.approx(1 / 61)


def test_score_is_the_reciprocal_rank_sum(assistant: rag.Assistant) -> None:
    hits = assistant.search("Khaama", k=100)
    dense = sorted(hits, key=lambda hit: -(hit.similarity or -1))
    place = {hit.passage.passage_id: rank for rank, hit in enumerate(dense, start=1)}
    for hit in hits:
        expected = 1 / (60 + place[hit.passage.passage_id])
        if "lexical" in hit.found_by:
            expected += 1 / 61  # the only one with the word, so the first
        assert hit.score == pytest.approx(expected, rel=1e-12)


def test_more_than_there_is(assistant: rag.Assistant, seeds: OpenIndex) -> None:
    hits = assistant.search("weapons", k=5_000)
    assert len(hits) == len({hit.passage.passage_id for hit in hits}) == len(seeds.rows.passage)
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert [hit.passage for hit in assistant.search("weapons", k=3)] == [
        hit.passage for hit in hits[:3]
    ]


@pytest.mark.parametrize(("query", "expected"), [("", 0), ("  \n", 0), ("?!", 0), ("的", 3)])
def test_odd_queries(assistant: rag.Assistant, query: str, expected: int) -> None:
    assert len(assistant.search(query, k=3)) == expected


def test_no_filter_and_too_large_k(news_index: rag.Assistant) -> None:
    hits = news_index.search(QUESTION, k=1_000)
    assert found(hits) == {name for name, *_ in NEWS}
    assert all("dense" in hit.found_by for hit in hits)
    assert hits[0].passage.span.doc_id in {"harbour", "storm"}
    # Every text but the one on tobacco names the harbour or the storm.
    assert {h.passage.span.doc_id for h in hits if "lexical" not in h.found_by} == {"tax"}


@pytest.mark.parametrize(
    ("outlets", "expected"),
    [
        (["The Herald"], {"harbour", "storm"}),  # whatever the case in which either is written
        (["the herald"], {"harbour", "storm"}),
        ("DAILY post", {"strike", "ferry"}),
        (["Daily Post", "the herald"], {"harbour", "storm", "strike", "ferry"}),
        (["Daily Post", "No Such Paper"], {"strike", "ferry"}),
        (["No Such Paper"], set()),
        (["Herald"], set()),
        ([], set()),
    ],
)
def test_outlet_filter(
    news_index: rag.Assistant, outlets: list[str] | str, expected: set[str]
) -> None:
    assert found(news_index.search(QUESTION, k=50, outlets=outlets)) == expected


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"published_from": "2024-02-01"}, {"storm", "strike", "crane"}),
        ({"published_from": date(2024, 2, 2)}, {"strike", "crane"}),
        ({"published_to": "2024-02-29"}, {"harbour", "storm", "strike"}),
        ({"published_to": "2024-02-28"}, {"harbour", "storm"}),
        ({"as_of": "2024-01-31"}, {"harbour"}),
        ({"as_of": "2024-02-01", "published_to": "2024-12-31"}, {"harbour", "storm"}),
        ({"published_from": "2024-02-01", "published_to": "2024-02-29"}, {"storm", "strike"}),
        ({"published_from": "2024-02-29", "published_to": "2024-02-29"}, {"strike"}),
        ({"published_from": "1000-01-01"}, {"harbour", "storm", "strike", "crane"}),
        ({"published_from": "2030-01-01"}, set()),
        ({"published_to": "1999-12-31"}, set()),
        ({"published_from": "2024-02-01", "outlets": ["the herald"]}, {"storm"}),
        ({"published_to": "2024-12-31", "outlets": ["daily post"]}, {"strike"}),
    ],
)
def test_date_bounds_are_inclusive_and_leave_out_the_undated(
    news_index: rag.Assistant, bounds: dict[str, str], expected: set[str]
) -> None:
    assert found(news_index.search(QUESTION, k=50, **bounds)) == expected


def test_filter_keeps_the_scores_honest(news_index: rag.Assistant) -> None:
    """A filtered ranking is ranked anew, from 1, with the same similarities."""
    everything = {h.passage.passage_id: h for h in news_index.search(QUESTION, k=50)}
    hits = news_index.search(QUESTION, k=50, outlets=["Daily Post"])
    assert [hit.rank for hit in hits] == [1, 2]
    assert hits[0].score <= 2 / 61
    for hit in hits:
        before = everything[hit.passage.passage_id].similarity
        assert hit.similarity == pytest.approx(before, abs=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"k": 0},
        {"published_from": "2024-03-01", "published_to": "2024-02-01"},
        {"published_from": "yesterday"},
    ],
)
def test_impossible_wishes_are_refused(
    assistant: rag.Assistant, options: dict[str, object]
) -> None:
    with pytest.raises(rag.RagError):
        assistant.search("weapons", **options)


def test_deleting_unknown_passages_from_chroma_is_harmless(tmp_path: Path) -> None:
    collection = Collection(tmp_path / "chroma", create=True)
    try:
        collection.delete(["a#0-1"])
        collection.delete([])
        assert (collection.count(), collection.ids()) == (0, set())
    finally:
        collection.close()


# --- dense search under a filter, over an index that is searched by HNSW ------------------------


@pytest.fixture(scope="module")
def matches(seeds_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of 300 reports of matches in one outlet and 100 on the tobacco duty in another, over
    forty days, with 16-bit vectors."""
    folder = tmp_path_factory.mktemp("matches")
    records = [
        {"text": f"Rovers beat United {n}-{n % 7} in match {n}.", "outlet": "Sport"}
        for n in range(300)
    ] + [
        {"text": f"The tobacco duty rose to {n} pence in year {n}.", "outlet": "Gazette"}
        for n in range(100)
    ]
    lines = (
        json.dumps({"id": str(n), "title": "News", "published": f"2024-0{n % 4 + 1}-{n % 10 + 1:02}"} | one)
        for n, one in enumerate(records)
    )  # fmt: skip
    (folder / "news.jsonl").write_text("\n".join(lines))
    index = link_networks(seeds_index, folder / "index")
    rag.build_index(folder / "news.jsonl", index, settings=load_settings(exact_search_limit=0))
    return index


@pytest.mark.parametrize("limit", [0, 50, 1_000])
@pytest.mark.parametrize(
    "filter",
    [
        Filter(),
        Filter(outlets=frozenset({"gazette"})),
        Filter(outlets=frozenset({"Sport"}), published_from=date(2024, 3, 1)),
        Filter(published_from=date(2024, 2, 2), published_to=date(2024, 2, 2)),
        Filter(published_from=date(2025, 1, 1)),
        Filter(outlets=frozenset({"Herald"})),
    ],
)
def test_dense_search_under_a_filter_is_brute_force_over_what_passes(
    matches: Path, limit: int, filter: Filter
) -> None:
    index = OpenIndex(matches, load_settings(exact_search_limit=limit))
    try:
        passing = index.rows.mask(filter.outlets, filter.published_from, filter.published_to)
        passes = np.ones(400, dtype=bool) if passing is None else passing
        for question in ("Who won the match?", "How high is the tobacco duty?"):
            vector = index.networks.encoder.encode([question])[0]
            oracle = brute_force(index, vector)
            cosines = np.array([oracle[p.passage_id] for p in index.passages(range(400)).values()])
            best = np.sort(cosines[passes])[::-1][:20]
            found = index.dense(vector, 20, filter)
            assert passes[list(found)].all()
            assert list(found.values()) == pytest.approx(list(best), abs=2e-3)
            assert list(found.values()) == pytest.approx(list(cosines[list(found)]), abs=1e-3)
    finally:
        index.close()
