"""Who said it: reported and direct speech of a news article, with offsets.

A speech verb and its subject make a frame ("Khan said", "said Anna Lind", "according to police");
where the frame stands tells which words are said: a quotation beside it, the clause after it or
before it. A quotation without a frame continues the speech it follows directly. What fits no rule
is left to the outlet's own voice, because a wrong speaker is worse than none. For English news;
other text is read without harm. Linear in the text, for sentences of bounded length.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.datatypes import Attribution
from rag.news import lexicon
from rag.news.frames import (
    Frame,
    addressee,
    begins_own,
    frames,
    is_reporter,
    is_tail,
    said_by,
)
from rag.news.people import People, same_speaker
from rag.news.phrases import HIDDEN, TITLE, Word, source, subject_first, words_of
from rag.news.quotations import Quotation, is_sentence, is_title, quotations

__all__ = ["same_speaker", "speech_at", "speeches"]

_LONGEST_SENTENCE = 4_000  # characters of a sentence that are read
_OUTLET = re.compile(
    r"^(?:the )?(?:[A-Z]{2,5}(?: News| TODAY| Sport)?|Reuters|Associated Press|USA TODAY(?: Sports)?|"
    r"(?:[A-Z][\w.]+ ){0,3}(?:Times|Post|Journal|News|Guardian|Telegraph|Press|Tribune|Herald|"
    r"Magazine|Globe|Chronicle|Mirror|Sun|Mail|Week|Review|Network|Independent|Today)|"
    r"[\w.]+\.(?:com|org|net))(?:[’']s\b.*)?$"
)
_HEADLINE = re.compile(
    r"\s*([A-Z][\w’'.-]*(?: [A-Z][\w’'.-]*){0,3})(:) ([A-Z“\"‘'][^\n]{8,140})(?=\n|$)"
)


@dataclass(frozen=True, slots=True)
class _Voice:
    """Who speaks, as offsets: full form, mention, verb (empty where no verb says so)."""

    speaker: tuple[int, int]
    mention: tuple[int, int]
    verb: tuple[int, int]
    via: tuple[int, int] | None = None

    @property
    def speaks(self) -> bool:
        """False for a sentence's subject without a verb of saying."""
        return self.verb[0] < self.verb[1]


def speeches(text: str, sentences: Sequence[tuple[int, int]]) -> list[Attribution]:
    """Every stretch of reported or direct speech in an article, ordered by where it starts.

    Args:
        text: The article's text.
        sentences: (start, end) of all its sentences, in order (``sentence_spans``).

    Returns:
        Direct speech once for each quotation; a told clause and a quotation in it are two. A
        quotation that goes on keeps the verb of the speech it follows; ``verb`` is empty where it
        only stands after a sentence about its speaker.

    >>> text = "Police said the road is shut. “Stay away,” said Anna Lind."
    >>> [(s.speaker, text[slice(*s.said)]) for s in speeches(text, [(0, 29), (30, 58)])]
    [('Police', 'the road is shut'), ('Anna Lind', 'Stay away,')]
    """
    return _Reading(text, sentences).attributions()


def speech_at(speeches: Sequence[Attribution], start: int, end: int) -> Attribution | None:
    """The innermost of ``speeches`` (as ``speeches`` orders them) that holds more than half of
    ``[start, end)``; None where the outlet speaks in its own voice."""
    best = None
    for speech in speeches:
        if speech.said[0] >= end:
            break
        held = min(end, speech.said[1]) - max(start, speech.said[0])
        if 2 * held > end - start and (best is None or _length(speech) <= _length(best)):
            best = speech
    return best


def _length(speech: Attribution) -> int:
    return speech.said[1] - speech.said[0]


