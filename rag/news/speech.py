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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rag.datatypes import Attribution
from rag.news.quotations import Quotation, quotations
from rag.news.speakers import (
    HIDDEN,
    TITLE,
    PRONOUNS,
    People,
    Word,
    plausible,
    same_speaker,
    skipped_left,
    subject_after,
    subject_before,
    words_of,
)

__all__ = ["same_speaker", "speech_at", "speeches"]

_LONGEST_UNIT = 4_000  # characters of a sentence that are read

_ANYONE = "say tell add"
_CLAUSE = (
    "announce argue claim explain insist warn note acknowledge admit allege assert caution complain "
    "conclude confirm contend declare deny emphasize emphasise stress hint joke lament maintain "
    "mention observe predict promise pledge vow quip reaffirm recall recount reiterate remark reply "
    "report respond reveal state suggest testify tweet underline underscore write post affirm "
    "highlight echo counter concede boast brag muse opine retort exclaim express voice criticize "
    "criticise condemn praise convey accuse urge threaten denounce agree disagree "
    "speculate apologize proclaim advise recommend clarify disclose inform elaborate gush rave "
    "marvel plead demand promise repeat hail applaud decry rebuke assure swear"
)
_QUOTE_ONLY = (  # only with a quotation: "called it █"
    "call describe dub label brand ask think believe feel find deem consider refer characterize "
    "characterise cite thank wonder reject dismiss portray expect hope blast slam comment shout "
    "defend read"
)
_BESIDE_ONLY = (  # only directly beside one: "█ she continued"
    "begin continue start go laugh yell scream whisper offer sing chant reason share answer "
    "tease speak finish tout preach smile chime interject cheer cry"
)
_IRREGULAR = {
    "say": "says said saying", "tell": "tells told telling", "think": "thinks thought",
    "write": "writes wrote writing", "feel": "feels felt", "find": "finds found finding",
    "read": "reads reading", "begin": "begins began", "sing": "sings sang",
    "speak": "speaks spoke", "swear": "swears swore swearing", "go": "goes went",
    "admit": "admits admitted admitting", "plead": "pleads pleaded pled pleading",
    "brag": "brags bragged bragging", "slam": "slams slammed slamming",
    "quip": "quips quipped quipping",
}  # fmt: skip


def _forms(lemma: str) -> list[str]:
    if lemma in _IRREGULAR:
        return [lemma, *_IRREGULAR[lemma].split()]
    if lemma.endswith("e"):
        return [lemma, lemma + "s", lemma + "d", lemma[:-1] + "ing"]
    if lemma.endswith("y"):
        return [lemma, lemma[:-1] + "ies", lemma[:-1] + "ied", lemma + "ing"]
    s = "es" if lemma.endswith(("s", "sh", "ch", "x")) else "s"
    return [lemma, lemma + s, lemma + "ed", lemma + "ing"]


