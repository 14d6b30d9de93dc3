"""Phrases of a question or an answer, and the kind of thing each is: what a pronoun can mean.

The kind is that of the nearest of a few dozen examples by embedding, so that a name nobody listed
is told apart all the same: "Balkhi" is a person, "Lviv" a place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from rag.index.lexical import STOPWORDS

Encode = Callable[[Sequence[str]], np.ndarray]
"""Texts to vectors of length 1, shape (texts, dimension)."""


class Sort(StrEnum):
    """What a phrase stands for."""

    PERSON = "person"
    GROUP = "group"
    ORGANISATION = "organisation"
    PLACE = "place"
    THING = "thing"
    DATE = "date"
    NUMBER = "number"


_EXAMPLES = {
    Sort.PERSON: "Donald Trump|Angela Merkel|John Smith|Maria Garcia|Xi Jinping|Mohammed Ali|"
    "Johnson|the spokesman|the president|a woman|his mother|Imran Khan|Serena Williams|Balogun|"
    "the suspect",
    Sort.GROUP: "the Taliban|the police|Republicans|the workers|protesters|the soldiers|"
    "scientists|the victims|the family|voters|residents|the rebels",
    Sort.ORGANISATION: "Microsoft|the Ministry of Defense|the Senate|the company|Boeing|"
    "the United Nations|FIFA|CNN|the court|the Federal Reserve|Manchester United|"
    "Harvard University",
    Sort.PLACE: "Pakistan|Texas|London|the city|Ukraine|New York|Kabul|the river|Africa|Florida|"
    "the airport|Tokyo",
    Sort.THING: "the equipment|weapons|the bill|the law|a report|the deal|the storm|the vaccine|"
    "oil|the car|the book|the attack|the fire|the film|the aircraft",
    Sort.DATE: "March 2021|Monday|last week|30 March 2025|in 2019|two years ago|July 4|"
    "Tuesday morning",
    Sort.NUMBER: "7 billion dollars|40 percent|120 people|three|at least 13|$40 million|a dozen|"
    "12,000",
}
_NEAREST = 5
_TOKEN = re.compile(r"(?:[^\W\d_]\.){2,}|[$£€]?\d[\d,.]*\d%?|[$£€]?\d%?|[^\W_]+(?:[’'\-][^\W_]+)*")
_DETERMINERS = frozenset("the a an this that these those his her its their our some any".split())
_VERB = re.compile(
    r"[a-z]+(?:ed|ing)|quit|wins?|won|loses?|lost|leaves?|left|sells?|sold|buys?|bought|raises?|"
    r"builds?|built|pays?|paid|sees?|saw|starts?|ends?|runs?|ran|plays?|hit|hits|cuts?|kills?|dies?|"
    r"meets?|met|holds?|held|sends?|sent|uses?|moves?|needs?|helps?|finds?|found|shows?|opens?|"
    r"closes?|sues?|signs?|speaks?|spoke|writes?|wrote|wears?|wore|works?|lives?|chooses?|chose|"
    r"picks?|plans?|warns?|rejects?|refuses?|drops?|accepts?|admits?|claims?|blames?|agrees?|"
    r"offers?|replaces?|launch(?:es)?|hands?|gain|gains|grow|grows|grew|fell|falls?|rises?|rose|"
    r"keeps?|kept|puts?|sets?|bring|brings|brought|beat|beats|draw|drew|feels?|felt|thinks?|thought|"
    r"believes?|hope|hopes|shoots?|shot|strikes?|struck|steals?|stole|break|broke|fight|fought"
)
"""Words that are mostly verbs where they follow a noun in a question."""
BREAKS = STOPWORDS | frozenset(
    """say says said saying tell tells told ask asks asked think happen happens happened call calls
    called get gets got make makes made take takes took give gives gave go goes went come comes came
    become became want wants wanted know knows knew many much also not no too still just during after
    before since until because between against under over near around through without while into
    onto upon within per via mention mentions mentioned exactly actually does doing done having
    there here again even ever yet please really still too also though else other others new first last more most
    him she they them us me mine ours hers theirs himself herself itself themselves worth anyone anybody someone somebody anything something""".split()
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words of a text that may name something, as (start, end) in it."""

    text: str
    start: int
    end: int

    @property
    def named(self) -> bool:
        """True if a word of it is written with a capital that is not only its place's, or it is a
        number."""
        letters = self.text if self.start else self.text[1:]
        return any(c.isupper() or c.isdigit() for c in letters)

    @property
    def definite(self) -> bool:
        """True if it begins with a determiner."""
        return self.text.split()[0].lower() in _DETERMINERS


