"""The question as understood: a follow-up made to stand alone, from what was asked and answered.

Pronouns and ellipses are put in full by rules over the phrases of the last turns and their kinds;
a question that leans on nothing is left as it is, however long the conversation. What was changed
is visible in ``Answer.standalone``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.answering.phrases import BREAKS, Phrase, Sort, Sorter, phrases
from rag.answering.spelling import mend
from rag.datatypes import Answer
from rag.index.index import Words
from rag.index.lexical import STOPWORDS, stem, words

Turn = tuple[str, str] | Answer
"""An earlier turn: (question, answer text), or the Answer itself."""

_TURNS = 6
"""So many earlier turns are looked at: what was named longer ago is seldom meant."""
_TURN_CHARS = 2_000
"""No more of an earlier question, or of its answer, is looked at."""
_SHOWN_CHARS = 400
_FEW = 2
"""With no more content words, a question without a name cannot stand alone."""
_SHORT_WORDS = 8
"""An answer text of no more words is a short answer."""
_AUXILIARY = (
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might|must)"
    r"(?:n[’']?t)?"
)
_WH = r"(?:what|who|whom|whose|which|when|where|why|how)"
_LINK = re.compile(
    r"^(?:(?:and|but|so|also|ok(?:ay)?|well|then|now|thanks?|right|sure)\b[,.!\s]*)+", re.IGNORECASE
)
_ABOUT = re.compile(r"^(?:what|how)\s+(?:about|of)\s+", re.IGNORECASE)
_ASKS = re.compile(rf"^(?:{_AUXILIARY}|{_WH}|(?:in|at|on|by|to|from|for|of|with)\s+{_WH})\b", re.IGNORECASE)  # fmt: skip
_BARE = re.compile(
    rf"^(?P<ask>(?:{_WH}|what\s+for|why\s+not|(?:by|to|from|for|with|according\s+to|since|until)\s+(?:whom|who|what|when)|"
    r"how\s+(?:many|much|long|often|far|old|come|so)|what\s+(?:year|day|time|date)|says\s+who))"
    r"(?:\s+(?:exactly|else|then|so|not))?"
    rf"(?:\s+(?:{_AUXILIARY}\s+)?(?:that|this|it|so)(?:\s+(?:happen(?:ed)?|be|start(?:ed)?|take\s+place|"
    r"exactly|again))?|\s+said\s+(?:so|that|this|it))?$",
    re.IGNORECASE,
)
_SAID = re.compile(r"\b(?:said|says|according)\b", re.IGNORECASE)
_QUESTION = re.compile(
    rf"^(?P<wh>(?:(?:in|at|on|by|to|from|for|of|with|about)\s+)?(?:how\s+(?:many|much|long|often|far|old)|{_WH})\b.*?)??"
    rf"\s*\b(?P<rest>{_AUXILIARY}\b.*)$",
    re.IGNORECASE,
)
_PERSONAL = re.compile(r"\b(?:he|him|she|her|his|hers)\b(?!\s+and\b)", re.IGNORECASE)
_PLURAL = re.compile(r"\b(?:they|them|their|theirs)\b", re.IGNORECASE)
_NEUTER = re.compile(r"\b(?:it|its)\b|\b(?:that|this|those|these)\b(?=\s*[?.!,]|\s*$)", re.IGNORECASE)  # fmt: skip
_THERE = re.compile(r"\bthere\b(?=\s*(?:[?.!,]|$|then|now|at|on|in|to|by|for))", re.IGNORECASE)
_NEAR = 0.35
"""A question without a name whose cosine with the last turn is higher is on the same subject."""
_VAGUE = re.compile(r"\b(?:ones?|former|latter|others?|same|such|then)\b", re.IGNORECASE)
_POSSESSIVE = frozenset({"his", "hers", "their", "theirs", "its"})
_THING_LIKE = (Sort.THING, Sort.ORGANISATION, Sort.PLACE, Sort.GROUP)
"""What "it" can mean, likeliest first."""
_NAMED = (Sort.PERSON, Sort.ORGANISATION, Sort.PLACE, Sort.GROUP)
"""What a short answer must be to say what a turn was about."""


@dataclass(frozen=True, slots=True)
class Understood:
    """A question ready to be searched: ``text`` stands alone; ``notes`` say what was changed.

    Attributes:
        asked: What to read the passages for.
        leans: True if it could not be understood without the turns before it.
        before: If it leans: the last turn's question and answer, whose passages may answer too.
    """

    text: str
    asked: str
    notes: tuple[str, ...] = ()
    leans: bool = False
    before: str = ""


@dataclass(frozen=True, slots=True)
class _Earlier:
    """A turn as later ones refer to it: the question as understood, its short answer, and the
    words that were shown."""

    question: str
    short: str
    shown: str

    @property
    def said(self) -> str:
        return f"{self.question} {self.short} {self.shown[:_SHOWN_CHARS]}"


def understand(
    question: str, history: Sequence[Turn], corpus: Words, sorter: Sorter | None = None
) -> Understood:
    """Mend typing errors against the corpus' vocabulary, then complete a follow-up.

    Args:
        question: Any text.
        history: Earlier turns, oldest first.
        corpus: Its terms.
        sorter: Needed only if there is a history.
    """
    mended, notes = mend(question, corpus)
    if not history or sorter is None:
        return Understood(mended, mended, notes)
    turns: list[_Earlier] = []
    for turn in history[-_TURNS:]:
        if isinstance(turn, Answer):
            turns.append(_of_answer(turn))
        else:
            asked = _Completion(turn[0][:_TURN_CHARS], turns, sorter).text
            turns.append(_Earlier(asked, _short(turn[1]), turn[1][:_TURN_CHARS]))
    done = _Completion(mended, turns, sorter)
    return Understood(done.text, done.text, notes, done.leans, turns[-1].said if done.leans else "")


def _of_answer(answer: Answer) -> _Earlier:
    shown = " ".join(c.quote for c in answer.citations)
    short = _name(answer.short_answer or "")
    return _Earlier(answer.standalone, short, shown[:_TURN_CHARS])


def _short(answer: str) -> str:
    """The short answer that an answer text begins with, "" if it begins with a longer text."""
    first = answer[:_TURN_CHARS].strip().split("\n")[0].strip(' .*“”"')
    return _name(first) if len(first.split()) <= _SHORT_WORDS else ""


def _name(short: str) -> str:
    """A short answer without the ending that its place in the sentence gave it."""
    return re.sub(r"[’']s$|(?<=s)[’']$", "", short)


class _Completion:
    """One question put in full."""

    def __init__(self, question: str, turns: Sequence[_Earlier], sorter: Sorter) -> None:
        self._turns = turns
        self._sorter = sorter
        self.text = " ".join(question.split())
        self.leans = False
        if turns and self.text:
            self._complete()

    def _complete(self) -> None:
        core = _LINK.sub("", self.text)
        linked = core != self.text
        bare = _BARE.match(core.rstrip("?!. "))
        if bare and not (core.lower().startswith("what") and core.rstrip("?!. ").lower() == "what"):
            self._lean(
                _asked_of(bare.group("ask"), _SAID.search(core) is not None, self._turns[-1])
            )
            return
        about = _ABOUT.sub("", core)
        if about != core or (linked and not _ASKS.match(core)):
            fragment = about.rstrip("?!. ")
            if len(fragment.split()) <= 7 and not _ASKS.match(about):
                self._lean(self._exchanged(fragment))
                return
        if core:
            self.text = core[0].upper() + core[1:] if linked else core
        self._replace()

    def _lean(self, text: str) -> None:
        self.text, self.leans = text, True

    def _exchanged(self, fragment: str) -> str:
        """The last question with the phrase that is of the fragment's kind replaced by it."""
        earlier = self._turns[-1].question
        preposition = re.match(r"(?:in|at|on|for|to|from|with|by|of|about)\b", fragment)
        if preposition:
            same = re.search(rf"\b{preposition.group()}\s+", earlier)
            if same is None:
                return f"{_stripped(earlier)} {fragment}?"
            return f"{earlier[: same.start()]}{fragment}?"
        bare = re.sub(r"^(?:in|at|on|for|to|from|with|by|of|about)\s+", "", fragment)
        choices = phrases(earlier)
        if not choices:
            return f"{_stripped(earlier)}? {fragment}?"
        sort = self._sorter.sort(bare)
        alike = (
            [p for p in choices if self._sorter.sort(p.text) is sort]
            or [p for p in choices if p.named or p.definite]
            or choices
        )
        at, _ = self._sorter.nearest(bare, [p.text for p in alike])
        old = alike[at]
        # "And the coach?" is the coach of what was spoken of; "And Pakistan?" stands alone.
        of = "" if bare[:1].isupper() or old.text in bare else f" ({old.text})"
        return f"{_stripped(earlier[: old.start] + bare + earlier[old.end :])}{of}?"

    def _replace(self) -> None:
        """Put what they mean for pronouns; where that is not found, name the topic."""
        own = phrases(self.text)
        lost = False
        for pattern, sorts in (
            (_PERSONAL, (Sort.PERSON,)),
            (_PLURAL, (Sort.GROUP, Sort.ORGANISATION, Sort.THING, Sort.PERSON)),
            (_THERE, (Sort.PLACE,)),
            (_NEUTER, _THING_LIKE),
        ):
            match = pattern.search(self.text)
            if match is None or self._means_own(own, match.start(), sorts):
                continue
            self.leans = True
            meant = self._meant(pattern, sorts)
            if meant is None:
                lost = True
            else:
                self.text = _put(self.text, match, meant, there=pattern is _THERE)
        if self.leans:
            lost = lost or not any(self._names(p) for p in phrases(self.text))
        if lost or (not self.leans and self._goes_on(own)):
            self.leans = True
            self._name_topic()

    def _goes_on(self, own: Sequence[Phrase]) -> bool:
        """True if a question without a pronoun needs the last turn all the same: it names nobody,
        and is too short to stand alone, or near what was last asked."""
        if any(self._names(p) for p in own):
            return False
        content = [word for word in words(self.text) if word not in BREAKS]
        if len(content) <= _FEW or _VAGUE.search(self.text):
            return True
        last = self._turns[-1]
        return self._sorter.nearest(self.text, [f"{last.question} {last.short}"])[1] >= _NEAR

    def _names(self, phrase: Phrase) -> bool:
        """True for a name, though it may be typed in small letters."""
        sort = self._sorter.sort(phrase.text)
        return phrase.named or (not phrase.definite and sort in (Sort.PERSON, Sort.PLACE))

    def _means_own(self, own: Sequence[Phrase], before: int, sorts: Sequence[Sort]) -> bool:
        """True if a pronoun can mean something named before it in the question itself."""
        return any(
            p.end <= before
            and (p.named or p.definite or Sort.PERSON in sorts)
            and self._sorter.sort(p.text) in sorts
            for p in own
        )

    def _meant(self, pattern: re.Pattern[str], sorts: Sequence[Sort]) -> str | None:
        """The last phrase that a pronoun can mean: the short answer, else of the question, else
        of what was shown; of the last turn first."""
        for turn in reversed(self._turns):
            asked = phrases(turn.question)
            choices = [p for p in asked if p.named or p.definite or pattern is _PERSONAL]
            if pattern is _NEUTER:
                # What is asked about stands at the end of a question, who does it at the start.
                choices.reverse()
            tried = [p.text for p in choices]
            # "Foreign Ministry spokesperson" says who somebody is; "he" is who was asked about.
            if turn.short and (pattern is not _PERSONAL or turn.short.split()[-1][0].isupper()):
                tried.insert(0, turn.short)
            tried += [p.text for p in phrases(turn.shown) if p.named]
            for sort in sorts:
                for text in tried:
                    if self._can_mean(pattern, text) and self._sorter.sort(text) is sort:
                        return text
        return None

    def _can_mean(self, pattern: re.Pattern[str], text: str) -> bool:
        """Not what the question says already; "they" are several, where that shows."""
        if text.lower() in self.text.lower():
            return False
        sort = self._sorter.sort(text)
        return not (
            pattern is _PLURAL
            and sort in (Sort.THING, Sort.PERSON)
            and not re.search(r"(?<!s)s$|\band\b", text)
        )

    def _name_topic(self) -> None:
        """Add what the last turn was about, but for what the question says itself."""
        last = self._turns[-1]
        said = {stem(w) for w in words(self.text)}
        asked = [
            p.text
            for p in phrases(last.question)
            if p.definite or p.named or self._sorter.sort(p.text) in _NAMED
        ]
        answered = [last.short] if last.short and self._sorter.sort(last.short) in _NAMED else []
        topic = [
            text
            for text in dict.fromkeys([*asked, *answered])
            if any(stem(w) not in said and w not in STOPWORDS for w in words(text))
        ]
        if topic:
            self.text = f"{_stripped(self.text)} ({', '.join(topic)})?"


