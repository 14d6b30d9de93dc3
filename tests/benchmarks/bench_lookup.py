"""Looking up pasted words among 100,000 articles: is each named rightly, and how soon?

    python tests/benchmarks/bench_lookup.py [--split dev|test] [--data FOLDER] [--articles N]
        [--excerpts N] [--store FILE] [--show N]

The corpus: news of 2022 (test) or of the years up to 2023 (dev), less 300 articles that are taken out, multiplied.
Their paragraphs are shuffled and cut anew into articles as long as the old ones, again and again,
until there are enough: a paragraph of the news stands in some 20 articles, and every made article
has the words of the news in an order that nobody wrote. Only the article store is built, by
``StoreWriter``, as ``locate`` reads nothing else.

The pasted words: excerpts of 5 to 40 words (as white space parts them) from the unaltered news,
drawn by length, then article, then place, each in one line of its article or across lines, and

``word``, ``number``, ``negation``
    the same with one word replaced by another word of the news, with one number replaced by
    another, with a "not" put in or a negation taken out, where an excerpt allows it;
``stitched``
    5 to 20 words of one article, then 5 to 20 of another;
``removed``
    excerpts from the articles that were taken out.

What is right is said by a plain scan of all texts, which knows nothing of ``locate`` or its index.
It looks for the pasted words as a string, between characters that are no letters or digits.

- Found: the status is ``exact``, every citation is one of the places found, none is missing (up to
  the 40 that are given), and if the excerpt's own place is among them, its outlet and date are told.
- Not found, altered: ``altered``, a difference has the changed word as pasted and as it stands in
  the article, and the excerpt's own place is cited. Where another text lies as near (of five words,
  one changed, many have the other four), its place is right as well, if no more of its words differ
  than of the own place; the table counts these apart.
- Not found, stitched: ``stitched``, and the cited quotes, one after the other, are the pasted words;
  or ``altered`` as under "removed".
- Not found, removed: never ``exact``; if ``altered`` or ``stitched``, then honestly: the differences
  turn the cited quotes into the pasted words.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import bench
import mutations
from rapidfuzz.distance import Levenshtein

from rag.answering.locate import locate
from rag.datatypes import Article, Citation, Difference, QuoteMatch
from rag.index.normalise import fold
from rag.index.store import Store, StoreWriter

NEWS = {
    "dev": "train/news_text.jsonl.gz",
    "test": "eval/realtimeqa_2022.articles.jsonl.gz",
}
ARTICLES, EXCERPTS, TAKEN_OUT = 100_000, 1_000, 300
SHORTEST, LONGEST = 5, 40
PARTS = 5, 20
MOST_PLACES = 40
_SEED = 7


@dataclass(frozen=True, slots=True)
class News:
    """The unaltered articles that stay in the corpus, and those that were taken out."""

    kept: list[Article]
    taken_out: list[Article]


def read_news(data: Path, split: str) -> News:
    """The news of a split, in a fixed order; texts that come twice are kept once."""
    articles: dict[str, Article] = {}
    with gzip.open(data / NEWS[split], "rt", encoding="utf-8") as stream:
        for row in map(json.loads, stream):
            articles[row["text"]] = Article(
                doc_id=row["url"],
                title=row["title"],
                text=row["text"],
                outlet=row.get("source") or row["url"].split("/")[2],
                published=date.fromisoformat(row["published"][:10]) if row["published"] else None,
                url=row["url"],
            )
    rows = list(articles.values())
    random.Random(_SEED).shuffle(rows)
    return News(rows[TAKEN_OUT:], rows[:TAKEN_OUT])


def multiplied(news: list[Article], count: int) -> Iterator[Article]:
    """``news``, then articles of its recombined paragraphs, ``count`` in all."""
    yield from news[:count]
    rng = random.Random(_SEED)
    cut = [[line for line in a.text.split("\n") if line.strip()] for a in news]
    paragraphs = [line for lines in cut for line in lines]
    made = len(news)
    while made < count:
        rng.shuffle(paragraphs)
        at = 0
        for shape, lines in zip(news[: count - made], cut, strict=False):
            made += 1
            yield Article(
                doc_id=f"recombined/{made:06}",
                title=shape.title,
                text="\n\n".join(paragraphs[at : at + len(lines)]),
                outlet=shape.outlet,
                published=shape.published,
            )
            at += len(lines)


def build_store(articles: Iterable[Article], path: Path) -> None:
    """An article store without passages."""
    writer = StoreWriter(path)
    for article in articles:
        writer.add(article, ())
    writer.close()


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of an unaltered article."""

    article: Article
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.article.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Pasted:
    """Words to look up, and where they, or what they were before they were altered, stand."""

    kind: str
    text: str
    own: tuple[Place, ...]
    old: str = ""
    new: str = ""