def phrases(text: str) -> list[Phrase]:
    """Runs of content words with the determiner before them; "of" and a capital's "and" join.

    >>> [p.text for p in phrases("What did Abdul Balkhi say about the return of the equipment?")]
    ['Abdul Balkhi', 'the return of the equipment']
    """
    found: list[Phrase] = []
    tokens = list(_TOKEN.finditer(text))
    at = 0
    while at < len(tokens):
        first = at
        if tokens[at].group().lower() in _DETERMINERS:
            at += 1
        last = _content(text, tokens, first, at)
        if last == at or (last == first + 1 and _VERB.fullmatch(tokens[first].group())):
            at = first + 1
            continue
        at = last
        # "the return | of the | equipment"
        while at < len(tokens) and tokens[at].group().lower() == "of":
            beyond = at + 1
            if beyond < len(tokens) and tokens[beyond].group().lower() in _DETERMINERS:
                beyond += 1
            end = _content(text, tokens, at + 1, beyond)
            if end == beyond or not _adjoin(text, tokens, at - 1, beyond):
                break
            at = end
        start, end = tokens[first].start(), tokens[at - 1].end()
        found.append(Phrase(text[start:end], start, end))
    return found


def _content(text: str, tokens: list[re.Match[str]], first: int, at: int) -> int:
    """Where a run of content words that begins at a token ends; a comma ends it. ``first`` is
    where its determiner stands, if it has one."""
    begin = at
    while at < len(tokens) and tokens[at].group().lower() not in BREAKS | _DETERMINERS:
        if at > begin and not _adjoin(text, tokens, at - 1, at):
            break
        # A bare name ends where small letters follow: "Trump | plans", but "the Uvalde gunman".
        if begin < at and begin == first and tokens[at].group()[0].islower():
            if all(t.group()[0].isupper() for t in tokens[begin:at]):
                break
        # Nor does it hold the verb after it: "country | recognised".
        if at > begin and _VERB.fullmatch(tokens[at].group()):
            break
        at += 1
    return at


def _adjoin(text: str, tokens: list[re.Match[str]], one: int, other: int) -> bool:
    between = text[tokens[one].end() : tokens[other].start()]
    return not re.search(r"[,;:()?!\"“”]", between)


class Sorter:
    """Tells what kind of thing a phrase stands for. Thread-safe once made."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        examples = [(sort, text) for sort, line in _EXAMPLES.items() for text in line.split("|")]
        self._sorts = [sort for sort, _ in examples]
        self._vectors = encode([text for _, text in examples])
        self._known: dict[str, Sort] = {}

    def sort(self, text: str) -> Sort:
        """The kind of a phrase: most of the cosine among its nearest examples."""
        if text not in self._known:
            cosines = self._vectors @ self._encode([text])[0]
            votes: dict[Sort, float] = {}
            for row in np.argsort(-cosines)[:_NEAREST]:
                votes[self._sorts[row]] = votes.get(self._sorts[row], 0.0) + float(cosines[row])
            if len(self._known) > 10_000:
                self._known.clear()
            self._known[text] = max(votes, key=lambda sort: votes[sort])
        return self._known[text]

    def nearest(self, text: str, others: Sequence[str]) -> tuple[int, float]:
        """(which of the others is nearest to a text, its cosine)."""
        vector, *rest = self._encode([text, *others])
        cosines = [float(other @ vector) for other in rest]
        best = int(np.argmax(cosines))
        return best, cosines[best]
