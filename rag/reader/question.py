"""What kind of answer a question asks for, read from its words alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from rag.index.lexical import STOPWORDS, stem, words


class Kind(StrEnum):
    """The kind of thing that would answer."""

    PERSON = "person"
    NAME = "name"
    PLACE = "place"
    DATE = "date"
    MONEY = "money"
    NUMBER = "number"
    REASON = "reason"
    YESNO = "yesno"
    LIST = "list"
    OTHER = "other"


_AUXILIARY = (
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|shall|may|might|"
    r"must|isn[’']?t|aren[’']?t|wasn[’']?t|weren[’']?t|don[’']?t|doesn[’']?t|didn[’']?t|hasn[’']?t|"
    r"haven[’']?t|won[’']?t|wouldn[’']?t|can[’']?t)"
)
_LEAD_IN = re.compile(
    r"^(?:(?:so|and|but|well|please|hey|ok|okay|hi|hello)[,\s]+)*(?:(?:can|could|would)\s+you\s+"
    r"(?:please\s+)?(?:tell|explain|say)(?:\s+(?:to\s+)?me)?\s+|(?:please\s+)?tell\s+me\s+|"
    r"do\s+you\s+know\s+|i(?:[’']?d|\s+would)?\s+(?:like|want|need)\s+to\s+know\s+|"
    r"i\s+wonder\s+|i[’']?m\s+wondering\s+)?",
    re.IGNORECASE,
)
_MONEY_WORDS = (
    r"(?:cost|costs|price|priced|worth|paid|pay|pays|money|dollars?|euros?|pounds?|usd|budget|fee|"
    r"fine|fined|earn|earned|salary|spend|spent|raise|raised|donat\w+|valued?|fund\w*|billion|million)"
)
_RULES: tuple[tuple[Kind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        (
            Kind.LIST,
            r"^(?:which|what)\s+(?:\w+\s+)?(?:countries|nations|people|companies|items|things|groups|"
            r"types|kinds|places|states|cities|weapons|measures|reasons|concerns|steps|sectors|"
            r"teams|films|movies|officials|leaders|organi[sz]ations|agencies|terms|demands)\b"
            r"|^(?:list|name)\b|^what\s+are\b|^who\s+(?:all|are)\b",
        ),
        (
            Kind.MONEY,
            rf"\bhow\s+much\b(?=.*\b{_MONEY_WORDS}\b)|^what(?:[’']s|\s+(?:is|was|were))?\s+"
            r"the\s+(?:\w+\s+)?(?:price|cost|value|budget|salary|worth)\b|^how\s+much$",
        ),
        (
            Kind.NUMBER,
            r"\bhow\s+(?:many|much|long|old|far|tall|big|large|often|high|deep|fast|few|heavy)\b|"
            r"\b(?:what|which)\s+(?:number|percentage|percent|share|proportion|amount)\b|"
            r"^(?:number|percentage)\s+of\b",
        ),
        (
            Kind.DATE,
            r"^when\b|\bsince\s+when\b|\buntil\s+when\b|\b(?:what|which)\s+(?:year|month|day|date|time|"
            r"week|decade|century)\b|^(?:in|on|by)\s+(?:what|which)\s+(?:year|month|day|date)\b",
        ),
        (
            Kind.PLACE,
            r"^where\b|\b(?:what|which)\s+(?:country|city|state|town|place|region|province|county|"
            r"location|venue|continent|capital)\b",
        ),
        (
            Kind.PERSON,
            r"^(?:who|whom|whose)(?:[’']s|[’']re)?\b|^(?:by|to|from|for|with|against)\s+whom\b|"
            r"^(?:what|which)(?:[’']s|\s+(?:is|was))?\s+the\s+name\s+of\b|"
            r"^(?:what|which)\s+(?:\w+\s+)?(?:person|man|woman|official|spokes\w+|president|minister|"
            r"leader|singer|actor|actress|player|author|director|senator|coach|artist)\b",
        ),
        (
            Kind.REASON,
            r"^why\b|^how\s+come\b|\bfor\s+what\s+reason\b|\bwhat\s+(?:is\s+the\s+)?reason",
        ),
        (
            Kind.NAME,
            r"^(?:what|which)\s+(?:\w+\s+)?(?:company|organi[sz]ation|group|team|website|site|outlet|"
            r"agency|newspaper|party|film|movie|song|album|book|show|bank|airline|army|militant|"
            r"militia|brand|band|club|university|school|ministry|airport)\b",
        ),
        (Kind.YESNO, rf"^{_AUXILIARY}\b"),
    )
)
_NAME_WORD = re.compile(r"\b(?:[A-Z]\.){2,}|\b[A-Z][\w’'-]*|\b\d[\d,.]*\d\b|\b\d\b")


@dataclass(frozen=True, slots=True)
class Question:
    """A question, taken apart.

    Attributes:
        text: Without a lead-in such as "Can you tell me".
        kind: What would answer it.
        terms: Stemmed content words in order of appearance, each once.
        names: Stems of the words written with a capital (the first word left out) or in digits.
    """

    text: str
    kind: Kind
    terms: tuple[str, ...]
    names: frozenset[str]


def parse(text: str) -> Question:
    """Take a question apart.

    >>> parsed = parse("Can you tell me how much the gear left in Kabul is worth?")
    >>> parsed.kind.value, parsed.terms, sorted(parsed.names)
    ('money', ('gear', 'left', 'kabul'), ['kabul'])
    """
    core = _LEAD_IN.sub("", " ".join(text.split())) or text
    bare = core.rstrip("?!. ")
    kind = next((kind for kind, rule in _RULES if rule.search(bare)), Kind.OTHER)
    names: set[str] = set()
    for match in _NAME_WORD.finditer(core):
        # The first word has its capital from its place, unless it is written in capitals.
        word = match.group().replace(".", "")
        if match.start() == 0 and word[0].isalpha() and not word[1:2].isupper():
            continue
        names.update(stem(word) for word in words(match.group()) if word not in STOPWORDS)
    shaping = _ASKING | _SAYS_KIND.get(kind, frozenset())
    terms = [stem(word) for word in words(core) if word not in STOPWORDS and word not in shaping]
    return Question(core, kind, tuple(dict.fromkeys(terms)), frozenset(names))


_ASKING = frozenset(
    "many much often long old name names kind type say says said please exactly please list "
    "people person happen happened happens according article articles report reported".split()
)
"""Words that shape a question rather than say what it is about."""

_SAYS_KIND = {
    Kind.MONEY: frozenset(
        "worth cost costs price value valued sum total estimated usd dollar dollars".split()
    ),
    Kind.NUMBER: frozenset("number percentage percent share proportion amount".split()),
    Kind.DATE: frozenset("year month day date time week decade".split()),
    Kind.PLACE: frozenset("country city state town place region location located".split()),
    Kind.REASON: frozenset("reason reasons cause".split()),
}
"""Words that only repeat the kind of answer asked for: a sentence that offers an amount need not
say "cost"."""