class _Reading:
    """One article, read once from beginning to end."""

    def __init__(self, text: str, sentences: Sequence[tuple[int, int]]) -> None:
        self.text = text
        self.quotations = quotations(text)
        self.outer = [q for q in self.quotations if q.depth == 0]
        plain = text.replace(HIDDEN, " ").replace(TITLE, " ")
        self.masked = _hidden(plain, self.outer, titles=True)
        self.sentences = self._joined(sentences)
        self.people = People(text)
        self.found: list[Attribution] = []
        self.framed: dict[int, bool] = {}  # where an attributed quotation opens: by its own verb?

    def _joined(self, sentences: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Sentences, those that a quotation spans joined."""
        joined: list[tuple[int, int]] = []
        for start, end in sentences:
            inside = bisect_left(self.outer, start, key=_left) - 1
            asked = self.text[start - 3 : start - 2] in ("?", "!", ",")  # "“Why?” Khan asked Lind."
            if joined and inside >= 0 and self.outer[inside].right + 2 * asked > start:
                joined[-1] = (joined[-1][0], max(end, self.outer[inside].right))
            else:
                joined.append((start, end))
        return joined

    def attributions(self) -> list[Attribution]:
        self._headline()
        voice, ended = None, 0
        for start, end in self.sentences:
            words = words_of(self.masked, start, min(end, start + _LONGEST_SENTENCE))
            if words:
                if "\n" in self.text[ended:start] and voice is not None and not voice.speaks:
                    voice = None  # whom a paragraph is about does not speak in the next
                own = self._read(words, voice)
                aside = self.text[end : end + 1] == "\n" and self.text[end - 1].isalnum()
                if own is not None or not aside:  # a line without a full stop is a heading or link
                    voice = own
                ended = end
        for quotation in self.outer:
            self._inside(quotation)
        self._headings()
        return _nested(self.found)

    def _headline(self) -> None:
        """Read "Trump: We will leave", if the article names him in full."""
        line = _HEADLINE.match(self.text)
        if line is not None:
            known = self.people.named(words_of(self.text, *line.span(1)))
            if known is not None:
                self._add(_Voice(known, line.span(1), line.span(2)), line.span(3), direct=False)

    def _headings(self) -> None:
        """Attribute words that head a part of the article, and are said in it."""
        said = {_letters(self.text[slice(*s.said)]): s for s in self.found if s.direct}
        for q in self.outer:
            speech = said.get(_letters(self.text[q.start : q.end]))
            if q.left not in self.framed and speech is not None:
                self.found.append(replace(speech, said=(q.start, q.end)))

    def _read(self, words: list[Word], before: _Voice | None) -> _Voice | None:
        """Read a sentence; ``before`` is the voice of the one before it. Returns its own."""
        subject = self._subject(words)
        voice: _Voice | None = None  # of the last frame that is not inside another's clause
        free, since = 0, len(self.found)
        framed = list(frames(words))
        stops = [frame.span[0] for frame in framed if begins_own(words, frame)]
        for frame in framed:
            own = self._voice(words, frame, voice or subject)
            if own is None:
                continue
            if since < len(self.found) and voice and is_reporter(words, frame, free):
                self._report(since, own.mention)
                self.people.heard(own.speaker)
                continue
            nested = voice is not None and frame.span[0] < free
            stop = next((stop for stop in stops if stop > frame.span[0]), len(words))
            parts = said_by(
                words, frame, frame.span[0] if nested else free, max(stop, frame.span[1])
            )
            if nested:
                parts = [part for part in parts[-1:] if part[0] >= frame.span[1]]
            mark = len(self.found)
            if frame.span[0] == 0 and is_tail(words, frame.span[1], len(words)):
                parts = [] if self._ended(words[0][0], own) else parts
            for first, last in parts:
                self._say(words[first:last], own, frame.kind, self.outer)
            if not nested and (len(self.found) > mark or not parts):
                voice, since = own, mark
                free = max([frame.span[1], *(last for _, last in parts)])
            if len(self.found) > mark:
                self.people.heard(own.speaker)
        return self._unframed(words, before, voice, subject)

    def _subject(self, words: list[Word]) -> _Voice | None:
        """The subject with which a sentence begins, as a voice that does not speak."""
        opening = self.people.opening(words)
        if opening is not None:
            self.people.heard(opening[0])
        elif part := subject_first(words):
            found = self.people.speaker(part)
            opening = found and (found, (part[0][0], part[-1][1]))
        return opening and _Voice(*opening, (words[0][0], words[0][0]))

    def _voice(self, words: list[Word], frame: Frame, before: _Voice | None) -> _Voice | None:
        """Who speaks in a frame; ``before`` speaks in one without a subject."""
        verb = words[frame.verb[0]][0], words[frame.verb[1] - 1][1]
        if frame.subject is None:
            return None if before is None else replace(before, verb=verb, via=None)
        part = words[slice(*frame.subject)]
        speaker = self.people.speaker(part)
        if speaker is None:
            return None
        via = None
        if to := addressee(words, frame):
            via = words[to[0]][0], words[to[1] - 1][1]
            if same_speaker(self.text[slice(*via)], self.text[slice(*speaker)]):
                return None  # "he told Khan": he is not Khan
            via = via if _OUTLET.match(self.text[slice(*via)]) else None
        return _Voice(speaker, (part[0][0], part[-1][1]), verb, via)

    def _report(self, since: int, via: tuple[int, int]) -> None:
        """What was found last is told by somebody: ", Reuters reported"."""
        for n in range(since, len(self.found)):
            self.found[n] = replace(self.found[n], via=self.text[slice(*via)], via_at=via)

    def _say(
        self, words: Sequence[Word], voice: _Voice, kind: str, among: Sequence[Quotation]
    ) -> None:
        """Attribute words: their quotations (of ``among``), and the clause if there is more."""
        kept = [n for n, (*_, w) in enumerate(words) if w not in lexicon.TRIMMED]
        if not kept:
            return
        words = words[kept[0] : kept[-1] + 1]
        start, end = words[0][0], words[-1][1]
        clause = any(w[0].isalnum() and w.lower() not in lexicon.JOINS for *_, w in words)
        if clause and kind != "quote":
            self._add(voice, (start, end), direct=False)
        for q in among[bisect_left(among, start, key=_left) : bisect_left(among, end, key=_left)]:
            named = clause and is_title(self.text[q.start : q.end])
            if q.left not in self.framed and not named:
                self._add(voice, (q.start, q.end), direct=True)
                self.framed[q.left] = True

    def _add(self, voice: _Voice, said: tuple[int, int], *, direct: bool) -> None:
        text = self.text
        self.found.append(
            Attribution(
                speaker=text[slice(*voice.speaker)],
                speaker_at=voice.speaker,
                mention_at=voice.mention,
                verb=text[slice(*voice.verb)],
                verb_at=voice.verb,
                said=said,
                direct=direct,
                via=None if voice.via is None else text[slice(*voice.via)],
                via_at=voice.via,
            )
        )

    def _ended(self, start: int, voice: _Voice) -> bool:
        """Attribute the quotation after which a sentence begins at ``start``: "Khan said."."""
        n = bisect_left(self.outer, start, key=_left) - 1
        if n < 0 or self.text[self.outer[n].right : start].strip(" "):
            return False
        q = self.outer[n]
        if self.framed.get(q.left):
            return False
        if q.left in self.framed:  # taken for the speech before it
            places = range(len(self.found) - 1, -1, -1)
            del self.found[next(n for n in places if self.found[n].said == (q.start, q.end))]
        self._add(voice, (q.start, q.end), direct=True)
        self.framed[q.left] = True
        return True

    def _unframed(
        self,
        words: list[Word],
        before: _Voice | None,
        voice: _Voice | None,
        subject: _Voice | None,
    ) -> _Voice | None:
        """Attribute quotations that no verb claims: they go on with the speech before them, or
        follow a colon. Returns the sentence's voice."""
        begins = self.text[words[0][0] - 1 : words[0][0]] in ("", "\n")
        for n, (start, _, word) in enumerate(words):
            if word[0] != HIDDEN:
                continue
            q = self.outer[bisect_right(self.outer, start, key=_left) - 1]
            after = words[n + 1][2] if n + 1 < len(words) else "."
            goes_on = n == 0 and (after[0].isalnum() or after == ":")
            if q.left in self.framed or (goes_on and begins):
                continue
            if not is_sentence(self.text[q.start : q.end]):
                continue
            previous = words[n - 1][2] if n else ""
            own = voice
            if n == 0 or (n == 1 and previous in ("And", "But")):
                own = before
            elif previous in ":," and not voice and not source(words, n - 1):
                own = subject  # "Khan was clear: █"
            elif previous == ":" and not voice and (part := source(words, n - 1)):
                found = self.people.speaker(words[slice(*part)])
                own = found and _Voice(found, found, (start, start))
            elif voice is None and before is not None and before.speaks and not begins:
                own = before
            if own is not None:
                self._add(own, (q.start, q.end), direct=True)
                self.framed[q.left] = False
                voice = voice or own
        kept = before if before is not None and before.speaks and not begins else None
        return voice or subject or kept

    def _inside(self, outer: Quotation) -> None:
        """Attribute quotations inside a quotation, where it names who said them."""
        first = bisect_right(self.quotations, outer.left, key=_left)
        last = bisect_left(self.quotations, outer.right, key=_left)
        inner = [q for q in self.quotations[first:last] if q.depth == 1]
        if not inner or outer.right - outer.left > _LONGEST_SENTENCE:
            return
        shown = _hidden(self.text[outer.start : outer.end], inner, outer.start)
        words = [
            (s + outer.start, e + outer.start, w) for s, e, w in words_of(shown, 0, len(shown))
        ]
        for frame in frames(words):
            if frame.subject is None or words[frame.subject[0]][2].lower() in lexicon.PRONOUNS:
                continue  # "he" may be anybody of whom the speaker spoke
            voice = self._voice(words, frame, None)
            for first, last in said_by(words, frame, 0, len(words)) if voice else ():
                assert voice is not None
                self._say(words[first:last], voice, "quote", inner)


def _letters(words: str) -> str:
    return words.lower().strip(" .,;:?!")


def _left(quotation: Quotation) -> int:
    return quotation.left


def _hidden(text: str, inner: Sequence[Quotation], offset: int = 0, *, titles: bool = False) -> str:
    """The text with its quotations hidden, marks and all; no offset moves. ``titles``: names of
    works are hidden otherwise, and a comma inside their marks is kept, since nobody says them."""
    parts, at = [], 0
    for q in inner:
        left, right = q.left - offset, q.right - offset
        quoted = text[q.start - offset : q.end - offset]
        hidden = HIDDEN * (right - left)
        if titles and " " in quoted and is_title(quoted):
            hidden = TITLE * (right - left)
            if quoted[-1] == ",":
                hidden = hidden[:-2] + ", "
        parts += [text[at:left], hidden]
        at = right
    return "".join([*parts, text[at:]])


def _nested(found: list[Attribution]) -> list[Attribution]:
    """Ordered, each with the speech in which it stands."""
    ordered: list[Attribution] = []
    open_: list[Attribution] = []
    for speech in sorted(found, key=lambda a: (a.said[0], -a.said[1], a.direct)):
        while open_ and open_[-1].said[1] < speech.said[1]:
            open_.pop()
        outer = next((a for a in reversed(open_) if a.verb_at != speech.verb_at), None)
        speech = speech if outer is None else replace(speech, within=outer)
        ordered.append(speech)
        open_.append(speech)
    return ordered
