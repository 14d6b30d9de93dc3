"""Title, outlet and publication date, where a plain text carries them.

Plain-text news has no header fields, so each rule asks for a line of its own: a date inside
running text is never taken for the date of publication, and a first line that reads as a
sentence is not a headline.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime

import yaml

from rag.corpus.furniture import is_furniture
from rag.corpus.sentences import sentence_spans
from rag.datatypes import Article

MAX_TITLE_CHARS = 200
FALLBACK_TITLE_CHARS = 72

_DATE_FORMATS = (
    "%B %d, %Y",
    "%b %d, %Y",
    "%B %d %Y",
    "%b %d %Y",
    "%d %B %Y",
    "%d %b %Y",
    "%d %B, %Y",
    "%d %b, %Y",
    "%Y-%m-%d",
    "%Y/%m/%d",
)
_DATE_SHAPE = re.compile(
    r"\S+\s+\d{1,2},?\s+\d{4}|\d{1,2}\s+\S+\s+\d{4}|\d{4}[-/]\d{1,2}[-/] ?\d{1,2}"
)
"""What every form above has: most lines are no dates, and trying ten forms costs more than reading
the rest of an article's header."""
_DATE_LABEL = re.compile(
    r"^(?:first\s+)?(?:published|posted|updated|last\s+updated|date)(?:\s+on|\s+at)?\s*:?\s*",
    re.IGNORECASE,
)
_WEEKDAY = re.compile(
    r"^(?:mon|tues?|wed(?:nes)?|thur?s?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+", re.IGNORECASE
)
_TIME = re.compile(
    r"(?:,|\s+at|\s*[-–|])?\s+\d{1,2}[:.]\d{2}(?:[:.]\d{2})?\s*(?:[ap]\.?m\.?)?"
    r"(?:\s*\(?[A-Z]{2,5}\)?)?$",
    re.IGNORECASE,
)
_DOMAIN = re.compile(r"^(?:www\.)?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,10}/?$")
_BYLINE = re.compile(r"^by\s+[A-Z]", re.IGNORECASE)
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_YAML_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_MARKDOWN_TITLE = re.compile(r"^#\s+(.+?)\s*#*\s*$")


@dataclass(frozen=True, slots=True)
class Header:
    """What a text says of itself; None where it does not say."""

    title: str
    outlet: str | None = None
    published: date | None = None
    url: str | None = None


def parse_date(line: str) -> date | None:
    """The date a line consists of (with or without weekday, time, "Published:"), or None.

    >>> parse_date("Published: Sunday, March 30, 2025 10:15 AM")
    datetime.date(2025, 3, 30)
    >>> parse_date("On March 30, 2025 he spoke") is None
    True
    """
    text = _DATE_LABEL.sub("", line.strip().rstrip("."))
    text = _TIME.sub("", _WEEKDAY.sub("", text)).strip(" ,")
    text = re.sub(r"^([A-Za-z]{3,4})\.(?=\s)", r"\1", text)  # "Mar. 30"
    text = re.sub(r"^Sept\b", "Sep", text)
    text = re.sub(r"(?<=\d)(?:st|nd|rd|th)\b", "", text)
    if re.match(r"^\d{4}-\d{2}-\d{2}[T ]", text):
        text = text[:10]
    if not _DATE_SHAPE.fullmatch(text):
        return None
    for form in _DATE_FORMATS:
        try:
            parsed = datetime.strptime(text, form).date()
        except ValueError:
            continue
        return parsed if parsed.year >= 1600 else None
    return None


def _lines(text: str, start: int = 0) -> list[tuple[int, int]]:
    """Spans of the non-blank lines from ``start`` on, without surrounding white space."""
    spans = []
    for match in re.finditer(r"[^\n]+", text[start:]):
        raw = match.group()
        stripped = raw.strip()
        if stripped:
            lead = len(raw) - len(raw.lstrip())
            begin = start + match.start() + lead
            spans.append((begin, begin + len(stripped)))
    return spans


def _title_like_words(line: str) -> float:
    """Share of the longer words that begin with a capital or a digit."""
    words = [w for w in re.findall(r"[\w’'.-]+", line) if len(w) > 3]
    return sum(not w[0].islower() for w in words) / len(words) if words else 0.0


def _reads_as_title(line: str, *, blank_follows: bool) -> bool:
    """True if a first line is a headline rather than a sentence, byline or date."""
    if len(line) > MAX_TITLE_CHARS or len(line.split()) < 2 or len(line.split()) > 30:
        return False
    if line[-1] in ".,;:—–-" and not line.endswith(("U.S.", "U.K.", "...")):
        return False
    if _BYLINE.match(line) or parse_date(line) or _DOMAIN.match(line) or is_furniture(line):
        return False
    return blank_follows or _title_like_words(line) >= 0.6


def _reads_as_outlet(line: str) -> bool:
    """True for "CentralasianLIGHT.org" and "The Example Times", not for a sentence."""
    if _DOMAIN.match(line):
        return True
    words = line.split()
    return (
        0 < len(words) <= 5
        and len(line) <= 50
        and line[-1] not in ".!?:;,"
        and not is_furniture(line)
        and not _BYLINE.match(line)
        and parse_date(line) is None
        and all(w[0].isupper() or w.lower() in {"of", "the", "and", "&", "on"} for w in words)
    )


