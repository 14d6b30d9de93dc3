"""Looking up pasted words: exact, altered, stitched or absent; likeness never counts as a match."""

from __future__ import annotations

import re

import pytest
from conftest import SEEDS
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import rag
from rag.answering.places import places
from rag.index.normalise import normalise
from rag.index.store import Store, StoreWriter

TEXTS = {path.name: path.read_text(encoding="utf-8") for path in sorted(SEEDS.glob("*.txt"))}


def check_slices(match: rag.QuoteMatch) -> None:
    for number, citation in enumerate(match.citations, start=1):
        assert citation.number == number
        assert TEXTS[citation.doc_id][citation.start : citation.end] == citation.quote


@pytest.mark.parametrize(
    ("pasted", "doc_id", "quote"),
    [
        ("We have flagged it.", "004_98949efb94d48d28.txt", "We have flagged it."),
        ("we have flagged it.", "004_98949efb94d48d28.txt", "We have flagged it."),
        (
            'the "world\'s biggest arms dealer" and',
            "004_98949efb94d48d28.txt",
            "the “world’s biggest arms dealer” and",
        ),
        (
            "“these weapons - claimed”".replace(" - ", "-"),
            "004_98949efb94d48d28.txt",
            "these weapons—claimed",
        ),
        (
            "left in  Afghanistan.\nThe ministry spokes\u00adperson",
            "004_98949efb94d48d28.txt",
            "left in Afghanistan.\n\nThe ministry spokesperson",
        ),
        ("af\ufb01liate".replace("\ufb01", "ﬁ"), None, None),
        (
            "ALSO READ: Two Iran Supreme Court Judges killed in Tehran",
            "000_af892b8019acd49c.txt",
            "ALSO READ: Two Iran Supreme Court Judges killed in Tehran",
        ),
        ("about $7 billion", "000_af892b8019acd49c.txt", "about $7 billion"),
    ],
    ids=["plain", "first letter", "quote marks", "dash", "soft hyphen, lines", "ligature",
         "link line", "money"],
)  # fmt: skip
def test_exact_up_to_the_declared_normalisation(assistant, pasted, doc_id, quote):
    match = assistant.locate(pasted)
    if doc_id is None:
        assert match.status == "absent" or match.citations[0].quote == "affiliate"
        return
    assert match.status == "exact"
    assert [(c.doc_id, c.quote) for c in match.citations] == [(doc_id, quote)]
    check_slices(match)


@pytest.mark.parametrize(
    ("pasted", "kind", "quoted", "stored"),
    [
        ("which are valued at about $70 billion", "number", "$70", "$7"),
        ("which are valued at about $7 million", "number", "million", "billion"),
        ("now belong to the Taliban and will be returned", "negation", "", "not"),
        (
            "the Taliban would not be open to US companies investing",
            "negation",
            "not",
            "",
        ),
        ("Trump, in a meeting on March 29, criticized President Biden", "number", "29", "28"),
        ("We have reported it to the", None, None, None),
        ("Pakistan previously supported the Taliban", "words", "supported", "backed"),
    ],
    ids=["digit", "unit", "not dropped", "not added", "date", "too little", "word"],
)
def test_what_differs_is_named(assistant, pasted, kind, quoted, stored):
    match = assistant.locate(pasted)
    if kind is None:
        assert match.status in {"altered", "absent"}
        return
    assert match.status == "altered"
    assert [(d.kind, d.quoted, d.stored) for d in match.differences] == [(kind, quoted, stored)]
    check_slices(match)


@pytest.mark.parametrize(
    "pasted",
    [
        "about $7 bill",
        "000 troops",
        "valued at about $7 billion, Trump",
        "5 percent of the",
        "he Taliban spokesperson responded by",
    ],
)
def test_words_cut_in_the_middle_are_never_exact(assistant, pasted):
    assert assistant.locate(pasted).status != "exact"


def test_numbers_and_negations_cut_off_at_the_edge_are_not_exact(new_index, corpus):
    folder = corpus(
        {
            "a.txt": "The fund holds $1,400 million. They can't return. A non-violent march of 1.5 km."
        }
    )
    rag.build_index(folder, new_index)
    with rag.Assistant.open(new_index) as opened:
        for pasted in ("400 million", "They can", "violent march", "5 km", "holds $1"):
            assert opened.locate(pasted).status != "exact", pasted
        for pasted in ("$1,400 million", "They can't return", "non-violent march", "1.5 km"):
            assert opened.locate(pasted).status == "exact", pasted