_VERBS = {
    form: kind
    for kind, lemmas in (
        ("beside", _BESIDE_ONLY),
        ("quote", _QUOTE_ONLY),
        ("clause", _CLAUSE),
        ("anyone", _ANYONE),
    )
    for lemma in lemmas.split()
    for form in _forms(lemma)
}
_PHRASES = (
    ("made", "it", "clear"), ("makes", "it", "clear"), ("make", "it", "clear"),
    ("made", "clear"), ("was", "quoted", "as", "saying"), ("pointed", "out"), ("points", "out"),
    ("on", "to", "say"),
)  # fmt: skip
_PHRASE_STARTS = frozenset(phrase[0] for phrase in _PHRASES)
_NOUNS_TOO = frozenset(
    "claims claim reports report notes note states state remarks remark posts post promise "
    "promises demands demand comments tweets tweet pledge pledges vow vows stress joke jokes hints "
    "hint voice voices slam blast counter counters echo echoes highlights highlight recalls recall "
    "praise advise estimates complains shares share label brand read reads call calls answer find "
    "finds start starts offers offer reason feels tease hope hopes thanks thank goes go reveal "
    "alleged".split()
)
_OUTLET = re.compile(
    r"^(?:the )?(?:[A-Z]{2,5}(?: News| TODAY| Sport)?|Reuters|Associated Press|USA TODAY(?: Sports)?|"
    r"(?:[A-Z][\w.]+ ){0,3}(?:Times|Post|Journal|News|Guardian|Telegraph|Press|Tribune|Herald|"
    r"Magazine|Globe|Chronicle|Mirror|Sun|Mail|Week|Review|Network|Independent|Today)|"
    r"[\w.]+\.(?:com|org|net))(?:[’']s\b.*)?$"
)
_TAIL = frozenset(  # what may follow "Khan said" and is not said: when, where, to whom, of what
    "on in at during after before via from when while as of about with by through following late "
    "early earlier this last monday tuesday wednesday thursday friday saturday sunday who adding "
    "referring speaking citing recently again then to today yesterday upon outside inside".split()
)
_HEADLINE = re.compile(
    r"\s*([A-Z][\w’'.-]*(?: [A-Z][\w’'.-]*){0,3})(:) ([A-Z“\"‘'][^\n]{8,140})(?=\n|$)"
)
_TELL = frozenset("tell tells told telling inform informed assured".split())
_FACTS = frozenset(  # also done without words: "added a run", "claimed gold"
    "add adds added claim claims claimed deny denies denied observe observes observed maintain "
    "maintains maintained announce promise promised note recall recalled repeat repeated counter "
    "countered admit admitted reveal revealed report reported declare declared post posted "
    "demonstrate clarify disclose disclosed recount agree agrees agreed disagree confirm confirms "
    "confirmed adding denying claiming announcing confirming recalling reporting revealing "
    "observing promising concluding boast boasts boasted conclude concludes concluded read reads".split()
)
_FINITE = frozenset(
    "is are was were has have had will would can could should may might must did does do didn't "
    "isn't wasn't weren't won't wouldn't can't couldn't he she they it we i there".split()
)
_PASSIVE = frozenset("claimed described called dubbed labeled labelled denounced condemned".split())
_BASE = frozenset(lemma for lemma in f"{_ANYONE} {_CLAUSE} {_QUOTE_ONLY} {_BESIDE_ONLY}".split())
_TRIMMED = frozenset(", . ; : — – - and but".split())
_JOINS = frozenset("and but or".split())
_JOINS_VERBS = frozenset("and but then though although while , or".split())
_BEFORE_PARTICIPLE = frozenset("and , by while before after — – - when".split())
_TIMES = frozenset(
    "on in this last late early earlier monday tuesday wednesday thursday friday saturday sunday "
    "morning afternoon evening night week month year today yesterday ,".split()
)


@dataclass(frozen=True, slots=True)
class _Frame:
    """A speech verb with its subject, as word numbers (first, after last). ``subject`` is None if
    it is the subject of the frame before or of the sentence; ``span`` holds verb and subject."""

    subject: tuple[int, int] | None
    verb: tuple[int, int]
    span: tuple[int, int]
    kind: str


@dataclass(frozen=True, slots=True)
class _Voice:
    """Who speaks, as offsets: full form, mention, verb (empty where no verb says so)."""

    speaker: tuple[int, int]
    mention: tuple[int, int]
    verb: tuple[int, int]
    via: tuple[int, int] | None = None