def fallback_title(text: str, start: int = 0) -> str:
    """The first words of the first sentence, cut at a word and ended with an ellipsis."""
    for begin, end in sentence_spans(text[start : start + 2_000]):
        sentence = " ".join(text[start + begin : start + end].split())
        if is_furniture(sentence):
            continue
        if len(sentence) <= FALLBACK_TITLE_CHARS:
            return sentence.rstrip(".…") + "…"
        cut = sentence[: FALLBACK_TITLE_CHARS + 1].rsplit(" ", 1)[0]
        return cut[:FALLBACK_TITLE_CHARS].rstrip(" ,;:—–-") + "…"
    return " ".join(text.split())[:FALLBACK_TITLE_CHARS] + "…"


def read_header(text: str, *, markdown: bool = False) -> Header:
    """Read what a plain text or Markdown file says of itself.

    The title is the first line, only where it reads as one. Outlet and date are lines of their
    own: the last ones (in either order), or a date line just under the title.
    """
    body, fields = _front_matter(text) if markdown else (0, {})
    lines = _lines(text, body)
    title = fields.get("title")
    has_title_line = False
    if lines:
        start, end = lines[0]
        heading = _MARKDOWN_TITLE.match(text[start:end]) if markdown else None
        if heading:
            title = title or heading.group(1)
            has_title_line = True
        elif len(lines) > 1 and _reads_as_title(
            text[start:end], blank_follows=text[end : lines[1][0]].count("\n") > 1
        ):
            title = title or text[start:end]
            has_title_line = True
    below = lines[has_title_line:]
    outlet, published, _ = _sign_off(text, below)
    top = _dates_and_bylines(text, below)
    top_date = next(filter(None, (parse_date(text[s:e]) for s, e in top)), None)
    return Header(
        title=title or fallback_title(text, top[-1][1] if top else body),
        outlet=fields.get("outlet") or fields.get("source") or outlet,
        published=_any_date(fields.get("date") or fields.get("published")) or top_date or published,
        url=fields.get("url") or fields.get("link"),
    )


def header_spans(article: Article) -> list[tuple[int, int]]:
    """Spans of the article's text that carry its header, and so are no evidence: front matter,
    the headline, date lines and bylines under it, the outlet and date at the end."""
    text = article.text
    body = _front_matter(text)[0] if article.doc_id.lower().endswith((".md", ".markdown")) else 0
    spans = [(0, body)] if body else []
    lines = _lines(text, body)
    if len(lines) > 1 and text[slice(*lines[0])].strip("# ") == article.title.strip("# "):
        spans.append(lines.pop(0))
    spans += _dates_and_bylines(text, lines)
    return spans + _sign_off(text, lines)[2]


def _dates_and_bylines(text: str, lines: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The date lines and bylines that stand before the first line of the article proper."""
    spans: list[tuple[int, int]] = []
    for start, end in lines[:3]:
        line = text[start:end]
        is_byline = _BYLINE.match(line) and len(line) < 80 and line[-1] not in ".!?"
        if len(spans) + 1 == len(lines) or not (is_byline or parse_date(line)):
            break
        spans.append((start, end))
    return spans


def _sign_off(
    text: str, lines: list[tuple[int, int]]
) -> tuple[str | None, date | None, list[tuple[int, int]]]:
    """Outlet, date and their spans, where they are the last lines of the text, in either order."""
    last = lines[-2:] if len(lines) > 2 else lines[-1:] if len(lines) == 2 else []
    dated = [span for span in last if parse_date(text[slice(*span)])]
    if dated:
        day = dated[-1]
        near = [s for s in last if s != day and _reads_as_outlet(text[slice(*s)])]
        # "Outlet / date" or "date / outlet"; a date line above a paragraph is no sign-off.
        if day != last[-1] and not near:
            return None, None, []
        outlet = _clean_outlet(text[slice(*near[0])]) if near else None
        return outlet, parse_date(text[slice(*day)]), [*near, day]
    if last and _DOMAIN.match(text[slice(*last[-1])]):
        return _clean_outlet(text[slice(*last[-1])]), None, [last[-1]]
    return None, None, []


def _clean_outlet(line: str) -> str:
    return re.sub(r"^www\.", "", line).rstrip("/")


def _front_matter(text: str) -> tuple[int, dict[str, str]]:
    """Where the YAML block at the top ends (0: there is none), and its scalar fields, keys in
    lower case."""
    match = _FRONT_MATTER.match(text)
    if match is None:
        return 0, {}
    try:
        # BaseLoader makes strings only: no bad date or endless number can fail.
        loaded = yaml.load(match.group(1), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError):
        return 0, {}
    if not isinstance(loaded, dict):
        return 0, {}
    fields = {
        str(key).lower(): value.strip()
        for key, value in loaded.items()
        if isinstance(value, str) and value.strip() not in _YAML_NULLS
    }
    return match.end(), fields


def _any_date(value: str | None) -> date | None:
    return parse_date(value) if value else None