def test_two_sentences_of_two_articles_are_stitched(assistant):
    match = assistant.locate(
        "which are valued at about $7 billion. We have flagged it. If the US can make any efforts"
    )
    assert match.status == "stitched"
    assert [c.doc_id[:3] for c in match.citations] == ["000", "004"]
    check_slices(match)


@pytest.mark.parametrize(
    "pasted",
    ["It will rain in Kabul tomorrow", "", "   ", "...", "“”", "日本語の文章です", "x" * 50_000],
)
def test_what_is_not_there_is_absent(assistant, pasted):
    assert assistant.locate(pasted) == rag.QuoteMatch("absent", ())


def test_every_place_is_given(new_index, corpus):
    folder = corpus(
        {"a.txt": "No comment today. Then: no comment today.", "b.txt": "No comment today."}
    )
    rag.build_index(folder, new_index)
    with rag.Assistant.open(new_index) as opened:
        match = opened.locate("no comment today.")
    assert [(c.doc_id, c.start) for c in match.citations] == [
        ("a.txt", 0),
        ("a.txt", 24),
        ("b.txt", 0),
    ]


@pytest.mark.parametrize(
    ("pasted", "status"),
    [
        ("“We have flagged it,” ", "exact"),
        ('"We have flagged it', "exact"),
        ("[…] (We have flagged it) …", "exact"),
        ("We have flagged it?", "altered"),
        ("We have NOT flagged it", "altered"),
    ],
)
def test_the_marks_of_quoting_are_not_the_words(assistant, pasted, status):
    match = assistant.locate(pasted)
    assert match.status == status
    assert "We have flagged it" in match.citations[0].quote


def test_a_sign_or_unit_is_no_mark_of_quoting(new_index, corpus):
    folder = corpus({"a.txt": "It was 5 degrees at noon, they said. They can't say more."})
    rag.build_index(folder, new_index)
    with rag.Assistant.open(new_index) as opened:
        assert opened.locate("- 5 degrees at noon").status == "exact"
        for pasted in ("-5 degrees at noon", "$5 degrees at noon", "say they can'", "5% degrees"):
            assert opened.locate(pasted).status != "exact", pasted


def test_only_the_case_differs_and_is_named(assistant):
    match = assistant.locate("previously BACKED the taliban")
    assert match.status == "altered"
    assert [(d.kind, d.quoted, d.stored) for d in match.differences] == [
        ("words", "BACKED", "backed"),
        ("words", "taliban", "Taliban"),
    ]


def test_an_altered_quote_cites_every_place_of_the_nearest_text(new_index, corpus):
    told = "The ferry\nsank off the “old” har\u00adbour at nine."
    folder = corpus(
        {"a.txt": told, "b.txt": f"They said:\n\n{told}", "c.txt": "A ferry was built."}
    )
    rag.build_index(folder, new_index)
    with rag.Assistant.open(new_index) as opened:
        match = opened.locate("The ferry sank off the 'old' harbour at ten")
        assert match.status == "altered"
        kinds = [(d.kind, d.quoted, d.stored) for d in match.differences]
        match = opened.locate('The ferry sank off the "old" harbour at ten')
    assert kinds[-1] == ("number", "ten", "nine")
    assert match.differences == (rag.Difference("number", "ten", "nine"),)
    assert [(c.doc_id, c.start, c.quote) for c in match.citations] == [
        ("a.txt", 0, told[:-1]),
        ("b.txt", 12, told[:-1]),
    ]


def test_of_texts_with_as_many_other_words_the_one_with_the_likest_letters_is_named(
    new_index, corpus
):
    folder = corpus({f"{n}.txt": f"They sold {n} boats." for n in (77, 4188, 4178, 12)})
    rag.build_index(folder, new_index)
    with rag.Assistant.open(new_index) as opened:
        match = opened.locate("They sold 4179 boats")
    assert [(c.doc_id, d.stored) for c in match.citations for d in match.differences] == [
        ("4178.txt", "4178")
    ]


def test_parts_are_not_cut_inside_a_word(new_index, corpus):
    folder = corpus(
        {"a.txt": "All of them met at D23. The end.", "b.txt": "So the population is shrinking."}
    )
    rag.build_index(folder, new_index)
    with rag.Assistant.open(new_index) as opened:
        match = opened.locate("of them met at D23 the population is shrinking")
    assert match.status == "stitched"
    assert [c.quote for c in match.citations] == [
        "of them met at D23",
        "the population is shrinking",
    ]


