"""Short answers and quotes against gold answers.

Exact match and token F1 are SQuAD's, made for short answers. Whether a quote holds an answer is
judged more strictly: SQuAD's normalisation drops the point of "3.4", so 34 would pass for it.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

from rag.index.normalise import normalise

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_LEADING_ARTICLE = re.compile(r"^(?:a|an|the) ")
_PUNCTUATION = str.maketrans("", "", string.punctuation + "‘’“”–—…")


def normalise_answer(text: str) -> str:
    """Lower case, without punctuation and articles, white space folded.

    Source: the official script, https://rajpurkar.github.io/SQuAD-explorer/; typographic quotes,
    dashes and ellipses, which news has and SQuAD has not, count as punctuation too.

    >>> normalise_answer("The “$7 billion”, roughly")
    '7 billion roughly'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(given: str, accepted: Sequence[str]) -> float:
    """1 if the answer equals an accepted one after ``normalise_answer``, else 0."""
    return float(any(normalise_answer(given) == normalise_answer(gold) for gold in accepted))


def token_f1(given: str, accepted: Sequence[str]) -> float:
    """Best harmonic mean of word precision and recall against an accepted answer, in [0, 1].

    Words are compared as a bag, after ``normalise_answer``; two empty answers score 1 (SQuAD 2.0).

    >>> token_f1("about $7 billion", ["$7 billion"])  # 2 of 3 words, 2 of 2: 2*2/(3+2)
    0.8
    """
    return max((_f1(given, gold) for gold in accepted), default=0.0)


def _f1(given: str, gold: str) -> float:
    ours, theirs = normalise_answer(given).split(), normalise_answer(gold).split()
    if not ours or not theirs:
        return float(ours == theirs)
    same = (Counter(ours) & Counter(theirs)).total()
    return 2 * same / (len(ours) + len(theirs))


def stands_in(answer: str, text: str) -> bool:
    """True if the answer stands in the text as whole words and numbers, whatever the case; an
    answer all in capitals ("US") only in capitals.

    White space, quote marks and dashes are folded (``rag.index.normalise``); an article before
    the answer and a full stop or comma after it are let be.

    >>> stands_in("The Taliban.", "the  Taliban said"), stands_in("7 billion", "$7 billion")
    (True, True)
    >>> stands_in("7 billion", "$1.7 billion"), stands_in("34", "rose 3.4%")
    (False, False)
    >>> stands_in("US", "told us so"), stands_in("$7 billion", "US$7 billion")
    (False, True)
    """
    words, where = normalise(answer).text.rstrip(".,;:!?"), normalise(text).text
    if not words.isupper():  # "US" is not "us"
        words, where = _LEADING_ARTICLE.sub("", words.casefold()), where.casefold()
    if not words:
        return False
    # A neighbouring letter, digit, or point or comma with a digit makes it another word or number.
    before = r"(?<!\w)(?<!\d[.,])" if words[0].isalnum() else ""
    after = r"(?!\w)(?![.,]\d)" if words[-1].isalnum() else ""
    return re.search(f"{before}{re.escape(words)}{after}", where) is not None


def quote_hit(answers: Sequence[str], quotes: Sequence[str], *, all_of_them: bool) -> float:
    """1 if an accepted answer stands inside a displayed quote; with ``all_of_them`` (lists), the
    share of the answers that do. In [0, 1]."""
    found = [any(stands_in(answer, quote) for quote in quotes) for answer in answers]
    if all_of_them:
        return sum(found) / len(found)
    return float(any(found))
