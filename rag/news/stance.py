"""Yes against no: whether a sentence affirms or denies what a yes-or-no question asks.

By words alone: the question's words that the sentence holds, too, names left out, and a negation
that bears on one of them in its clause. Anything else is no stance: an answer never says yes or no,
and only two sentences that plainly differ stand against each other.
"""

from __future__ import annotations

import re

from rag.index.lexical import STOPWORDS, stem, words
from rag.reader.question import parse

_WORD = re.compile(r"[^\W\d_]+(?:[’'][^\W\d_]+)*|\d[\d,.]*|[,;:.!?—–()]")
_NOT = re.compile(
    r"(?:not|never|no|without|cannot|neither|nor|nobody|none|hardly|\w+n[’']t|refus\w+|reject\w*|"
    r"den(?:y|ies|ied)|declin\w+|fail(?:s|ed)?|unable|unlikely|rul(?:es|ed)\s+out|oppos\w+|against)",
    re.IGNORECASE,
)
_REACH = 4
"""A negation bears on a word at most so many words after it, in its clause."""
_LITTLE = 2
"""A sentence takes a stance only if it holds so many of the question's words."""
_JOINTS = frozenset("and but while because although though that which who".split())


def stance(question: str, sentence: str) -> int:
    """1 if the sentence affirms what the question asks, -1 if it denies it, 0 if neither is plain.

    >>> asked = "Do the Taliban need help to fight ISIS?"
    >>> stance(asked, "They insist that they need more weapons to fight ISIS-K.")
    1
    >>> stance(asked, "They said they do not need US cooperation to fight ISIS.")
    -1
    >>> stance(asked, "The Taliban took Kabul in 2021.")
    0
    """
    parsed = parse(question)
    denied = bool(re.search(r"n[’']t\b|\bnot\b", parsed.text))
    tokens = [match.group() for match in _WORD.finditer(sentence)]
    stems = [next((stem(word) for word in words(token)), "") for token in tokens]
    held = set(stems)
    if sum(term in held for term in parsed.terms) < min(_LITTLE, len(parsed.terms)):
        return 0
    said = [term for term in parsed.terms if term in held and term not in parsed.names]
    if not said:
        return 0
    denies = any(_denied(tokens, at) for at, found in enumerate(stems) if found in said)
    return -1 if denies != denied else 1


def _denied(tokens: list[str], at: int) -> bool:
    """True if an odd number of negations bear on the word at this place."""
    negations = seen = 0
    for token in reversed(tokens[:at]):
        if not token[0].isalnum() or token.lower() in _JOINTS or seen == _REACH:
            break
        negations += _NOT.fullmatch(token) is not None
        # Words that only hold a sentence together take up none of the reach.
        seen += token.lower() not in STOPWORDS
    return negations % 2 == 1