def words(text: str) -> list[tuple[int, int]]:
    return [m.span() for m in re.finditer(r"(?<![\w.,'’-])[^\W_][\w’'.,$-]*(?![\w’'])", text)]


@settings(deadline=None, max_examples=120)
@given(st.data())
def test_every_run_of_whole_words_is_exact_and_its_own_slice(assistant, data):
    name = data.draw(st.sampled_from(sorted(TEXTS)))
    spans = words(TEXTS[name])
    first = data.draw(st.integers(0, len(spans) - 4))
    last = data.draw(
        st.integers(first + 3, min(len(spans) - 1, first + 30))
    )  # few places hold four words
    pasted = TEXTS[name][spans[first][0] : spans[last][1]]
    match = assistant.locate(pasted)
    assert match.status == "exact"
    assert (name, spans[first][0], spans[last][1]) in {
        (c.doc_id, c.start, c.end) for c in match.citations
    }


@settings(deadline=None, max_examples=120)
@given(st.data())
def test_no_run_with_one_word_changed_is_exact(assistant, data):
    name = data.draw(st.sampled_from(sorted(TEXTS)))
    spans = words(TEXTS[name])
    first = data.draw(st.integers(0, len(spans) - 9))
    last = first + data.draw(st.integers(4, 8))
    changed = data.draw(st.integers(first, last))
    other = data.draw(st.sampled_from(["not", "never", "$400", "1999", "Sweden", "perhaps"]))
    start, end = spans[changed]
    text = TEXTS[name]
    pasted = text[spans[first][0] : start] + other + text[end : spans[last][1]]
    assume(all(pasted not in t for t in TEXTS.values()))
    match = assistant.locate(pasted)
    assert match.status != "exact"
    check_slices(match)
    if match.status == "altered":
        assert match.differences


@settings(deadline=None, max_examples=120)
@given(st.data())
def test_a_word_the_corpus_lacks_is_told_with_the_place_it_was_put_in(assistant, data):
    name = data.draw(st.sampled_from(sorted(TEXTS)))
    text, spans = TEXTS[name], words(TEXTS[name])
    first = data.draw(st.integers(0, len(spans) - 8))
    last = data.draw(st.integers(first + 7, min(len(spans) - 1, first + 30)))
    start, end = spans[data.draw(st.integers(first, last))]
    pasted = text[spans[first][0] : start] + "zanzibar" + text[end : spans[last][1]]
    match = assistant.locate(pasted)
    assert match.status == "altered"
    check_slices(match)
    assert any("zanzibar" in d.quoted for d in match.differences)
    # A word at its end may be taken to be too many: then the place ends before it.
    assert any(
        c.doc_id == name and c.start < spans[last][1] and spans[first][0] < c.end
        for c in match.citations
    )


def whole(text: str, start: int, end: int) -> bool:
    return not (
        re.match(r"\w", text[end : end + 1] or " ") or re.search(r"\w", text[start - 1 : start])
    )


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.lists(st.sampled_from(["the", "cat", "The", "sat.", "“on”", "of\u00adf", "\n\n", "ﬁn"]),
                 min_size=4, max_size=60),
        min_size=1, max_size=3,
    ),
    st.data(),
)  # fmt: skip
@example([["the", "cat"] * 20, ["ﬁn", "cat", "the", "cat"]], None)
def test_the_places_are_those_that_a_plain_search_finds(new_file, texts, data):
    texts = sorted({" ".join(text) for text in texts})
    found = [normalise(text) for text in texts]
    wanted = "the cat" if data is None else ""
    while not re.search(r"\w", wanted):
        pieces = data.draw(st.sampled_from([one.text.split(" ") for one in found]))
        first = data.draw(st.integers(0, len(pieces) - 1))
        wanted = " ".join(pieces[first : data.draw(st.integers(first + 1, len(pieces)))])
    expected = set()
    for number, one in enumerate(found):
        for at in range(len(one.text)):
            piece = one.text[at : at + len(wanted)]
            if piece[:1].lower() + piece[1:] == wanted[:1].lower() + wanted[1:] and whole(
                one.text, at, at + len(wanted)
            ):
                expected.add((str(number), *one.original(at, at + len(wanted))))
    place = new_file()
    with StoreWriter(*place) as writer:
        for number, text in enumerate(texts):
            writer.add(rag.Article(doc_id=str(number), title="", text=text), ())
    store = Store(*place)
    given_places = [(c.doc_id, c.start, c.end) for c in places(store, wanted)]
    store.close()
    assert len(given_places) == len(set(given_places))
    assert set(given_places) == expected
