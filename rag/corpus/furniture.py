"""Which lines of a news text are furniture: links to other articles, share bars, notices.

Furniture stays in the stored text, so that offsets hold, but it is never evidence: an
"ALSO READ" line names another article's headline, and nothing in this one vouches for it.
Rules see the line alone; a line of running text that merely begins with such a word is kept
because the generic words count only before a colon or a bar.
"""

from __future__ import annotations

import re

_LINK_LABEL = (
    r"also\s+(?:read|see|watch|on\s+\w+)|read\s+(?:also|more|next|on|the\s+full\s+\w+)|see\s+also|"
    r"(?:more|related|recommended|trending|watch|listen|read|related\s+\w+|must\s+read|"
    r"you\s+(?:may|might)\s+(?:also\s+)?like|up\s+next|learn\s+more|more\s+(?:on|from|about)"
    r"[^:|\n]{0,40}|more\s+information|don[’']t\s+miss|in\s+case\s+you\s+missed\s+it|"
    r"just\s+for\s+subscribers|for\s+subscribers|subscribers?\s+only|get\s+the\s+app|"
    r"sign\s+up|subscribe|newsletter|follow\s+(?:us|every\s+game)|share(?:\s+this)?|tags|"
    r"topics|filed\s+under|advertisement|sponsored|photo\s+gallery|gallery|video|podcasts?|"
    r"listen\s+to[^:|\n]{0,30}|opinion|fact\s+check)"
)
_LINK_LINE = re.compile(
    # "ALSO READ" and "READ MORE" are labels even with a dash or nothing after them …
    r"^\W*(?:(?:also\s+read|read\s+also|see\s+also|read\s+more|also\s+see|must\s+read)"
    r"(?:\s*[:|►▶>»–—-]|\s+[A-Z‘“\"]|\s*$)"
    # … the generic words only before a colon or a bar.
    rf"|(?:{_LINK_LABEL})\s*[:|►▶>»])",
    re.IGNORECASE,
)
_LOWER_AFTER_LABEL = re.compile(r"^\W*(?i:read|see|also|must)\s+\w+\s+[a-z]")
_WHOLE_LINE = re.compile(
    r"^\W*(?:advertisement|sponsored(?:\s+content)?|up\s+next|read\s+more|share(?:\s+this(?:\s+\w+)?)?|"
    r"follow\s+us|subscribe(?:\s+now)?|sign\s+up(?:\s+now)?|related(?:\s+\w+)?|recommended|trending|"
    r"most\s+(?:read|popular|viewed)|story\s+continues\s+below.*|continue\s+reading.*|"
    r"listen\s+to\s+this\s+article.*|scroll\s+to\s+continue.*|click\s+here\b.*|"
    r"sign\s+up\s+(?:for|to)\b.*|subscribe\s+to\b.*|follow\s+\S+(?:\s+\S+){0,6}\s+on\s+(?:twitter|x|"
    r"facebook|instagram|whatsapp|telegram|google\s+news)\b.*|support\s+local\s+journalism.*|"
    r"copyright(?:\s*(?:[©:|]|\(c\)|\d{4}|(?-i:[A-Z])).*)?|©.*|all\s+rights\s+reserved.*|this\s+(?:article|story)\s+(?:was\s+)?originally\s+"
    r"appeared\s+on\b.*|the\s+associated\s+press\s+contributed\s+to\s+this\s+.*|contributing:.*)\W*$",
    re.IGNORECASE,
)
_SHARE_WORD = (
    r"(?:share|tweet|facebook|twitter|x|whatsapp|telegram|linkedin|pinterest|reddit|e-?mail|print|"
    r"copy(?:\s+link)?|instagram|youtube|comments?|save|messenger|google\s+news)"
)
_SHARE_BAR = re.compile(rf"^\W*{_SHARE_WORD}(?:\W+(?:on\s+)?{_SHARE_WORD})+\W*$", re.IGNORECASE)
_ONLY_LINK = re.compile(r"^\W*(?:https?://|www\.)\S+\W*$", re.IGNORECASE)
_RULE = re.compile(r"^[\W_]+$")


def is_furniture(line: str) -> bool:
    """True if the line (without its newline) is no part of what the article says.

    >>> is_furniture("ALSO READ: Two judges killed in Tehran")
    True
    >>> is_furniture("Also read by the committee were three letters.")
    False
    >>> is_furniture("Share  Tweet | WhatsApp")
    True
    """
    if _RULE.match(line) or _ONLY_LINK.match(line) or _SHARE_BAR.match(line):
        return True
    if _WHOLE_LINE.match(line):
        return True
    return bool(_LINK_LINE.match(line)) and not _LOWER_AFTER_LABEL.match(line)