def excerpt(articles: list[Article], rng: random.Random, shortest: int, longest: int) -> Place:
    """So many words in a row, at white space, with at least three that have a letter or digit."""
    count = rng.randint(shortest, longest)
    while True:
        article = rng.choice(articles)
        words = [m.span() for m in re.finditer(r"\S+", article.text)]
        if len(words) < count:
            continue
        first = rng.randrange(len(words) - count + 1)
        place = Place(article, words[first][0], words[first + count - 1][1])
        if len(tokens(place.text)) >= 3:
            return place


def other_word(text: str, articles: list[Article], rng: random.Random) -> str | None:
    """One of the words replaced by another word of the news."""
    places = list(re.finditer(r"(?<!\S)[^\W\d_]+(?=[.,;:!?]?(?!\S))", text))
    if not places:
        return None
    place = rng.choice(places)
    while True:
        other = rng.choice(re.findall(r"(?<!\S)[^\W\d_]+(?!\S)", rng.choice(articles).text) or [""])
        if other and other.casefold() != place.group().casefold():
            return text[: place.start()] + other + text[place.end() :]


def changed(before: str, after: str) -> tuple[str, str]:
    """The words that only one of the two has.

    >>> changed("They did not go.", "They did go.")
    ('not', '')
    """
    old, new = whole_tokens(before), whole_tokens(after)
    while old and new and old[0] == new[0]:
        old, new = old[1:], new[1:]
    while old and new and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    return " ".join(old), " ".join(new)


def pasted_words(news: News, count: int) -> list[Pasted]:
    """What is looked up: ``count`` of each kind, fewer where excerpts have no number or verb."""
    rng = random.Random(_SEED)
    places = [excerpt(news.kept, rng, SHORTEST, LONGEST) for _ in range(count)]
    found = [Pasted("excerpt", place.text, (place,)) for place in places]
    changes: dict[str, Callable[[str], str | None]] = {
        "word": lambda text: other_word(text, news.kept, rng),
        "number": lambda text: mutations.digit(text, rng),
        "negation": lambda text: mutations.drop_not(text, rng) or mutations.add_not(text, rng),
    }
    for kind, change in changes.items():
        for place in places:
            altered = change(place.text)
            if altered is not None:
                found.append(Pasted(kind, altered, (place,), *changed(place.text, altered)))
    for _ in range(count):
        first, second = (excerpt(news.kept, rng, *PARTS) for _ in range(2))
        while second.article is first.article:
            second = excerpt(news.kept, rng, *PARTS)
        found.append(Pasted("stitched", f"{first.text} {second.text}", (first, second)))
    for _ in range(count):
        place = excerpt(news.taken_out, rng, SHORTEST, LONGEST)
        found.append(Pasted("removed", place.text, ()))
    return found


def tokens(text: str) -> list[str]:
    """The words and numbers, folded and in lower case."""
    return re.findall(r"[^\W_]+", fold(text).lower())


def whole_tokens(text: str) -> list[str]:
    """Words with their apostrophes, numbers with their points and commas, as they are written."""
    return re.findall(r"\w+(?:[.,']\w+)*", fold(text))


