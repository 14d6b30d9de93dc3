"""How do X and Y differ on Z? Questions that need the words of two or more parties."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PARTIES = r"(?P<one>[^,?]+?)\s+(?:and|from|with|versus|vs\.?)\s+(?P<two>[^,?]+?)"
_ON = r"(?:about|on|over|of|regarding|concerning|when\s+it\s+comes\s+to|to|toward|towards)"
_FORMS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"^(?:how|where|on\s+what|in\s+what\s+way)\s+(?:do|does|did)\s+{_PARTIES}\s+"
        rf"(?:differ|disagree|agree|compare|diverge)(?:\s+{_ON}\s+(?P<about>.+))?$",
        rf"^(?:how|in\s+what\s+way)\s+(?:do|does|did|is|are)\s+(?P<one>.+?)[’']s?\s+(?:positions?|views?|"
        rf"stances?|statements?|attitudes?|reactions?|responses?)(?:\s+{_ON}\s+(?P<about>.+?))?\s+(?:differ|compare|"
        r"different)\s+(?:from|with|to)\s+(?:that\s+of\s+)?(?P<two>.+?)(?:[’']s?)?$",
        rf"^what\s+(?:is|are|was|were)\s+the\s+differences?\s+between\s+{_PARTIES}(?:\s+{_ON}\s+(?P<about>.+))?$",
        rf"^compare\s+(?:(?:the\s+)?(?:positions?|views?|stances?|statements?)\s+of\s+)?{_PARTIES}"
        rf"(?:\s+{_ON}\s+(?P<about>.+))?$",
        rf"^what\s+(?:do|does|did|have|has)\s+(?P<one>[^,?]+?)\s+and\s+(?P<two>[^,?]+?)\s+(?:each\s+|both\s+)?"
        rf"(?:say|said|think|thought|want|demand)(?:\s+{_ON}\s+(?P<about>.+))?$",
        rf"^do\s+{_PARTIES}\s+(?:agree|disagree)(?:\s+{_ON}\s+(?P<about>.+))?$",
    )
)  # fmt: skip
_TAIL = re.compile(
    r"[’']s?(?:\s+(?:positions?|views?|stances?))?$|\s+(?:positions?|views?|stances?)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Who is compared, and on what ("" for anything)."""

    parties: tuple[str, ...]
    about: str


def read_comparison(question: str) -> Comparison | None:
    """The parties a question compares, and on what; None if it compares none.

    >>> read_comparison("How do Pakistan and the Taliban differ on the weapons?")
    Comparison(parties=('Pakistan', 'the Taliban'), about='the weapons')
    >>> read_comparison("How does Trump's view of the deal compare with Biden's?")
    Comparison(parties=('Trump', 'Biden'), about='the deal')
    >>> read_comparison("Who met Lind and Holm?") is None
    True
    """
    bare = question.strip().rstrip("?!. ")
    for form in _FORMS:
        found = form.match(bare)
        if found is not None:
            parties = tuple(_TAIL.sub("", found[name].strip()) for name in ("one", "two"))
            return Comparison(parties, (found["about"] or "").strip())
    return None
