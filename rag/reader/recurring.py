"""Questions made from unlabelled news: a span that recurs in an article is the answer to a sentence
it is cut out of, to be found in another passage of the article.

Source: Ram et al., ACL 2021, https://aclanthology.org/2021.acl-long.239/ (recurring span selection);
here the cut-out sentence stands in the place of the question, half of the time with a question
word for the gap, so that the network reads pairs as it will meet them.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from rag.corpus.chunk import WordPieces, cut_passages
from rag.datatypes import Article, Passage
from rag.reader.windows import Window

_WORD = re.compile(r"\$?\d[\d,.]*\d|\$?\d|[^\W\d_]+(?:['’.-][^\W\d_]+)*")
_MAX_WORDS = 6
_STOP = frozenset(
    "a about after all also an and any are as at be because been before being but by can could did "
    "do does for from had has have he her here him his how i if in into is it its just more most "
    "my new no not now of on one only or other our out over said say says she so some such than "
    "that the their them then there these they this those to two under up was we were what when "
    "where which while who why will with would you your".split()
)
_MONTHS = "January February March April May June July August September October November December"
_WHEN = re.compile(
    rf"^(?:(?:{'|'.join(_MONTHS.split())})\b.*|(?:19|20)\d\d|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)$"
)


def recurring_windows(
    articles: Iterable[Article], pieces: WordPieces, rng: random.Random, *, per_article: int = 8
) -> Iterator[Window]:
    """At most ``per_article`` windows of each article, and a third as many without an answer."""
    for article in articles:
        passages = cut_passages(article, pieces, max_tokens=rng.choice((96, 128, 144)))
        made = list(_of_article(article.text, passages, rng, per_article))
        yield from made
        for window in rng.sample(made, len(made) // 3):
            assert window.answers
            start, end = window.answers[0]
            answer = window.text[start:end].lower()
            others = [p.span.text for p in passages if answer not in p.span.text.lower()]
            if others:
                yield Window(window.question, rng.choice(others), ())


def _of_article(
    text: str, passages: Sequence[Passage], rng: random.Random, limit: int
) -> Iterator[Window]:
    sentences = [(p, start, end) for p in passages for start, end in p.sentences]
    places = _recurring(text, sentences)
    spans = sorted(places)
    rng.shuffle(spans)
    made = 0
    for words in spans:
        found = places[words]
        asked, start, end = rng.choice(found)
        home = sentences[asked][0]
        away = [item for item in found if sentences[item[0]][0] is not home]
        question = _question(text, sentences[asked][1:], start, end, rng)
        if not away or question is None:
            continue
        passage = sentences[rng.choice(away)[0]][0]
        base = passage.span.start
        answers = tuple((s - base, e - base) for i, s, e in found if sentences[i][0] is passage)
        yield Window(question, passage.span.text, answers)
        made += 1
        if made == limit:
            return


def _recurring(
    text: str, sentences: Sequence[tuple[Passage, int, int]]
) -> dict[tuple[str, ...], list[tuple[int, int, int]]]:
    """Runs of words that stand in two sentences or more: (sentence, start, end) of each place.
    Longest runs only: a run that always stands inside the same longer one is left out."""
    places: defaultdict[tuple[str, ...], list[tuple[int, int, int]]] = defaultdict(list)
    for number, (_, begin, end) in enumerate(sentences):
        found = [(m.group(), m.start(), m.end()) for m in _WORD.finditer(text, begin, end)]
        for i in range(len(found)):
            for j in range(i, min(len(found), i + _MAX_WORDS)):
                run = found[i : j + 1]
                if _answers(run, text):
                    key = tuple(word for word, _, _ in run)
                    places[key].append((number, run[0][1], run[-1][2]))
    recurring = {
        key: found for key, found in places.items() if len({number for number, *_ in found}) > 1
    }
    for key in sorted(recurring, key=len, reverse=True):
        for inner in (key[1:], key[:-1]):
            if inner in recurring and len(places[inner]) == len(places[key]):
                del recurring[inner]
    return recurring


def _answers(run: Sequence[tuple[str, int, int]], text: str) -> bool:
    """Could these words be an answer: a name, a number, or a phrase of several words?"""
    first, last = run[0][0], run[-1][0]
    if first.lower() in _STOP or last.lower() in _STOP:
        return False
    # Words with a sign between them are no phrase.
    if re.search(r"[^\w\s'’.$%-]", text[run[0][1] : run[-1][2]]):
        return False
    if len(run) > 1:
        return True
    return first[0].isupper() or first[0] in "$0123456789"


def _question(
    text: str, sentence: tuple[int, int], start: int, end: int, rng: random.Random
) -> str | None:
    """The sentence with the span cut out; None if too little or too much is left."""
    before, after = text[sentence[0] : start], text[end : sentence[1]]
    left = len((before + after).split())
    if not 5 <= left <= 36:
        return None
    gap = "[MASK]"
    if rng.random() < 0.5:
        gap = _question_word(text[start:end])
    return " ".join(f"{before}{gap}{after.rstrip(' .')}?".split())


def _question_word(span: str) -> str:
    if _WHEN.match(span):
        return "when"
    if span[0] in "$0123456789":
        return "how much" if span[0] == "$" else "how many"
    words = span.split()
    names = all(word[0].isupper() for word in words)
    return "who" if names and len(words) > 1 else "what"