def speeches(text: str, sentences: Sequence[tuple[int, int]]) -> list[Attribution]:
    """Every stretch of reported or direct speech in an article, ordered by where it starts.

    Args:
        text: The article's text.
        sentences: (start, end) of all its sentences, in order (``sentence_spans``).
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
        self.units = self._units(sentences)
        self.people = People(text)
        self.found: list[Attribution] = []
        self.framed: dict[int, bool] = {}  # where an attributed quotation opens: by its own verb?

    def _units(self, sentences: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Sentences, those that a quotation spans joined."""
        units: list[tuple[int, int]] = []
        for start, end in sentences:
            inside = bisect_left(self.outer, start, key=_left) - 1
            if units and inside >= 0 and self.outer[inside].right > start:
                units[-1] = (units[-1][0], max(end, self.outer[inside].right))
            else:
                units.append((start, end))
        return units

    def attributions(self) -> list[Attribution]:
        self._headline()
        voice, ended = None, 0
        for start, end in self.units:
            words = words_of(self.masked, start, min(end, start + _LONGEST_UNIT))
            if words:
                voice = self._read(words, voice, self.text.count("\n", ended, start) > 0)
                ended = end
        for q in self.outer:
            self._inside(q)
        return _nested(self.found)

    def _headline(self) -> None:
        """ "Trump: We will leave", if the article names him."""
        line = _HEADLINE.match(self.text)
        if line is None:
            return
        words = words_of(self.text, *line.span(1))
        known = self.people.named(words)
        if known is not None:
            voice = _Voice(known, line.span(1), line.span(2))
            self._add(voice, line.span(3), direct=False)

    def _read(self, words: list[Word], before: _Voice | None, new_paragraph: bool) -> _Voice | None:
        """Read a sentence; ``before`` is the voice of the one before it. Returns its own."""
        opening = self.people.opening(words)
        subject = None
        if opening is not None:
            subject = _Voice(*opening, (words[0][0], words[0][0]))
            self.people.noticed(subject.speaker)
        frames = list(_frames(words))
        voice: _Voice | None = None  # of the last frame that is not inside another's clause
        free, since = 0, len(self.found)
        for n, frame in enumerate(frames):
            own = self._voice(words, frame, voice or subject)
            if own is None:
                continue
            stop = next((f.span[0] for f in frames[n + 1 :] if _apart(words, f)), len(words))
            if n and since < len(self.found) and _reporter(words, frame, free):
                self.found[since:] = [
                    replace(a, via=self.text[slice(*own.mention)], via_at=own.mention)
                    for a in self.found[since:]
                ]
                continue
            inside = voice is not None and frame.span[0] < free
            start = frame.span[0] if inside else free
            regions = _regions(words, frame, start, max(stop, frame.span[1]))
            if inside:
                regions = regions[-1:] if regions and regions[-1][0] >= frame.span[1] else []
            mark = len(self.found)
            if frame.span[0] == 0 and _tail(words, frame.span[1], len(words)):
                regions = [] if self._beside(words, own) else regions
            for first, last in regions:
                self._say(words, first, last, own, frame.kind, self.outer)
            if not inside and (len(self.found) > mark or not regions):
                voice, since = own, mark
                free = max([frame.span[1], *(last for _, last in regions)])
            if len(self.found) > mark:
                self.people.noticed(own.speaker)
        return self._unframed(words, before, voice, subject, new_paragraph)

    def _voice(self, words: list[Word], frame: _Frame, before: _Voice | None) -> _Voice | None:
        verb = words[frame.verb[0]][0], words[frame.verb[1] - 1][1]
        if frame.subject is None:
            return None if before is None else replace(before, verb=verb, via=None)
        part = words[slice(*frame.subject)]
        speaker = self.people.speaker(part)
        if speaker is None:
            return None
        via = None
        if words[frame.verb[0]][2] in _TELL and (to := subject_after(words, frame.verb[1])):
            span = words[to[0]][0], words[to[1] - 1][1]
            if same_speaker(self.text[slice(*span)], self.text[slice(*speaker)]):
                return None  # "he told Khan": not Khan
            via = span if _OUTLET.match(self.text[slice(*span)]) else None
        return _Voice(speaker, (part[0][0], part[-1][1]), verb, via)

    def _say(
        self,
        words: list[Word],
        first: int,
        last: int,
        voice: _Voice,
        kind: str,
        among: Sequence[Quotation],
    ) -> None:
        """Attribute words ``first`` to ``last``: their quotations (of ``among``), and the clause
        if they are more than quotations."""
        while first < last and words[first][2] in _TRIMMED:
            first += 1
        while last > first and words[last - 1][2] in _TRIMMED:
            last -= 1
        if first >= last:
            return
        start, end = words[first][0], words[last - 1][1]
        plain = [w for *_, w in words[first:last] if w[0].isalnum() and w.lower() not in _JOINS]
        whole = not plain
        if plain and kind != "quote":
            self._add(voice, (start, end), direct=False)
        for q in among[bisect_left(among, start, key=_left) : bisect_left(among, end, key=_left)]:
            inner = self.text[q.start : q.end]
            if self.framed.get(q.left) is None and (whole or not _title(inner)):
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

    def _beside(self, words: list[Word], voice: _Voice) -> bool:
        """Attribute the quotation that ends where the sentence begins: "Khan said." after it."""
        before = bisect_left(self.outer, words[0][0], key=_left) - 1
        if before < 0:
            return False
        q = self.outer[before]
        if self.framed.get(q.left) or self.text[q.right : words[0][0]].strip(" "):
            return False
        if self.framed.pop(q.left, None) is False:
            self.found = [a for a in self.found if a.said != (q.start, q.end)]
        self._add(voice, (q.start, q.end), direct=True)
        self.framed[q.left] = True
        return True

    def _unframed(
        self,
        words: list[Word],
        before: _Voice | None,
        voice: _Voice | None,
        subject: _Voice | None,
        new_paragraph: bool,
    ) -> _Voice | None:
        """Quotations that no verb claims: they go on with the speech before them, or follow a
        colon or a sentence about the speaker. Returns the sentence's voice."""
        for n, (start, _, word) in enumerate(words):
            if word[0] != HIDDEN:
                continue
            q = self.outer[bisect_right(self.outer, start, key=_left) - 1]
            inner = self.text[q.start : q.end]
            after = words[n + 1][2] if n + 1 < len(words) else "."
            if (
                q.left in self.framed
                or not _sentence_like(inner)
                or after[0].isalnum()
                or after == ":"
            ):
                continue
            own: _Voice | None = None
            if n and words[n - 1][2] == ":":
                short = n < 8 and all(w != "by" for *_, w in words[:n])  # "Khan was clear: █"
                own = voice or (subject if short else None)
            elif (
                (n == 0 or (n == 1 and words[0][2] in ("And", "But")))
                and before is not None
                and (_spoke(before) or not new_paragraph)
            ):
                own = before
            elif n and words[n - 1][2][0] in (HIDDEN, ".") and voice is not None:
                own = voice
            if own is not None:
                self._add(own, (q.start, q.end), direct=True)
                self.framed[q.left] = False
                voice = voice or own
        return voice or subject

    def _inside(self, outer: Quotation) -> None:
        """Quotations inside a quotation, where it names who said them."""
        at = bisect_left(self.quotations, outer.left, key=_left) + 1
        held = []
        while at < len(self.quotations) and self.quotations[at].left < outer.right:
            held.append(self.quotations[at])
            at += 1
        inner = [q for q in held if q.depth == 1]
        if not inner or outer.right - outer.left > _LONGEST_UNIT:
            return
        shown = _hidden(self.text[outer.start : outer.end], inner, outer.start)
        words = words_of(shown, 0, len(shown))
        words = [(s + outer.start, e + outer.start, w) for s, e, w in words]
        for frame in _frames(words):
            if frame.subject is None or words[frame.subject[0]][2].lower() in PRONOUNS:
                continue
            voice = self._voice(words, frame, None)
            if voice is not None:
                for first, last in _regions(words, frame, 0, len(words)):
                    self._say(words, first, last, voice, "quote", inner)


