"""Whose words answer: of the one asked for, of each party compared; never words about them."""

from __future__ import annotations

import pytest

import rag
from rag.news.comparing import Comparison, read_comparison
from rag.news.saying import Saying, read_saying
from rag.news.stance import stance

ARTICLES = {
    "a.txt": "Anna Lind, the minister of transport, said the tunnel will open in May. Jens Holm "
    "accused Lind of hiding the costs. “The tunnel is a mistake,” Holm told reporters.\n",
    "b.txt": "“Nobody asked the fishermen,” said Holm at the harbour. He warned that the tunnel "
    "would ruin the ferry. Birgit Sand was at the harbour, too, and listened.\n",
    "c.txt": "The ferry of Skagen carries 300 cars a day. Its captain is Ole Krag.\n",
}


@pytest.fixture(scope="module")
def tunnel(tmp_path_factory):
    root = tmp_path_factory.mktemp("tunnel")
    for name, text in ARTICLES.items():
        (root / name).write_text(text)
    index = tmp_path_factory.mktemp("index")
    rag.build_index(root, index)
    with rag.Assistant.open(index) as opened:
        yield opened


@pytest.mark.parametrize(
    ("question", "saying"),
    [
        ("What did Anna Lind say about the tunnel?", Saying("Anna Lind", "the tunnel")),
        ("What has Holm said?", Saying("Holm", "")),
        ("What was Holm's response to the plan?", Saying("Holm", "the plan")),
        ("How did the ministry react to the plan?", Saying("the ministry", "the plan")),
        ("According to Holm, who was not asked?", Saying("Holm", "who was not asked")),
        ("What did he say?", None),
        ("What did the storm destroy?", None),
        ("Who said that the tunnel is a mistake?", None),
    ],
)
def test_a_question_for_somebodys_words(question, saying):
    assert read_saying(question) == saying


@pytest.mark.parametrize(
    ("question", "comparison"),
    [
        ("How do Lind and Holm differ on the tunnel?", Comparison(("Lind", "Holm"), "the tunnel")),
        ("What is the difference between Lind and Holm over the costs?",
         Comparison(("Lind", "Holm"), "the costs")),
        ("What do Lind and Holm say about the tunnel?", Comparison(("Lind", "Holm"), "the tunnel")),
        ("Compare the views of Lind and Holm.", Comparison(("Lind", "Holm"), "")),
        ("How does Lind's view of the tunnel differ from Holm's?",
         Comparison(("Lind", "Holm"), "the tunnel")),
        ("Who met Lind and Holm?", None),
    ],
)  # fmt: skip
def test_a_question_that_compares(question, comparison):
    assert read_comparison(question) == comparison


@pytest.mark.parametrize(
    ("question", "sentence", "sign"),
    [
        ("Will the tunnel open?", "The tunnel will open in May.", 1),
        ("Will the tunnel open?", "The tunnel will never open.", -1),
        ("Will the tunnel open?", "The ferry carries cars.", 0),
        ("Did Lind reject the tunnel?", "Lind did not reject the tunnel.", -1),
        ("Is the tunnel not safe?", "The tunnel is not safe.", 1),
        ("Is the tunnel safe?", "The bridge is not old, but the tunnel is safe.", 1),
    ],
)
def test_yes_against_no(question, sentence, sign):
    assert stance(question, sentence) == sign


def said(answer):
    return {(c.doc_id, c.speaker) for c in answer.citations}


def test_the_words_of_somebody_and_not_words_about_them(tunnel):
    lind = tunnel.answer("What did Anna Lind say about the tunnel?")
    assert said(lind) == {("a.txt", "Anna Lind")}
    assert lind.short_answer == "the tunnel will open in May"
    holm = tunnel.answer("What did Jens Holm say?")
    assert {speaker for _, speaker in said(holm)} == {"Jens Holm", "Holm"}
    assert {c.doc_id for c in holm.citations} == {"a.txt", "b.txt"}


def test_somebody_without_words_is_declined(tunnel):
    for name in ("Birgit Sand", "Ole Krag"):
        answer = tunnel.answer(f"What did {name} say?")
        assert (answer.abstained, answer.reason) == (True, "not_in_corpus")
        assert f"No passage near gives words of {name}." in answer.notes
    off_topic = tunnel.answer("What did Anna Lind say about whales in the Arctic?")
    assert off_topic.abstained


def test_parties_are_set_side_by_side_under_lines_that_are_no_quotes(tunnel):
    answer = tunnel.answer("How do Lind and Holm differ on the tunnel?")
    assert [(c.lead, c.speaker) for c in answer.citations] == [
        ("Lind:", "Anna Lind"),
        ("Holm:", answer.citations[1].speaker),
    ]
    assert answer.citations[1].speaker in {"Jens Holm", "Holm"}
    first, second = answer.citations
    assert answer.text == (f"Lind:\n\n“{first.quote}” [1]\n\nHolm:\n\n“{second.quote}” [2]")
    lone = tunnel.answer("How do Lind and Sand differ on the tunnel?")
    assert all(c.lead == "" for c in lone.citations)


def test_every_quote_says_whose_words_it_holds(tunnel):
    answer = tunnel.answer("When will the tunnel open?")
    assert answer.citations[0].speaker == "Anna Lind"
    attribution = answer.citations[0].attribution
    text = ARTICLES["a.txt"]
    assert text[slice(*attribution.speaker_at)] == "Anna Lind"
    assert text[slice(*attribution.verb_at)] == attribution.verb == "said"
    assert text[slice(*attribution.said)] == "the tunnel will open in May"
    own = tunnel.answer("How many cars does the ferry of Skagen carry a day?")
    assert (own.citations[0].speaker, own.citations[0].attribution) == (None, None)
