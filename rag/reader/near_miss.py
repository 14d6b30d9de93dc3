"""Near misses: questions about the right people and things that the passage does not answer.

People wrote few of the training files' unanswerable questions, so more are made from answerable
ones: a name, number or date is swapped for another of its kind from the same article, a word for
its opposite, or the thing asked about for another that the article's readers asked about; or the
passage loses the sentence that answers. Nearly always the old answer is no answer to what comes out;
another name of the same thing is the exception.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from rag.datatypes import Article, Passage

_NAME = re.compile(
    r"(?<![.?!“\"] )(?<!^)(?<![“\"])\b[A-Z][\w’'-]+(?: (?:of |the |de |van |von )?[A-Z][\w’'-]+)*",
    re.MULTILINE,
)
"""A name inside a sentence: its first word has a capital for no reason of its own."""
_NUMBER = re.compile(r"(?<![\w.,$£€])\d[\d,.]*\d|(?<![\w.,$£€])\d")
_YEAR = re.compile(r"\b(?:1[0-9]|20)\d\d\b")
_WORD = re.compile(r"\b[a-z]{4,}\b")
_PAIR = re.compile(r"\b(?=([A-Za-z]+) ([a-z]{4,})\b)")
"""A word with the one before it."""
_NOT_NAMES = frozenset(
    "What Who Whom Whose When Where Which Why How The This That These Those Did Does Was Were Are "
    "And But For From Its His Her Their There They She Mr Mrs Ms Dr".split()
)
_COMMON = frozenset(
    "what when where which whose whom does have were that this with from about many much long "
    "kind type name named called they their them there been being some into than then also only "
    "other more most after before according during over under between while will would could "
    "should make made take took give gave person people thing things type types like used".split()
)
_OPPOSITES = (
    "first last, before after, more less, most least, highest lowest, largest smallest, "
    "biggest smallest, oldest youngest, increase decrease, increased decreased, rise fall, "
    "rose fell, win lose, won lost, north south, northern southern, east west, eastern western, "
    "begin end, began ended, start stop, started stopped, open close, opened closed, "
    "early late, earlier later, above below, inside outside, male female, men women, "
    "mother father, son daughter, brother sister, husband wife, boy girl, "
    "buy sell, bought sold, support oppose, supported opposed, agree disagree, "
    "agreed refused, accept reject, accepted rejected, allow forbid, allowed banned, "
    "join leave, joined left, arrive depart, arrived departed, best worst, good bad, "
    "positive negative, strong weak, hot cold, fast slow, high low, large small, big small, "
    "major minor, public private, maximum minimum, success failure, succeed fail, "
    "attack defend, attacked defended, import export, cause prevent, caused prevented, "
    "love hate, like dislike, summer winter, morning evening, day night, left right, "
    "minority majority, ancient modern, rich poor, cheap expensive, easy hard, easier harder, "
    "better worse, never always, before since, born killed, hired fired, arrested freed"
)
_OPPOSITE: dict[str, str] = {}
for _pair in _OPPOSITES.split(", "):
    _one, _other = _pair.split()
    _OPPOSITE.setdefault(_one, _other)
    _OPPOSITE.setdefault(_other, _one)
_VERB = re.compile(r"\b(did|does|do|is|are|was|were|has|have|had|can|could|will|would|should)\b")


def without_answer(
    article: Article, passage: Passage, spans: Sequence[tuple[int, int]]
) -> str | None:
    """The passage without the sentences that an answer touches; None if little is left."""
    kept = [
        article.text[start:end]
        for start, end in passage.sentences
        if not any(start < e and s < end for s, e in spans)
    ]
    return " ".join(kept) if len(kept) >= 2 else None


def altered(
    question: str,
    evidence: str,
    article: str,
    others: Sequence[str],
    rng: random.Random,
    *,
    sure: bool = False,
) -> str | None:
    """The question with one thing changed, so that its answer no longer answers it; None where no
    change fits.

    Args:
        question: An answerable question.
        evidence: The sentences that answer it: nothing is taken from there, since what stands in
            them might be true of the answer too.
        article: The article's text, where other names, numbers and dates are taken from.
        others: Other questions asked of the article, where other words are taken from.
        sure: Only changes that make another question of it for sure: no other words, which may
            mean the same here, and no negation.
    """
    ways: list[Callable[[], str | None]] = [
        lambda: _swap(question, _NAME, evidence, article, rng),
        lambda: _swap(question, _YEAR, evidence, article, rng),
        lambda: _swap(question, _NUMBER, evidence, article, rng),
        lambda: _opposite(question, rng),
    ]
    if not sure:
        ways.append(lambda: _other_word(question, evidence, others, rng))
        if rng.random() < 0.1:
            ways.append(lambda: _negated(question))
    rng.shuffle(ways)
    return next((found for way in ways if (found := way()) is not None), None)


def _swap(
    question: str, kind: re.Pattern[str], evidence: str, article: str, rng: random.Random
) -> str | None:
    """One match of ``kind`` in the question for another of the article's."""
    places = [m for m in kind.finditer(question) if m.group() not in _NOT_NAMES]
    if not places:
        return None
    place = rng.choice(places)
    own = place.group()
    words = set(own.lower().split())
    length = len(own.split())
    known, asked = evidence.lower(), question.lower()
    choices = sorted(
        {
            found
            for m in kind.finditer(article)
            if (found := m.group()) not in _NOT_NAMES
            and found.lower() not in known
            and found.lower() not in asked
            and not words & set(found.lower().split())
            and abs(len(found.split()) - length) <= 1
            and len(found.split()) <= 4
        }
    )
    return _put(question, place.span(), rng.choice(choices)) if choices else None


def _opposite(question: str, rng: random.Random) -> str | None:
    places = [m for m in _WORD.finditer(question) if m.group() in _OPPOSITE]
    if not places:
        return None
    place = rng.choice(places)
    return _put(question, place.span(), _OPPOSITE[place.group()])


def _other_word(
    question: str, evidence: str, others: Sequence[str], rng: random.Random
) -> str | None:
    """A word of the question for one that follows the same word in another question and has the
    same ending, so that most of what comes out is still English."""
    places = [m for m in _PAIR.finditer(question) if m[2] not in _COMMON]
    rng.shuffle(places)
    known = f"{evidence} {question}".lower()
    for place in places:
        before, shape = place[1].lower(), _ending(place[2])
        choices = sorted(
            {
                m[2]
                for other in others
                for m in _PAIR.finditer(other)
                if m[1].lower() == before
                and m[2] not in _COMMON
                and _ending(m[2]) == shape
                and m[2][:5] not in known
            }
        )
        if choices:
            return _put(question, place.span(2), rng.choice(choices))
    return None


def _ending(word: str) -> str:
    return next((e for e in ("ing", "ed", "ion", "ly", "al", "s") if word.endswith(e)), "")


def _negated(question: str) -> str | None:
    place = _VERB.search(question)
    if place is None or re.search(r"\b(?:not|never|no)\b|n[’']t", question):
        return None
    # "did he leave" becomes "did he not leave" only with grammar; next to the verb is enough.
    return _put(question, (place.end(), place.end()), " not")


def _put(text: str, place: tuple[int, int], words: str) -> str:
    return text[: place[0]] + words + text[place[1] :]