def _left(quotation: Quotation) -> int:
    return quotation.left


def _hidden(text: str, inner: Sequence[Quotation], offset: int = 0, *, titles: bool = False) -> str:
    """The text with its quotations hidden, marks and all; no offset moves. ``titles``: the names
    of works are hidden otherwise, and a comma inside their marks is kept, since nobody says them."""
    parts, at = [], 0
    for q in inner:
        left, right, quoted = (
            q.left - offset,
            q.right - offset,
            text[q.start - offset : q.end - offset],
        )
        hidden = HIDDEN * (right - left)
        if titles and quoted.count(" ") and _title(quoted):
            comma = quoted[-1] == ","
            hidden = TITLE * (right - left - 2 * comma) + ", " * comma
        parts += [text[at:left], hidden]
        at = right
    return "".join([*parts, text[at:]])


def _frames(words: Sequence[Word]) -> Iterator[_Frame]:
    """The frames of a sentence whose quotations are hidden, in order."""
    seen = False
    for i, (_, _, word) in enumerate(words):
        frame = _frame(words, i, word.lower(), seen)
        if frame is not None:
            seen = True
            yield frame


def _frame(words: Sequence[Word], i: int, word: str, seen: bool) -> _Frame | None:
    after = words[i + 1][2] if i + 1 < len(words) else "."
    if word == "according" and after == "to":
        found = subject_after(words, i + 2)
        return found and _Frame(found, (i, i + 2), (i, found[1]), "anyone")
    if word in _PASSIVE and after == "by":
        found = subject_after(words, i + 2)
        if found is None or found[1] == len(words) or words[found[1]][2] not in ("to", "as"):
            return None
        return _Frame(found, (i, i + 2), (i, found[1]), _VERBS[word])
    if word in "—–" and i == 1 and words[0][2][0] == HIDDEN:
        found = subject_after(words, i + 1)
        if found and (found[1] == len(words) or words[found[1]][2] in ",."):
            return _Frame(found, (i, i + 1), (i, found[1]), "anyone")
    if i == 0 and word in _VERBS and words[0][2] != word and word.endswith(("ed", "said", "wrote")):
        found = subject_after(words, 1)
        if found and found[1] < len(words) and words[found[1]][2] in ":,":
            return _Frame(found, (0, 1), (0, found[1]), "anyone")
        return None
    phrase = None
    if word in _PHRASE_STARTS:
        phrase = next(
            (p for p in _PHRASES if tuple(w for *_, w in words[i : i + len(p)]) == p), None
        )
    kind = "clause" if phrase else _VERBS.get(word)
    if kind is None or (words[i][2] != word and i > 0):
        return None
    end = i + (len(phrase) if phrase else 1)
    first = i
    while first > 0 and words[first - 1][2] in ("has", "have", "had"):
        first -= 1
    verb = first, end
    before = words[i - 1][2] if i else ""
    quoted = before[:1] == HIDDEN or (before in ",.—" and i > 1 and words[i - 2][2][0] == HIDDEN)
    if kind == "beside" and not _adjoins(words, i):
        return None
    if word.endswith("ing") and not phrase:
        if not _tells(words, word, end):
            return None
        if before in ("is", "are", "was", "were") and (subject := subject_before(words, i - 1)):
            return _Frame(subject, (i - 1, end), (subject[0], end), kind)
        subject = subject_before(words, i)
        if subject and subject[0] and words[subject[0] - 1][2] == "with":
            return _Frame(subject, verb, (subject[0] - 1, end), kind)
        left = skipped_left(words, i)
        if left and (
            words[left - 1][2] in _BEFORE_PARTICIPLE
            or (word in ("saying", "stating", "arguing", "claiming") and before[0].isalpha())
        ):
            first = left - 1 if words[left - 1][2] in _BEFORE_PARTICIPLE else left
            return _Frame(None, verb, (first, end), kind)
        return None
    if (quoted or (before == "," and word in ("said", "says"))) and (
        found := subject_after(words, end)
    ):
        if quoted:
            ends = _tail(words, found[1], len(words)) or words[found[1]][2] in ",.;:—–(?!"
            ends = ends and (kind == "anyone" or plausible(words[slice(*found)]))
        elif found[1] == len(words) or words[found[1]][2] == ".":
            ends = True
        else:
            left_one = subject_before(words, i)
            named = words[found[1] - 1][2][0].isupper()
            ends = words[found[1]][2] == "," and left_one is None
            if named and (left_one is None or words[left_one[1] - 1][2][0].islower()):
                ends = _tail(words, found[1], len(words)) or words[found[1]][2] == ","
        if ends:
            return _Frame(found, verb, (i, found[1]), kind)
    left = skipped_left(words, i)
    if left is None or (after == "to" and word == "said"):
        return None
    subject = subject_before(words, i)
    if subject is not None and subject[0] and words[subject[0] - 1][2] == "what":
        return None
    if subject is None:
        if left == 0 or not (seen or words[left - 1][2] in ("and", "but")) or word in _BASE:
            return None
        if words[left - 1][2] not in _JOINS_VERBS or after == "by" or not _tells(words, word, end):
            return None
        return _Frame(None, verb, (left - 1, end), kind)
    begin = _modified(words, subject[0])
    quoted = begin > 0 and (
        words[begin - 1][2][0] == HIDDEN
        or (words[begin - 1][2] == "," and begin > 1 and words[begin - 2][2][0] == HIDDEN)
    )
    if not quoted and (
        (kind != "anyone" and not plausible(words[slice(*subject)]))
        or not _tells(words, word, end)
        or (word in _TELL and after[0] == HIDDEN)
    ):
        return None
    if words[subject[1] - 1][2][-2:] in ("’s", "'s") and word not in ("said", "says", "told"):
        return None
    return _Frame(subject, verb, (begin, end), kind)


