"""A sentence beside its sources: which of their words each of its words stands for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property

from rag.news import tokens as tk
from rag.news.tokens import Amount, Day, Token

Range = tuple[int, int]
"""First token and the one after the last."""
_NEAR = 5
"""Words on each side that are the surroundings of one."""
_MOST_PLACES = 12
"""Places of a repeated word that are compared: beyond them time would grow with their square."""
ALIASES = [
    frozenset(group.split(","))
    for group in (
        "us,usa,america,american,americans,united states",
        "uk,britain,british,united kingdom,briton,britons",
        "eu,european union", "un,united nations", "uae,emirati,emirates,united arab emirates",
        "france,french", "netherlands,dutch,holland", "spain,spanish", "denmark,danish,danes",
        "switzerland,swiss", "greece,greek,greeks", "turkey,turkish,turkiye,turks", "poland,polish",
        "ireland,irish", "scotland,scottish", "wales,welsh", "england,english", "thailand,thai",
        "philippines,philippine,filipino,filipinos", "sweden,swedish", "finland,finnish",
        "norway,norwegian", "kyiv,kiev", "gop,republican,republicans", "argentina,argentine",
        "sen,senator", "rep,representative", "gov,governor", "gen,general", "dr,doctor",
        "prof,professor", "lt,lieutenant", "sgt,sergeant", "st,saint", "mt,mount",
        "tv,television", "covid,coronavirus",
        "hurt,injured,wounded", "killed,died,deaths,dead", "bought,purchased,acquired",
        "began,started,launched", "ended,finished,concluded", "shut,closed", "big,large,huge",
        "show,reveal", "help,aid,assist", "get,receive,obtain", "need,require", "choose,select,pick",
        "let,allow,permit", "stop,halt,cease", "now,currently", "about,regarding", "hold,keep",
        "doctor,physician", "film,movie", "car,vehicle", "firm,company,business", "kids,children",
        "jobs,positions", "cops,police,officers", "leave,depart", "grow,expand,increase",
        "defeat,beat", "slow,ease", "quit,resign", "intend,plan", "attempt,try,seek", "lawyer,attorney",
    )
]  # fmt: skip
ALIAS_OF = {word: group for group in ALIASES for word in group}
ALIAS_OF_KEY = {tk.key_of(word): group for word, group in ALIAS_OF.items()}
"""What may stand for what: countries and their people, titles, a few plain synonyms."""


class Side:
    """Texts taken apart; ``part`` gives, for each word, the number of the text it is from."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.words: list[Token] = []
        self.part: list[int] = []
        self.amounts: list[Amount] = []
        self.days: list[Day] = []
        self.names: list[Range] = []
        for number, text in enumerate(texts):
            # A full stop ends each text: no look-ahead runs out of it or into the next one.
            words = [*tk.tokens(text), Token(".", ".", ".")]
            base = len(self.words)
            amounts, days = tk.amounts(words)
            self.amounts += [a._replace(start=a.start + base, end=a.end + base) for a in amounts]
            self.days += days
            self.words += words
            self.part += [number] * len(words)
        self.lows = {word.low for word in self.words}
        self.keys = {word.key for word in self.words}

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """Where each key stands, and "abcd*" where keys of content words begin with "abcd"."""
        found: dict[str, list[int]] = defaultdict(list)
        for at, word in enumerate(self.words):
            found[word.key].append(at)
            if len(word.key) >= 4 and word.is_content:
                found[word.key[:4] + "*"].append(at)
        return found

    @cached_property
    def starting(self) -> dict[str, set[str]]:
        """The lower-case words by their first four letters."""
        found: dict[str, set[str]] = defaultdict(set)
        for low in self.lows:
            found[low[:4]].add(low)
        return found

    @cached_property
    def clause_ends(self) -> list[int]:
        """For each word where the reach of a negation in it would end: the next mark."""
        marks = tk.clause_marks(self.words)
        found = [len(marks)] * (len(marks) + 1)
        for at in range(len(marks) - 1, -1, -1):
            found[at] = at if marks[at] else found[at + 1]
        return found

    def lows_of(self, start: int, end: int) -> set[str]:
        """The lower-case words from ``start``, or from the first word, to before ``end``."""
        return {word.low for word in self.words[max(0, start) : max(0, end)]}

    def text_of(self, at: Range) -> str:
        """The words of a range, as written."""
        return " ".join(word.text for word in self.words[at[0] : at[1]])

    def around(self, at: int) -> frozenset[str]:
        """Keys of the content words near a word, itself left out."""
        near = self.words[max(0, at - _NEAR) : at] + self.words[at + 1 : at + 1 + _NEAR]
        return frozenset(word.key for word in near if word.is_content)

    def key_at(self, at: int) -> str:
        """The key there, "" outside."""
        return self.words[at].key if 0 <= at < len(self.words) else ""


class Match:
    """A sentence beside its sources; ``at`` gives, for each content word of the sentence, its
    places in the sources: those in the most similar surroundings, more than one if they tie."""

    def __init__(self, said: Side, source: Side) -> None:
        self.said = said
        self.source = source
        # What is a name within one of the two is one, too, where the other begins with it.
        known = {
            side.words[at].low
            for side in (said, source)
            for start, end in tk.names(side.words)
            for at in range(start, end)
        }
        said.names, source.names = (list(tk.names(s.words, known)) for s in (said, source))
        self.at: list[tuple[int, ...]] = [
            self._places(i) if word.is_content else () for i, word in enumerate(said.words)
        ]

    def _places(self, i: int) -> tuple[int, ...]:
        found = self._candidates(self.said.words[i])[:_MOST_PLACES]
        if len(found) < 2:
            return tuple(found)
        around = self.said.around(i)
        scores = [self._likeness(i, p, around) for p in found]
        return tuple(p for p, score in zip(found, scores, strict=True) if score == max(scores))

    def everywhere(self, i: int) -> list[int]:
        """All places of a word, whatever surrounds them."""
        return self._candidates(self.said.words[i])

    def _candidates(self, word: Token) -> list[int]:
        places = self.source.places
        found = places.get(word.key, [])
        if not found and word.is_word:
            near = places.get(word.key[:4] + "*", [])
            found = [p for p in near if tk.related(word.key, self.source.words[p].key)]
        if not found:
            aliases = sorted(map(tk.key_of, ALIAS_OF_KEY.get(word.key, ())))
            found = [p for alias in dict.fromkeys(aliases) for p in places.get(alias, [])]
        return found

    def _likeness(self, i: int, p: int, around: frozenset[str]) -> int:
        direct = sum(
            3 - abs(by)
            for by in (-2, -1, 1, 2)
            if self.said.key_at(i + by) == self.source.key_at(p + by)
        )
        return direct + len(around & self.source.around(p))
