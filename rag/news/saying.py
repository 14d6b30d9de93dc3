"""What did X say about Y? The words of X, by attribution, and not words about X."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag.datatypes import Attribution, Hit
from rag.index.english import term_weight
from rag.index.lexical import STOPWORDS, stem, words
from rag.news.speech import same_speaker
from rag.reader.features import Held, cut, with_antecedent

_SAY = (
    r"(?:say|said|says|saying|tell|told|think|thinks|thought|claim|claimed|argue|argued|announce|announced|"
    r"warn|warned|write|wrote|tweet|tweeted|comment|commented|suggest|suggested|stress|stressed|explain|"
    r"explained|insist|insisted|state|stated|emphasi[sz]ed?|respond|responded|reply|replied|react|reacted)"
)
_ON = r"(?:about|on|of|regarding|concerning|to|over|with\s+regard\s+to)"
_FORMS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"^(?:what|how)\s+(?:did|does|do|has|have|had)\s+(?P<who>.+?)\s+{_SAY}"
        rf"(?:\s+(?:anything\s+)?{_ON}\s+(?P<about>.+))?$",
        rf"^what\s+(?:is|was|were|are)\s+(?P<who>.+?)[’']s?\s+(?:comments?|statements?|response|"
        rf"reaction|remarks?|words|views?|opinions?|position|stance|reply)(?:\s+{_ON}\s+(?P<about>.+))?$",
        r"^according\s+to\s+(?P<who>[^,?]+),\s*(?P<about>.+)$",
    )
)  # fmt: skip
_NOBODY = frozenset("he she they it we you i people someone anyone the article articles".split())
_LEAST_SHARE = 0.6
"""So much of the weight of what is asked about must stand in what was said, or around it."""


@dataclass(frozen=True, slots=True)
class Saying:
    """A question for somebody's words: who, and about what ("" for anything)."""

    who: str
    about: str


def read_saying(question: str) -> Saying | None:
    """Whose words a question asks for, and about what; None if it asks for no one's.

    >>> read_saying("What did Balkhi say about mining?")
    Saying(who='Balkhi', about='mining')
    >>> read_saying("What did Shafqat Ali Khan say?")
    Saying(who='Shafqat Ali Khan', about='')
    >>> read_saying("What did the storm destroy?") is None
    True
    """
    bare = question.strip().rstrip("?!. ")
    for form in _FORMS:
        found = form.match(bare)
        if found is not None and found["who"].lower() not in _NOBODY:
            return Saying(found["who"].strip(), (found["about"] or "").strip())
    return None


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence that holds words of the person asked for: where, whose, and what share of the
    weight of what is asked about it covers, in [0, 1]."""

    hit: Hit
    sentence: tuple[int, int]
    attribution: Attribution
    covered: float


def told_by(
    saying: Saying,
    hits: Sequence[Hit],
    speeches: Callable[[str], Sequence[Attribution]],
) -> list[Told]:
    """The sentences of the hits in which the person speaks, in the order of the hits.

    Args:
        saying: Who, about what.
        hits: Passages.
        speeches: Gives the speeches of an article, by its doc_id.
    """
    weights = {
        stem(word): term_weight(stem(word)) for word in words(saying.about) if word not in STOPWORDS
    }
    found, seen = [], set()
    for hit in hits:
        span = hit.passage.span
        for start, end in hit.passage.sentences:
            if (span.doc_id, start) in seen:
                continue
            seen.add((span.doc_id, start))
            own_words = [
                speech
                for speech in speeches(span.doc_id)
                if speech.said[0] < end
                and start < speech.said[1]
                and same_speaker(speech.speaker, saying.who)
            ]
            if not own_words:
                continue
            speech = max(own_words, key=lambda one: min(end, one.said[1]) - max(start, one.said[0]))
            own = Held(cut(hit, with_antecedent(hit, start), end).text)
            found.append(Told(hit, (start, end), speech, own.covered(weights)))
    return found