def _adjoins(words: Sequence[Word], i: int) -> bool:
    """True if a quotation ends a few words before the verb."""
    return any(w[0] == HIDDEN for *_, w in words[max(0, i - 6) : i])


def _modified(words: Sequence[Word], first: int) -> int:
    """Where the subject begins with what describes it: "█ defensive tackle Harrison Phillips"."""
    begin = first
    while begin > 0 and first - begin < 10 and words[begin - 1][2][0].isalnum():
        begin -= 1
    return begin if begin and words[begin - 1][2][0] in HIDDEN + "," else first


def _tells(words: Sequence[Word], verb: str, end: int) -> bool:
    """False if the word may be a noun, or a deed without words, and nothing told follows."""
    after = words[end][2] if end < len(words) else "."
    if verb not in _NOUNS_TOO | _FACTS or after[0] == HIDDEN or after == "that":
        return True
    if after in ",:" and end + 1 < len(words) and words[end + 1][2][0] == HIDDEN:
        return True
    return (
        verb in _FACTS and after != "to" and (_tail(words, end, len(words)) or _clause(words[end:]))
    )


def _clause(words: Sequence[Word]) -> bool:
    """True if a finite verb comes before the next comma."""
    for *_, word in words[:14]:
        if word in ",;" or word == "who":
            return False
        if word in _FINITE:
            return True
    return False