def _stripped(question: str) -> str:
    return question.rstrip("?!. ")


def _put(text: str, match: re.Match[str], meant: str, *, there: bool) -> str:
    pronoun = match.group().lower()
    after = text[match.end() :].lstrip()[:1]
    possessive = pronoun in _POSSESSIVE or (pronoun == "her" and after.isalpha())
    if possessive:
        meant += "’" if meant.endswith("s") else "’s"
    elif there:
        meant = f"in {meant}"
    return text[: match.start()] + meant + text[match.end() :]


def _asked_of(ask: str, said: bool, last: _Earlier) -> str:
    """ "Why?", "When was that?": asked of what the last question and its answer said.

    >>> turn = _Earlier("What did Trump demand?", "the equipment", "")
    >>> _asked_of("Why", False, turn)
    'Why did Trump demand the equipment?'
    >>> _asked_of("When", False, _Earlier("Who rejected it?", "the Taliban", ""))
    'When was it that the Taliban rejected it?'
    """
    ask = ask[0].upper() + ask[1:].lower()
    earlier = _stripped(last.question)
    if re.match(r"says|who|according", ask, re.IGNORECASE) and said:
        return f"Who said {earlier[0].lower()}{earlier[1:]}?"
    question = _QUESTION.match(earlier)
    if question is None:
        # "Who rejected it?": the answer is who did, so the rest is what was done.
        wh = re.match(rf"^{_WH}\b", earlier, re.IGNORECASE)
        if wh is None or not last.short:
            return f"{earlier}? {ask}?"
        verb = "is" if ask == "Why" else "was"
        return f"{ask} {verb} it that {last.short}{earlier[wh.end() :]}?"
    opening, rest = question.group("wh") or "", question.group("rest")
    gained = ""
    if last.short and re.match(r"\s*(?!when|where|why|how$)\w", opening, re.IGNORECASE):
        # What is no name, number or "the …" cannot stand there without breaking the sentence.
        first = last.short.split()[0]
        nominal = not first[0].islower() or first.lower() in {"the", "a", "an", "all", "about"}
        gained = f" {last.short}" if nominal else f" ({last.short})"
    return f"{ask} {rest}{gained}?"