class Scan:
    """Where pasted words stand, by looking through every text."""

    def __init__(self, pasted: Iterable[str]) -> None:
        self.places: dict[str, Counter[str]] = {}
        self._by_start: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
        for text in pasted:
            self.places[text] = Counter()
            self._by_start[tuple(tokens(text)[:3])].add(text)

    def read(self, article: Article) -> None:
        """Look for all of the pasted words in one more article."""
        text = fold(article.text)
        words = tokens(text)
        starts = set(zip(words, words[1:], words[2:], strict=False))
        for start in starts & self._by_start.keys():
            for pasted in self._by_start[start]:
                if count := sum(1 for _ in occurrences(text, fold(pasted))):
                    self.places[pasted][article.doc_id] = count


def occurrences(text: str, wanted: str) -> Iterator[int]:
    """Where a string stands between characters that are no letters or digits, its first letter
    in upper or lower case."""
    for first in {wanted[0], wanted[0].lower(), wanted[0].upper()}:
        at = text.find(first + wanted[1:])
        while at >= 0:
            before, after = text[at - 1 : at], text[at + len(wanted) : at + len(wanted) + 1]
            if not (before.isalnum() and wanted[0].isalnum()) and not (
                after.isalnum() and wanted[-1].isalnum()
            ):
                yield at
            at = text.find(first + wanted[1:], at + 1)


def squeezed(text: str) -> str:
    return "".join(tokens(text))


def explained(pasted: str, stored: str, differences: Sequence[Difference]) -> bool:
    """True if taking each difference in turn makes the pasted words of the stored ones."""
    one, other = (squeezed(text) for text in (pasted, stored))
    pairs = [(squeezed(d.quoted), squeezed(d.stored)) for d in differences]
    reached = {(0, 0)}
    for quoted, kept in pairs:
        following = set()
        for i, j in reached:
            while True:
                if one.startswith(quoted, i) and other.startswith(kept, j):
                    following.add((i + len(quoted), j + len(kept)))
                if i >= len(one) or j >= len(other) or one[i] != other[j]:
                    break
                i, j = i + 1, j + 1
        reached = following
    return any(one[i:] == other[j:] for i, j in reached)


def judge(pasted: Pasted, match: QuoteMatch, places: Counter[str], store: Store) -> str:
    """``right``, ``as near`` (right, but another place than the own one) or what is wrong."""
    if not all(sound(citation, store) for citation in match.citations):
        return "a citation is no slice of its article"
    cited = {(c.doc_id, c.start, c.end) for c in match.citations}
    own = {(p.article.doc_id, p.start, p.end) for p in pasted.own}
    if places:
        return judge_found(pasted, match, places.total(), own <= cited)
    if match.status == "exact":
        return "exact, but it stands nowhere"
    if match.status == "altered" and not all(
        explained(pasted.text, c.quote, match.differences) for c in match.citations
    ):
        return "the differences do not explain it"
    if match.status == "stitched" and tokens(" ".join(c.quote for c in match.citations)) != tokens(
        pasted.text
    ):
        return "the parts are not the whole"
    if pasted.kind == "removed":
        return "right"
    if match.status != ("stitched" if pasted.kind == "stitched" else "altered"):
        return match.status
    if pasted.kind == "stitched":
        return "right" if {o[0] for o in own} == {c[0] for c in cited} else "as near"
    return judge_altered(pasted, match, any(overlap(o, c) for o in own for c in cited))


def sound(citation: Citation, store: Store) -> bool:
    """True if a citation is a slice of its article and tells its title, outlet and date."""
    article = store.article(citation.doc_id)
    return article is not None and (
        citation.quote == article.text[citation.start : citation.end]
        and (citation.title, citation.outlet, citation.published)
        == (article.title, article.outlet, article.published)
    )