def _passive(words: Sequence[Word], frame: _Frame) -> bool:
    return words[frame.verb[1] - 1][2] == "by"


def _apart(words: Sequence[Word], frame: _Frame) -> bool:
    """True if the frame begins words of its own, not some inside the clause before it."""
    before = words[frame.span[0] - 1][2] if frame.span[0] else ""
    if _passive(words, frame):
        return False
    if frame.subject is None or before in (
        "and",
        "but",
        "while",
        ";",
        "though",
        "although",
        "whereas",
    ):
        return True
    return before in ",—–" and _tail(words, frame.span[1], len(words))


def _reporter(words: Sequence[Word], frame: _Frame, free: int) -> bool:
    """True for ", Reuters reported" after a statement that is already somebody's."""
    if frame.subject is None or frame.span[0] < free - 1 or _passive(words, frame):
        return False
    between = words[free : frame.span[0]]
    return all(w in _TRIMMED for *_, w in between) and _tail(words, frame.span[1], len(words))


def _tail(words: Sequence[Word], first: int, last: int) -> bool:
    """True if nothing after a verb is said: a time, a place, an occasion, or nothing."""
    if first >= last or not any(w[0].isalnum() for *_, w in words[first:last]):
        return True
    if words[first][2] == "," and first + 1 < last:
        first += 1
    word = words[first][2].lower()
    return word in _TAIL or (word.endswith("ly") and len(word) > 4)


