"""Near-duplicates: which articles tell one story in the same words, and what a corpus holds."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date

import numpy as np
import pytest
from conftest import Place, plans
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.datatypes import Article, Overview
from rag.index.copies import PERMUTATIONS, alike, read_minhash, signature, stories
from rag.index.store import Store, StoreWriter

_WORDS = (
    "the ship sank late storm coast crew rescue harbour captain officials wind night port".split()
)


def sentences(seed: int, count: int = 30) -> list[str]:
    """Made-up sentences of twelve words; another seed shares hardly four in a row."""
    drawn = random.Random(seed)
    return [" ".join(drawn.choices(_WORDS, k=12)).capitalize() + "." for _ in range(count)]


STORY = sentences(0)
OTHER = sentences(1)
# Of 30 sentences: what a second paper makes of an agency's story.
COPIES = {
    "headline": ["Many rescued off the coast", *STORY],
    "cut": STORY[:16],
    "changed": [OTHER[at] if at in (3, 11, 20) else line for at, line in enumerate(STORY)],
    "lead": OTHER[:2] + STORY[2:],
    "joined": [line.replace(".", " —") for line in STORY],
}
STRANGERS = {
    "other": OTHER,
    "half": STORY[:15] + OTHER[:15],
    "a short part": STORY[:6],
    "too short for a run": ["The ship."],
    "no word at all": ["…"],
}


def article(doc_id: str, lines: list[str], **fields: object) -> Article:
    return Article(doc_id, doc_id, "\n".join(lines), **fields)


def written(place: Place, articles: list[Article]) -> Place:
    writer = StoreWriter(*place)
    for one in articles:
        writer.add(one, [])
    writer.tell_stories()
    writer.close()
    return place


@pytest.fixture
def opened(new_place: Callable[[], Place]) -> Callable[[list[Article]], Store]:
    return lambda articles: Store(*written(new_place(), articles))


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_is_found_both_ways(name: str, opened) -> None:
    store = opened([article("story", STORY), article(name, COPIES[name]), article("x", OTHER)])
    assert store.copies("story") == [name]
    assert store.copies(name) == ["story"]
    assert [[one.doc_id for one in group] for group in store.copy_groups(9)] == [
        sorted(["story", name])
    ]


@pytest.mark.parametrize("name", STRANGERS)
def test_what_is_no_copy(name: str, opened) -> None:
    store = opened([article("story", STORY), article(name, STRANGERS[name])])
    assert store.copies("story") == store.copies(name) == store.copy_groups(9) == []


def test_a_share_is_estimated_as_by_hand() -> None:
    # 128 values, of which 64 agree: Jaccard 1/2. Of 100 and 50 runs 50 are then shared: all of the
    # shorter text. Of 100 and 100, 67: too few. With 43 that agree the texts are too far apart.
    one = np.arange(PERMUTATIONS)[None, :]
    half, third = np.where(one < 64, one, -1), np.where(one < 43, one, -1)
    assert alike(one, np.array([100]), half, np.array([50])).tolist() == [True]
    assert alike(one, np.array([100]), half, np.array([100])).tolist() == [False]
    assert alike(one, np.array([90]), third, np.array([30])).tolist() == [False]


def test_a_signature_estimates_the_runs_that_two_texts_share() -> None:
    def runs(lines: list[str]) -> set[tuple[str, ...]]:
        words = "".join(c if c.isalpha() else " " for c in " ".join(lines).lower()).split()
        return set(zip(words, words[1:], words[2:], words[3:], strict=False))

    for lines in (*COPIES.values(), OTHER):
        (one, count), (other, other_count) = (
            signature("\n".join(STORY)),
            signature("\n".join(lines)),
        )
        ours, theirs = runs(STORY), runs(lines)
        assert (count, other_count) == (len(ours), len(theirs))
        agree = np.mean(read_minhash(one) == read_minhash(other))
        # Four standard deviations of a share of 128.
        assert abs(agree - len(ours & theirs) / len(ours | theirs)) < 4 * (0.25 / 128) ** 0.5


def test_a_long_text_has_the_signature_of_all_its_runs() -> None:
    """It is hashed a part at a time; the library does it at once."""
    import zlib

    from datasketch import MinHash

    words = [str(number) for number in range(9_000)]
    whole = MinHash(PERMUTATIONS, hashfunc=zlib.crc32)
    whole.update_batch([" ".join(words[at : at + 4]).encode() for at in range(8_997)])
    stored, runs = signature(" ".join(words))
    assert runs == 8_997
    assert read_minhash(stored)[0].tolist() == whole.hashvalues.tolist()


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30), st.integers(0, 6)), max_size=25))
@settings(max_examples=40, deadline=None)
def test_stories_are_those_of_another_implementation(made: list[tuple[int, int, int]]) -> None:
    """The library's own index names the candidates; every one of them is compared."""
    from datasketch import MinHash, MinHashLSH

    texts = [" ".join(sentences(seed)[drop:] + OTHER[:more]) for seed, drop, more in made]
    signed = [signature(text) for text in texts]
    minhashes = read_minhash(b"".join(minhash for minhash, _ in signed))
    runs = np.array([count for _, count in signed], int)
    index = MinHashLSH(num_perm=PERMUTATIONS, params=(42, 3))
    hashes = [MinHash(hashvalues=row, scheme="affine32") for row in minhashes]
    told = list(range(len(texts)))
    for at, minhash in enumerate(hashes):
        for near in index.query(minhash):
            jaccard = minhash.jaccard(hashes[near])
            shared = jaccard * (runs[at] + runs[near]) / (1 + jaccard)
            if jaccard >= 0.35 and shared / min(runs[at], runs[near]) >= 0.8:
                told = [told[at] if story == told[near] else story for story in told]
        index.insert(at, minhash)
    found = stories(minhashes, runs).tolist()
    assert [found.index(story) for story in found] == [told.index(story) for story in told]


