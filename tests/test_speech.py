"""Who said it: the seeds by hand, the forms of direct and reported speech, and any text at all."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.corpus.sentences import sentence_spans
from rag.datatypes import Attribution
from rag.news.quotations import quotations
from rag.news.speech import same_speaker, speech_at, speeches

SEEDS = Path(__file__).resolve().parents[1] / "seeds"


def read(text: str) -> list[Attribution]:
    return speeches(text, sentence_spans(text))


def at(text: str, words: str) -> Attribution | None:
    start = text.index(words)
    return speech_at(read(text), start, start + len(words))


def who(text: str, words: str) -> str | None:
    speech = at(text, words)
    return None if speech is None else speech.speaker


# Worked out by reading the seeds: (article, words, speaker, mention, verb, direct, via).
SEED_SPEECH = [
    ("000", "to cut all financial aid", "Donald Trump", "Trump", "threatened", False, None),
    ("000", "they need more weapons, ammunition", "the Taliban spokesperson",
     "the Taliban spokesperson", "insisting", False, None),
    ("000", "they have no intention of returning", "The Taliban", "The Taliban",
     "has made it clear", False, None),
    ("000", "their priority is fighting ISIS-K", "The Taliban", "The Taliban", "emphasizing",
     False, None),
    ("000", "they need the military equipment to", "The Taliban", "The Taliban", "insists", False,
     None),
    ("000", "interest in accessing nearly $9 billion", "The Taliban", "The Taliban", "expressed",
     False, None),
    ("003", "the remaining US weapons in Afghanistan", "Abdul Qahar Balkhi",
     "Abdul Qahar Balkhi", "said", False, "Khaama.com"),
    ("003", "recent comments about military equipment", "Abdul Qahar Balkhi", "He", "responded",
     False, None),
    ("003", "the Taliban would be open to US companies", "Abdul Qahar Balkhi", "Balkhi",
     "stressed", False, None),
    ("003", "the US could invest in", "Abdul Qahar Balkhi", "Balkhi", "suggested", False, None),
    ("003", "rich natural wealth is open", "Abdul Qahar Balkhi", "He", "reiterated", False, None),
    ("003", "President Biden for allocating", "Donald Trump", "President Trump", "criticized",
     False, None),
    ("003", "anger over seeing", "Donald Trump", "He", "expressed", False, None),
    ("003", "the US may demand the return", "Donald Trump", "Trump", "hinted", False, None),
    ("003", "the equipment may be outdated", "Donald Trump", "Trump", "stated", False, None),
    ("003", "they do not need US cooperation", "Taliban officials", "Taliban officials",
     "have stated", False, None),
    ("004", "support for U.S. President Donald Trump’s remarks",
     "Pakistan’s Ministry of Foreign Affairs", "Pakistan’s Ministry of Foreign Affairs",
     "expressed", False, None),
    ("004", "the removal of these arms", "Shafqat Ali Khan", "The ministry spokesperson",
     "stated", False, None),
    ("004", "their absence from Taliban hands", "Shafqat Ali Khan", "Shafqat Ali Khan", "noting",
     False, None),
    ("004", "his frustration over", "Donald Trump", "Trump", "voiced", False, None),
    ("004", "world’s biggest arms dealer", "Donald Trump", "Trump", "describing", True, None),
    ("004", "militants within Pakistan have used", "Shafqat Ali Khan",
     "Pakistan’s Foreign Ministry spokesperson", "stating", False, None),
    ("004", "to be under their full control", "the Taliban", "the Taliban", "claimed by", False,
     None),
    ("004", "We have flagged it.", "Shafqat Ali Khan", "Khan", "stated", True, None),
    ("004", "security collaboration with the U.S. remains", "Shafqat Ali Khan", "He",
     "emphasised", False, None),
]  # fmt: skip
# The outlet's own voice.
SEED_OWN_VOICE = [
    ("000", "Since the U.S. pulled out its troops"),
    ("000", "ALSO READ: Donald Trump prepares"),
    ("000", "China, however, became the first"),
    ("003", "This statement comes amidst ongoing tensions"),
    ("003", "The Taliban’s stance on US military equipment"),
    ("004", "Pakistan’s endorsement of the U.S. position"),
    ("004", "While Pakistan previously backed the Taliban"),
]


def seed(number: str) -> str:
    return next(SEEDS.glob(f"{number}_*")).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("article", "words", "speaker", "mention", "verb", "direct", "via"), SEED_SPEECH
)
def test_speech_of_the_seeds(article, words, speaker, mention, verb, direct, via):
    text = seed(article)
    speech = at(text, words)
    assert speech is not None
    assert (speech.speaker, speech.verb, speech.direct, speech.via) == (speaker, verb, direct, via)
    assert text[slice(*speech.mention_at)] == mention


@pytest.mark.parametrize(("article", "words"), SEED_OWN_VOICE)
def test_the_outlets_own_voice_in_the_seeds(article, words):
    assert at(seed(article), words) is None


NAMED = "Minister Anna Lind met Omar Sy in Oslo. "
# (text, words, who says them; None: nobody).
FORMS = [
    ("“We will leave,” said Anna Lind, the minister, “but not today.”", "but not", "Anna Lind"),
    ('"We will leave," Lind said. "Not today, though."', "Not today", "Lind"),
    (NAMED + "‘We will leave,’ Lind said.", "We will", "Anna Lind"),
    (NAMED + "Lind said: “We will leave.”", "We will", "Anna Lind"),
    (NAMED + "“We will leave.” Lind said.", "We will", "Anna Lind"),
    (NAMED + "Lind said she would go. “It was never my plan,” she said.", "It was", "Anna Lind"),
    (NAMED + "“We leave,” Lind said.\n\n“It is time to go home.”", "It is time", "Anna Lind"),
    (NAMED + "“We leave,” Lind said. “One.\n\n“Two is the second.\n\n“Three.”", "Two is",
     "Anna Lind"),
    (NAMED + "Lind, who is 54, told reporters on Monday that they leave.", "they leave",
     "Anna Lind"),
    (NAMED + "They leave at noon, according to Lind.", "They leave", "Anna Lind"),
    ("According to police, the bridge is shut.", "the bridge is", "police"),
    ("The bridge is shut, police said on Monday.", "The bridge", "police"),
    ("The bridge is shut, said a spokesman for the ministry.", "The bridge",
     "a spokesman for the ministry"),
    ("Officials in Oslo say the bridge is shut.", "the bridge", "Officials in Oslo"),
    ("The ministry, which runs the bridge, said it is shut.", "it is shut", "The ministry"),
    ("The ministry’s spokeswoman, Anna Lind, said it is shut.", "it is shut", "Anna Lind"),
    (NAMED + "Lind called the plan “a gift to thieves” and left.", "a gift", "Anna Lind"),
    (NAMED + "Lind said the bridge is shut, adding that boats run.", "boats run", "Anna Lind"),
    (NAMED + "Lind said the bridge is shut and Sy said boats run.", "boats run", "Omar Sy"),
    (NAMED + "Lind tweeted: ‘Boats run.’", "Boats run", "Anna Lind"),
    (NAMED + "“It is shut,” Lind said. “Boats run,” added Sy. “Often.”", "Often", "Omar Sy"),
    ("Lind: We will rebuild the bridge\nAnna Lind spoke in Oslo.", "We will rebuild", "Anna Lind"),
    (NAMED + "The bridge is shut, noted Reuters.", "The bridge", "Reuters"),
    (NAMED + "Per Reuters, the bridge is shut.", "the bridge", "Reuters"),
    ("The contract states that “the bridge must be shut.”", "the bridge", "The contract"),
    (NAMED + "But the judge ruled it “holds no water.”", "holds", "the judge"),
    (NAMED + "“It is shut,” Sy’s wife, Lind, who runs it, recalled.", "It is", "Anna Lind"),
    (NAMED + "“It is shut,” the coach beamed.", "It is", "the coach"),
    (NAMED + "“Is it shut at last?” Sy asked Lind in Oslo.", "Is it", "Omar Sy"),
    (NAMED + "Lind called it “a gift to thieves” and “the end of the road.”", "the end",
     "Anna Lind"),
    ("A firm, which has offices in Oslo, Rome and Paris, said it is shut.", "it is", "A firm"),
    ("The former mayor went home and told friends that it is shut.", "it is", "The former mayor"),
    (NAMED + "When Lind looks back, she says it was shut.", "it was", "Anna Lind"),
    (NAMED + "Sy left. According to him, the bridge is shut.", "the bridge", "Omar Sy"),
    (NAMED + "“We leave,” Lind said.\n\nMore: A link to a story\n\n“It is time to go home.”",
     "It is time", "Anna Lind"),
    (NAMED + "Lind’s answer: “It is time to go home.”", "It is time", "Anna Lind"),
    ("‘A bridge too far’\n\nThe plan is “a bridge too far”, said Anna Lind.", "A bridge",
     "Anna Lind"),
    ("We’ll deem it the official “bridge of the year” award.", "bridge of", None),
    ("Fans loved “The Way of Water” in May.", "The Way of Water", None),
    ("The so-called “deep state” met.", "deep state", None),
    ("Richard “The King” Petty won in 1959.", "The King", None),
    (NAMED + "Lind did not say the bridge is shut.", "the bridge", None),
    (NAMED + "Lind declined to say the bridge is shut.", "the bridge", None),
    (NAMED + "The bridge is said to be shut.", "to be shut", None),
    (NAMED + "Lind added two boats.", "two boats", None),
    ("“We will leave,” she said.", "We will", None),
    ("The claims of 1990 are old; the reports too.", "old", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words", "speaker"), FORMS)
def test_forms_of_speech(text, words, speaker):
    assert who(text, words) == speaker


def test_a_pronoun_is_whom_it_fits():
    text = "Anna Lind met Paul Sy. Sy said boats run. She said the bridge is shut. He left."
    assert who(text, "boats run") == "Paul Sy"
    assert who(text, "the bridge is shut") == "Anna Lind"


def test_a_role_is_its_one_holder_and_no_other():
    one = "The spokesperson said boats run. Ministry spokesperson Omar Sy left. "
    two = one + "Police spokesperson Anna Lind came."
    assert who(one, "boats run") == "Omar Sy"
    assert who(two, "boats run") == "The spokesperson"


def test_a_quotation_inside_a_quotation_keeps_both():
    text = "“He told me, ‘Leave now,’ and then Bob Lee said, ‘Stay a while,’” Omar Sy said."
    inner = at(text, "Stay a while")
    assert inner is not None
    assert inner.within is not None
    assert (inner.speaker, inner.within.speaker) == ("Bob Lee", "Omar Sy")
    assert who(text, "He told me") == "Omar Sy"


def test_an_outlet_that_was_told_or_reports_is_via():
    told = at("Anna Lind told Reuters that boats run.", "boats run")
    reported = at("Anna Lind said that boats run, The Guardian reported.", "boats run")
    assert told is not None
    assert (told.speaker, told.via) == ("Anna Lind", "Reuters")
    assert reported is not None
    assert reported.via == "The Guardian"


def test_a_title_alone_at_the_beginning_is_no_name():
    text = "King’s words move the nation. “We agreed,” Anna Lind said."
    assert [speech.speaker for speech in read(text)] == ["Anna Lind"]


def test_speech_at_wants_more_than_half():
    text = "Anna Lind said that boats run."
    (speech,) = read(text)
    start, end = speech.said
    assert text[start:end] == "boats run"
    assert speech_at([speech], start, end) == speech
    assert speech_at([speech], start - 9, end) is None  # exactly half
    assert speech_at([speech], start - 8, end) == speech
    assert speech_at([], 0, 5) is None


@pytest.mark.parametrize(
    ("name", "other", "same"),
    [
        ("Balkhi", "Abdul Qahar Balkhi", True),
        ("President Trump", "Donald Trump", True),
        ("Donald Trump", "Donald J. Trump", True),
        ("The Taliban", "Taliban", True),
        ("Sen. Kaine", "Tim Kaine", True),
        ("Trump’s", "Donald Trump", True),
        ("khan", "Shafqat Ali KHAN", True),
        ("Khan", "Shafqat Ahmad", False),
        ("Anna Lind", "Omar Lind", False),
        ("Joe Biden", "Jill Biden", False),
        ("", "", False),
        ("…", "Khan", False),
    ],
)
def test_same_speaker(name, other, same):
    assert same_speaker(name, other) is same
    assert same_speaker(other, name) is same


def test_quotations_end_with_their_paragraph_and_skip_apostrophes():
    text = "“Open one\n“second ‘inner’ two” and the players’ 6'2\" don’t ‘90s"
    assert [(text[q.start : q.end], q.depth, q.closed) for q in quotations(text)] == [
        ("Open one", 0, False),
        ("second ‘inner’ two", 0, True),
        ("inner", 1, True),
    ]


def everything(speech: Attribution) -> Iterator[Attribution]:
    yield speech
    if speech.within is not None:
        yield from everything(speech.within)


PIECES = st.sampled_from(
    [*"“”‘’'\"«»,.:;—-()\n ", "Khan", "Shafqat Ali Khan", "said", "says", "he", "She", "who",
     "according to", "told", "Reuters", "that", "the spokesperson", "claimed by", "has", "and",
     "weapons", "are", "old", "The Way", "@lind", "U.S.", "塔利班", "قال", "\x00", "\x01", "ﬁ",
     "made it clear", "noting", "in", "Monday", "a statement", "’s", "1,000", "King", "President",
     "Dr", "Prince Harry", "King’s"]
)  # fmt: skip
ODD = st.lists(PIECES, max_size=40).map(" ".join) | st.lists(PIECES, max_size=40).map("".join)


@settings(max_examples=300, deadline=None)
@given(ODD | st.text(max_size=200))
def test_every_offset_is_a_slice_of_any_text(text: str):
    found = read(text)
    assert [s.said[0] for s in found] == sorted(s.said[0] for s in found)
    for speech in (part for whole in found for part in everything(whole)):
        assert text[slice(*speech.speaker_at)] == speech.speaker != ""
        assert text[slice(*speech.verb_at)] == speech.verb
        assert text[slice(*speech.mention_at)] != ""
        assert 0 <= speech.said[0] < speech.said[1] <= len(text)
        assert (speech.via is None) == (speech.via_at is None)
        if speech.via_at is not None:
            assert text[slice(*speech.via_at)] == speech.via
        if speech.within is not None:
            assert (
                speech.within.said[0] <= speech.said[0] <= speech.said[1] <= speech.within.said[1]
            )


@settings(max_examples=100, deadline=None)
@given(ODD)
def test_quotations_nest_or_stand_apart(text: str):
    found = quotations(text)
    for q in found:
        assert 0 <= q.left < q.start < q.end <= q.right <= len(text)
    for outer, inner in pairwise(found):
        assert inner.left >= outer.right or inner.right <= outer.right