def _regions(words: Sequence[Word], frame: _Frame, first: int, last: int) -> list[tuple[int, int]]:
    """Which words of ``first`` to ``last`` a frame says, as (first, after last)."""
    begin, after = frame.span
    verb = words[frame.verb[1] - 1][2]
    if verb.lower() in _TELL and frame.verb[1] == after:
        to = subject_after(words, after)
        after = to[1] if to else after
    left = begin
    while left > first and words[left - 1][2] in _TRIMMED:
        left -= 1
    block = left > first and words[left - 1][2][0] == HIDDEN
    plain = [w for *_, w in words[first:left] if w[0].isalnum()]
    has_left = block or len(plain) > 3
    comma = 0 < begin < len(words) and words[begin - 1][2] in ",—–"
    right = _clause_start(words, after, last)
    more = right < last and any(w[0].isalnum() or w[0] == HIDDEN for *_, w in words[right:last])
    if begin > first and words[begin - 1][2] in ("and", "but", "while"):
        first = begin
    if _passive(words, frame):
        stop = next((k for k in range(after, last) if words[k][2] in ",—–.;"), last)
        return [(after, stop)]
    if words[frame.verb[0]][2].lower() == "according":
        if not has_left:
            comma_at = next((k for k in range(after, last) if words[k][2] == ","), None)
            return [] if comma_at is None else [(comma_at + 1, last)]
        split = after < last and words[after][2] == "," and more
        return [(first, last)] if split and not block else [(first, left)]
    inverted = frame.subject is not None and frame.subject[0] >= frame.verb[1]
    if has_left and frame.subject is not None and (
        block or inverted or (comma and _tail(words, after, last))
    ):  # fmt: skip
        hidden = next((k for k in range(after, last) if words[k][2][0] == HIDDEN), None)
        if hidden is not None and (words[hidden - 1][2] in ",:.—–" or hidden - after <= 4):
            return [(first, left), (hidden, last)]
        if (
            hidden is None
            and after < last
            and words[after][2] == ","
            and not block
            and not _tail(words, after, last)
        ):
            return [(first, last)]
        return [(first, left)]
    told = after + 1 < last and words[after][2] == "," and words[after + 1][2][0] != HIDDEN
    if has_left and comma and more and told:
        return [(first, last)]
    return [(right, last)] if more else []


def _clause_start(words: Sequence[Word], first: int, last: int) -> int:
    """Where what is said begins after a verb: past "on Thursday that", "in a statement:"."""
    if first < last and _tail(words, first, last):
        for k in range(first, min(last, first + 16)):
            word = words[k][2]
            if word == "that" or word == ":":
                return k + 1
            if word[0] == HIDDEN:
                return k
        k = first
        while k < last and words[k][2].lower() in _TIMES:
            k += 1
        return k
    return first + (first < last and words[first][2] in ("that", ":", ","))


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


def _spoke(voice: _Voice) -> bool:
    return voice.verb[0] < voice.verb[1]


def _sentence_like(quoted: str) -> bool:
    if quoted.count(" ") < 3 and quoted[-1:] not in ".?!,":
        return False
    return " " not in quoted or not _title(quoted)


def _title(quoted: str) -> bool:
    """True for the name of a work or thing: "The Way of Water"."""
    if quoted[-1:] in ".?!" and quoted.count(" ") > 5:
        return False
    words = re.findall(r"[^\W\d_][\w’'-]*", quoted[:200])
    long = [w for w in words if len(w) > 3]
    return bool(long) and all(w[0].isupper() for w in (words[0], words[-1], *long))