def judge_found(pasted: Pasted, match: QuoteMatch, total: int, own_cited: bool) -> str:
    """The verdict on pasted words that a scan finds in so many places."""
    if match.status != "exact":
        return f"{match.status}, but it stands there"
    cited = {(c.doc_id, c.start, c.end) for c in match.citations}
    quotes = {fold(c.quote).casefold() for c in match.citations}
    if quotes != {fold(pasted.text).casefold()} or len(cited) != min(total, MOST_PLACES):
        return "exact, with other places than a scan finds"
    if pasted.kind != "excerpt" or own_cited:
        return "right"
    return "exact, its own place missing" if total <= MOST_PLACES else "as near"


def judge_altered(pasted: Pasted, match: QuoteMatch, own_cited: bool) -> str:
    """The verdict on altered words that were called so, by differences that explain them."""
    if own_cited and any(
        pasted.new in d.quoted and pasted.old in d.stored for d in match.differences
    ):
        return "right"
    farthest = max(distance(pasted.text, c.quote) for c in match.citations)
    return "as near" if farthest <= distance(pasted.text, pasted.own[0].text) else "a farther text"


def overlap(one: tuple[str, int, int], other: tuple[str, int, int]) -> bool:
    return one[0] == other[0] and one[1] < other[2] and other[1] < one[2]


def distance(one: str, other: str) -> int:
    """How many words must be put in, taken out or replaced."""
    return int(Levenshtein.distance(whole_tokens(one), whole_tokens(other)))


def measure(
    data: Path,
    split: str = "test",
    articles: int = ARTICLES,
    excerpts: int = EXCERPTS,
    path: Path | None = None,
    show: int = 0,
) -> dict[str, Any]:
    """What was found of each kind, how soon, and the size of the store."""
    news = read_news(data, split)
    pasted = pasted_words(news, excerpts)
    scan = Scan({p.text for p in pasted})
    with tempfile.TemporaryDirectory() as folder:
        path = path or Path(folder) / "store.sqlite"
        fresh = not path.exists()
        started = time.perf_counter()
        if fresh:
            build_store(multiplied(news.kept, articles), path)
        built = time.perf_counter() - started
        for article in multiplied(news.kept, articles):
            scan.read(article)
        before = resident_mb()
        store = Store(path)
        seconds: defaultdict[str, list[float]] = defaultdict(list)
        verdicts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        statuses: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for one in pasted:
            started = time.perf_counter()
            match = locate(store, one.text)
            seconds[one.kind].append(time.perf_counter() - started)
            verdict = judge(one, match, scan.places[one.text], store)
            verdicts[one.kind][verdict] += 1
            statuses[one.kind][match.status] += 1
            if verdict not in ("right", "as near") and verdicts[one.kind][verdict] <= show:
                print(f"{one.kind}: {verdict}: {one.text!r} {one.old!r} {one.new!r} {match}\n")
        after = resident_mb()
        store.close()
        return {
            "split": split,
            "articles": articles,
            "store_s": round(built) if fresh else None,
            "store_mb": round(path.stat().st_size / 1e6),
            "memory_mb": round(after - before),
            "kinds": {
                kind: {
                    **bench.spread(times),
                    "max_ms": round(1000 * max(times), 1),
                    "found_by_scan": sum(
                        1 for p in pasted if p.kind == kind and scan.places[p.text]
                    ),
                    "statuses": dict(statuses[kind]),
                    "verdicts": dict(verdicts[kind]),
                }
                for kind, times in seconds.items()
            },
        }


def resident_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=bench.data_folder())
    parser.add_argument("--split", choices=NEWS, default="test")
    parser.add_argument("--articles", type=int, default=ARTICLES)
    parser.add_argument("--excerpts", type=int, default=EXCERPTS)
    parser.add_argument("--store", type=Path, help="use this file, or write it if it is not there")
    parser.add_argument("--show", type=int, default=0, help="print so many failures of each sort")
    args = parser.parse_args()
    if args.data is None:
        raise SystemExit("put the data in ../shared/data or name it by RAG_BENCH_DATA")
    found = measure(args.data, args.split, args.articles, args.excerpts, args.store, args.show)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