def test_a_chain_is_one_group_but_its_ends_are_no_copies(opened) -> None:
    # 30 sentences: the second has 3 of its own, the third 4 more: 27/30 twice, but 23/30.
    second = OTHER[:3] + STORY[3:]
    third = OTHER[:7] + STORY[7:]
    store = opened([article("a", STORY), article("b", second), article("c", third)])
    assert [len(group) for group in store.copy_groups(9)] == [3]
    assert [store.copies(name) for name in "abc"] == [["b"], ["a", "c"], ["b"]]


def groups(store: Store) -> list[list[str]]:
    return [[listed.doc_id for listed in group] for group in store.copy_groups(99)]


TEXTS = [STORY, *COPIES.values(), OTHER, OTHER[:20], OTHER[3:] + STORY[:3], *STRANGERS.values()]


@given(st.lists(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(-1, len(TEXTS) - 1)))))
@settings(max_examples=25, deadline=None)
def test_changes_leave_the_same_groups_as_a_build_from_nothing(new_file, builds) -> None:
    """Each build adds, changes (an article with another text) and removes (-1)."""
    place = new_file()
    now: dict[str, int] = {}
    for build in builds:
        writer = StoreWriter(*place)
        for doc_id, text in build:
            if now.pop(doc_id, None) is not None:
                writer.remove(doc_id)
            if text >= 0:
                writer.add(article(doc_id, TEXTS[text]), [])
                now[doc_id] = text
        writer.tell_stories()
        writer.close()
    whole = [article(doc_id, TEXTS[now[doc_id]]) for doc_id in sorted(now)]
    anew = Store(*written(new_file(), whole))
    grown = Store(*written(place, []))
    assert groups(grown) == groups(anew)
    for doc_id in "abcdefgh":
        assert grown.copies(doc_id) == anew.copies(doc_id)


LISTED = [
    article("a", STORY, outlet="Ystad Post", published=date(2025, 3, 4)),
    article("b", STORY[:20], outlet="Rønne Tidende", published=date(2025, 3, 2)),
    article("c", STORY[2:], outlet="Ystad Post"),
    article("d", OTHER, published=date(2024, 12, 31)),
    article("e", OTHER[:20], outlet="Rønne Tidende"),
    article("f", sentences(2), outlet="Ystad Post"),
]


def test_an_overview_counts_outlets_months_and_copies(opened) -> None:
    assert opened(LISTED).overview() == Overview(
        articles=6,
        by_outlet=(("Ystad Post", 3), ("Rønne Tidende", 2), (None, 1)),
        by_month=(("2024-12", 1), ("2025-03", 2)),
        undated=3,
        copies=2,
        copied=5,
    )


def test_groups_come_a_page_at_a_time_largest_first_and_oldest_article_first(opened) -> None:
    store = opened(LISTED)
    assert groups(store) == [["b", "a", "c"], ["d", "e"]]
    assert [[one.doc_id for one in group] for group in store.copy_groups(1, 1)] == [["d", "e"]]
    assert [one.doc_id for one in store.undated(2)] == ["c", "e"]


def test_an_empty_store_has_an_overview(opened) -> None:
    assert opened([]).overview() == Overview(0, (), (), 0, 0, 0)


def test_copies_are_looked_up_by_indexes(new_file) -> None:
    store = Store(*written(new_file(), LISTED))
    [plan] = plans(store, lambda: store.copies("a"))
    assert len(plan) == 5
    assert not [step for step in plan if step.startswith("SCAN")]
