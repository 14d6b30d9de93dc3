"""Questions that presume their article, made to stand alone.

"What did he write?" was asked of readers who had the article before them; people who ask a corpus
name what they mean. The name that the article speaks of most takes the pronoun's place, or stands
before a question that names nothing.
"""

from __future__ import annotations

import random
import re
from collections import Counter

_NAME = re.compile(r"\b[A-Z][\w’'-]+(?: (?:of |the |de |al |bin |van |von )?[A-Z][\w’'-]+)*")
_HEADED = re.compile(r"^[^\n]{0,60}?\(CNN\)\s*-*\s*")
"""Place and agency before a report's first sentence."""
_PERSON = re.compile(r"^[A-Z][\w’'-]+ (?:(?:bin|al|de|van|von) )?[A-Z][\w’'-]+$")
_NO_PERSON = frozenset(
    "City County Court House Street State States University School College Party Department River "
    "Island Islands Sea Ocean Kingdom Korea Africa America Zealand York Service Bank Company Group "
    "Times Post News Press Union Nations League Cup World United Air Force Army Navy Guard Office "
    "Council Committee Center Centre Hospital Airport Church International National".split()
)
_NO_NAME = frozenset(
    "The A An This That These Those He She They It We I You His Her Their Its Our In On At By For "
    "From With And But Or If When While As After Before Since Despite However Meanwhile One Some "
    "Many Most All There Here What Who Why How CNN Monday Tuesday Wednesday Thursday Friday Saturday "
    "Sunday January February March April May June July August September October November December "
    "Mr Mrs Ms Dr President Gen Sen Rep".split()
)
_PRONOUN = re.compile(r"\b(?:he|she|him|his)\b")
_OTHERS = re.compile(r"\b(?:who|the|an?)\b", re.IGNORECASE)
"""Somebody whom a pronoun after it may mean."""
_NAMED = re.compile(r"(?<=\s)[A-Z0-9][\w’'-]+")
_FORMS = (
    "In the story about {}, {}",
    "About {}: {}",
    "Concerning {}, {}",
    "In the case of {}, {}",
)


def standalone(question: str, text: str, answers: frozenset[str], rng: random.Random) -> str | None:
    """The question with what it presumes said in it; None where it names something already, or the
    article offers no name that is not the answer.

    Args:
        question: As asked of somebody who reads the article.
        text: The article's.
        answers: Accepted ones, in lower case.

    >>> text = "(CNN) -- Anna Lind won. Lind wrote books. Later Lind left for Oslo."
    >>> standalone("What did she write?", text, frozenset({"books"}), random.Random(1))
    'What did Anna Lind write?'
    """
    if _NAMED.search(question):
        return None
    report = _HEADED.sub("", text)
    names = [
        name
        for name in _told(report)
        if not any(name.lower() in answer or answer in name.lower() for answer in answers)
    ]
    place = _PRONOUN.search(question)
    if place is None:
        if not names:
            return None
        return rng.choice(_FORMS).format(names[0], question[0].lower() + question[1:])
    people = [name for name in names if _is_person(name, report)]
    if not people or _OTHERS.search(question[: place.start()]):
        return None
    said = people[0] + ("’s" if place.group() == "his" else "")
    return question[: place.start()] + said + question[place.end() :]


def _told(report: str) -> list[str]:
    """The names in the first sentences, those that the whole report repeats most first."""
    found: Counter[str] = Counter()
    for match in _NAME.finditer(report[:600]):
        words = match.group().split()
        while words and (words[0] in _NO_NAME or words[0].islower()):
            words.pop(0)
        name = re.sub(r"[’']s?$", "", " ".join(words))
        if len(name) > 2 and not (match.start() == 0 and " " not in name):
            found[name] = len(re.findall(rf"\b{re.escape(name.split()[-1])}\b", report))
    return [name for name, _ in found.most_common()]


def _is_person(name: str, report: str) -> bool:
    """Two names of which the second alone stands for both elsewhere."""
    if _PERSON.match(name) is None or _NO_PERSON.intersection(name.split()):
        return False
    last = re.escape(name.split()[-1])
    return re.search(rf"\b{last}\b", report.replace(name, "")) is not None
