"""Questions made from unlabelled news: what somebody said about something.

News is full of such sentences, and readers ask for them; the question files hold few. The speaker
and a thing named inside what was said make the question, what was said is its answer, and passages
in which the same person says something else, or the same thing stands without the person, do not
answer it. The wording is always the same few forms; what the network learns is that both the
speaker and the subject must fit.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rag.corpus.chunk import WordPieces, cut_passages
from rag.datatypes import Article, Passage
from rag.reader.near_miss import without_answer
from rag.reader.windows import Group, Window

_NAME = r"[A-Z][\w’'-]+(?: [A-Z][\w’'.-]*){0,2} [A-Z][\w’'-]+|[A-Z][\w’'-]+"
_DAY = r"(?: (?:on )?(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)?"
_SAYS = (
    r"(?:said|says|added|warned|explained|noted|argued|insisted|tweeted|wrote|told [\w’' ]{2,20}?)"
)
_QUOTED = re.compile(
    rf"[“\"](?P<said>[^“”\"]{{25,}}?)[,.?!]?[”\"],? (?:(?P<who>{_NAME}) {_SAYS}\b|"
    rf"(?:said|says|added|warned|explained) (?P<named>{_NAME}))"
)
_INDIRECT = re.compile(
    rf"^(?P<who>{_NAME})(?:, [^,“”\"]{{3,60}},)? {_SAYS}{_DAY}(?: that)? (?P<said>[^“”\"]{{25,}}?)\.?$"
)
_NOBODY = frozenset(
    "He She They It We I You The This That These Those But And There One Officials Police Some "
    "Others Many Experts Researchers Authorities In On At".split()
)
_AFTER = (
    "is are was were will would can could should may might must has have had do does did and or "
    "but that which who when where while because as at by for from in into of on than to with "
    "after before during if not be been being until since about against between"
)
_THING = re.compile(
    r"\b(the|a|an|of|on|for|about|in|with|its|their|his|her|our|from) "
    r"((?:[a-z][a-z-]{3,} )?[a-z][a-z-]{3,})"
    rf"(?=[,.;:?!]|$| (?:{'|'.join(_AFTER.split())})\b)"
)
_NAMED = re.compile(r"(?<=[a-z,] )[A-Z][\w’-]{2,}(?: [A-Z][\w’-]+)*")
_EMPTY = frozenset(
    "this that these those them there then year years month months week weeks today time times "
    "people person thing things order fact many some more most other others such same first last "
    "well very just only what when where which while kind part place case point both each least "
    "couple number being having doing going making getting moment course front addition terms favor".split()
)
_FORMS = (
    "What did {} say about {}?",
    "What did {} say about {}?",
    "What does {} say about {}?",
    "What has {} said about {}?",
)
_PER_ARTICLE = 4
_MAX_WORDS = 28
"""Longer than this, what was said is seldom found whole: see ``MAX_ANSWER_TOKENS``."""
_CHANCES = (("elsewhere", 0.5), ("unsaid", 0.3), ("without", 0.2))
_ALTERED = 0.4


@dataclass(frozen=True, slots=True)
class _Report:
    """What ``who`` said, at ``span`` of the article, in the passage of number ``passage``."""

    who: str
    span: tuple[int, int]
    said: str
    passage: int


def reported_groups(
    articles: Iterable[Article], pieces: WordPieces, rng: random.Random
) -> Iterator[Group]:
    """Groups of what people said, at most ``_PER_ARTICLE`` questions of each article."""
    for article in articles:
        passages = cut_passages(article, pieces, max_tokens=rng.choice((96, 128, 144)))
        reports = [
            report
            for number, passage in enumerate(passages)
            for report in _reports(article.text, passage, number)
        ]
        for report in rng.sample(reports, min(_PER_ARTICLE, len(reports))):
            yield from _groups(report, reports, article, passages, rng)


def _reports(text: str, passage: Passage, number: int) -> Iterator[_Report]:
    for start, end in passage.sentences:
        sentence = text[start:end]
        found = _QUOTED.search(sentence) or _INDIRECT.search(sentence)
        if found is None:
            continue
        who = found["who"] or found.groupdict().get("named") or ""
        said = found["said"].rstrip(" ,.")
        if who.split()[0] in _NOBODY or len(said.split()) > _MAX_WORDS:
            continue
        begin = start + found.start("said")
        yield _Report(who, (begin, begin + len(said)), said, number)


def _groups(
    report: _Report,
    reports: Sequence[_Report],
    article: Article,
    passages: Sequence[Passage],
    rng: random.Random,
) -> Iterator[Group]:
    surname = report.who.split()[-1]
    things = [thing for thing in _things(report.said) if surname not in thing]
    if not things:
        return
    thing = rng.choice(things)
    head = thing.split()[-1].lower()
    form = rng.choice(_FORMS)
    question = form.format(rng.choice((report.who, surname)), thing)
    passage = passages[report.passage]
    base = passage.span.start
    spans = [
        r.span
        for r in reports
        if r.passage == report.passage and surname in r.who and head in r.said.lower()
    ]
    title = article.title
    answers = tuple((s - base, e - base) for s, e in spans)
    windows = [Window(question, passage.span.text, answers, title=title)]
    others = {
        "elsewhere": [
            passages[r.passage].span.text
            for r in reports
            if surname in r.who and head not in passages[r.passage].span.text.lower()
        ],
        "unsaid": [
            p.span.text
            for p in passages
            if head in p.span.text.lower() and surname not in p.span.text
        ],
    }
    left = without_answer(article, passage, spans)
    # A sentence beside may speak of it too.
    others["without"] = [left] if left is not None and head not in left.lower() else []
    for kind, chance in _CHANCES:
        if others[kind] and rng.random() < chance:
            windows.append(Window(question, rng.choice(others[kind]), (), title=title))
    yield tuple(windows)
    if rng.random() < _ALTERED:
        text = passage.span.text
        speakers = {r.who for r in reports if r.who.split()[-1] not in text}
        subjects = {
            other
            for r in reports
            for other in _things(r.said)
            if other.split()[-1].lower() not in text.lower()
        }
        changed = [form.format(who, thing) for who in sorted(speakers)]
        changed += [form.format(surname, other) for other in sorted(subjects)]
        if changed:
            yield (Window(rng.choice(changed), text, (), title=title),)


def _things(said: str) -> list[str]:
    """What the words speak of, as a question would name it.

    >>> _things("the mining sector would be open to companies from Japan")
    ['the mining sector', 'Japan']
    """
    found = []
    for match in _THING.finditer(said):
        words = match[2].split()
        if _EMPTY.intersection(words) or words[-1].endswith("ed"):
            continue
        if match[1] not in ("a", "an"):
            found.append(f"the {match[2]}" if match[1] == "the" else match[2])
        elif len(words) > 1:  # "a world" is seldom what anybody spoke of
            found.append(f"{match[1]} {match[2]}")
    return found + [m.group() for m in _NAMED.finditer(said) if "’" not in m.group()]
