"""Yes against no: whether a sentence affirms or denies what a yes-or-no question asks.

By words alone: the question's predicate (its first verb or noun that the sentence holds, too) and
a negation that bears on it in its clause. Anything else is no stance: an answer never says yes or
no, and only two sentences that plainly differ stand against each other.
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
_NOT_PREDICATES = frozenset(
    stem(word)
    for word in "still ever already yet really also government country people say said".split()
)


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
    predicate = next(
        (
            term
            for term in parsed.terms
            if term in held and term not in parsed.names and term not in _NOT_PREDICATES
        ),
        None,
    )
    if predicate is None:
        return 0
    signs = {_sign(tokens, at) for at, found in enumerate(stems) if found == predicate}
    if len(signs) != 1:
        return 0
    return -signs.pop() if denied else signs.pop()


def _sign(tokens: list[str], at: int) -> int:
    """-1 if an odd number of negations bear on the word at this place, else 1."""
    sign, seen = 1, 0
    for token in reversed(tokens[:at]):
        if not token[0].isalnum() or seen == _REACH:
            break
        if _NOT.fullmatch(token):
            sign = -sign
        # Words that only hold a sentence together take up none of the reach.
        seen += token.lower() not in STOPWORDS
    return sign
