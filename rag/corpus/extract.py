"""Text of web pages, PDF and Word files, and what they declare of themselves.

What is extracted is the article's text: stored once, quotes are slices of it. Nothing is added,
but that lines broken for a page are joined to paragraphs again. Left out is what a reader of the
file does not see as text: comments, struck or deleted words, headers and notes of a Word file,
what surrounds the article on a web page. Headers and footers on the pages of a PDF are kept, for
nothing marks them.

The date of publication is one that a page declares; it is never taken from running text, from the
time stamp of a file or from the day a document was written. trafilatura finds the article in a
page, but not its metadata: it would take a date from the text, a site's name from the address.

Hostile files exist that keep these libraries busy for hours (a page of 400 kB with 40,000
attributes for half a minute), so files are read in a process of their own with limits on processor
time and memory: ``ExtractionProcess``. Nothing here asks the network for anything.
"""

from __future__ import annotations

import contextlib
import html
import io
import itertools
import json
import math
import os
import re
import signal
import subprocess
import sys
import threading
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import PurePosixPath
from types import TracebackType
from typing import Any

from rag.corpus.decode import NotTextError, decode, normalise_newlines
from rag.corpus.header import parse_date, read_header

HTML_SUFFIXES = frozenset({".html", ".htm", ".xhtml"})
PDF_SUFFIXES = frozenset({".pdf"})
WORD_SUFFIXES = frozenset({".docx"})

MAX_PAGES = 1_000
"""Pages of a PDF. An article has ten, an issue of a paper a hundred; each costs about 25 ms."""
MAX_UNPACKED = 50_000_000
"""Bytes that one part of a Word file may unpack to; a novel's text takes about 5 million."""
MAX_SECONDS = 60
"""Processor time for one file; an article takes a tenth of a second."""
MAX_MEMORY = 2_000_000_000
"""Bytes of address space of the process that extracts."""
MAX_FIELD_CHARS = 500
"""A longer title, outlet, author or address is none."""

_MAX_UNREADABLE_SHARE = 0.01
_WALL_SECONDS = 20 * MAX_SECONDS  # on a busy machine; and where processor time has no limit


class ExtractionError(ValueError):
    """No text could be taken out. ``reason`` is that of a ``Skipped``."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Extracted:
    """A file's text and what it declares of itself; None where it does not.

    Attributes:
        text: Paragraphs parted by one blank line; it can be encoded in UTF-8.
        title: As declared, else read from the text as from a text file's.
        dated: The date of publication as written, where that is no date we can read.
    """

    text: str
    title: str
    outlet: str | None = None
    published: date | None = None
    url: str | None = None
    author: str | None = None
    dated: str | None = None


def extract(data: bytes, suffix: str, *, max_chars: int) -> Extracted:
    """The text of a file's bytes, by its suffix in lower case; the same bytes, the same text.

    Raises:
        ExtractionError: ``empty`` (no text in it), ``encrypted``, ``malformed``, ``oversized``
            (too many pages, bytes when unpacked, or over ``max_chars`` characters),
            ``undecodable`` or ``binary``.
    """
    readers = {
        **dict.fromkeys(HTML_SUFFIXES, _read_html),
        **dict.fromkeys(PDF_SUFFIXES, _read_pdf),
        **dict.fromkeys(WORD_SUFFIXES, _read_word),
    }
    reader = readers[suffix]
    if not data.strip():
        raise ExtractionError("empty", "the file is blank")
    try:
        found = reader(data, max_chars)
    except (ExtractionError, NotTextError) as error:
        raise ExtractionError(error.reason, str(error)) from error
    except MemoryError as error:
        raise ExtractionError("oversized", "it takes too much memory to read") from error
    except Exception as error:
        # Parsers of formats this old fail in every way there is; a bad file must not stop a build.
        detail = " ".join(f"{type(error).__name__}: {error}".split())
        raise ExtractionError("malformed", f"it cannot be read ({detail[:200]})") from error
    if not found.text:
        raise ExtractionError("empty", "no text in it")
    if len(found.text) > max_chars:
        raise ExtractionError("oversized", f"text of over {max_chars} characters")
    if not found.title:
        found = replace(found, title=read_header(found.text).title)
    return found


# --- text that can be stored -------------------------------------------------------------------

_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_NO_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_BLANK_LINES = re.compile(r"\n\s*\n")


def _clean(text: str) -> str:
    """Text without what no text holds: control characters, halves of surrogate pairs.

    Raises:
        ExtractionError: ``undecodable``; over one character in a hundred is of that sort, as where
            a PDF's fonts do not say which letters their shapes are.
    """
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    kept = _CONTROLS.sub("", normalise_newlines(text)).replace("\x0b", "\n").replace("\x0c", "\n")
    unreadable = len(text) - len(kept) + kept.count("\ufffd") - text.count("\r\n")
    if unreadable > _MAX_UNREADABLE_SHARE * len(text):
        raise ExtractionError("undecodable", f"{unreadable} characters of its text are no letters")
    return kept


def _joined(paragraphs: Iterable[str]) -> str:
    """One text with a blank line between the paragraphs; a blank line inside one parts it too."""
    text = _clean("\n\n".join(paragraphs))
    return "\n\n".join(block.strip() for block in _BLANK_LINES.split(text) if block.strip())


def _field(value: object) -> str | None:
    """A declared title, name or address on one line, or None if it is no such thing."""
    if not isinstance(value, str):
        return None
    try:
        line = " ".join(_clean(value).split())
    except ExtractionError:
        return None
    return line if 0 < len(line) <= MAX_FIELD_CHARS else None


_NO_TITLE = re.compile(
    # What programs write where nobody gave a title.
    r"(?i)microsoft (?:word|powerpoint)\b.*|(?:untitled|document|layout|no title)[\s\d]*"
    r"|.*\.(?:docx?|indd|qxd|rtf|odt|pdf|pages|txt|html?|tex|dvi)"
)


def _document_title(value: object) -> str:
    title = _field(value) or ""
    return "" if _NO_TITLE.fullmatch(title) else title


# --- web pages ---------------------------------------------------------------------------------

_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w-]{1,40})""", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"""\A\s*<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w-]{1,40})""")
_TEXT_ENCODING = re.compile(
    # Python also has codecs of other kinds, some of them slow: only these are asked for.
    r"(?:windows|cp|iso|koi8|gb|big5|euc|shift|sjis|mac|tis|ks)[\w-]*"
)
_BROWSERS_READ = {"iso-8859-1": "cp1252", "iso-8859-9": "cp1254", "gb2312": "gb18030",
                  "gbk": "gb18030", "shift_jis": "cp932", "euc-kr": "cp949"}  # fmt: skip
"""Encodings that browsers read as the larger one written in their place."""

_BLOCKS = frozenset("p head item quote row cell list table body div lb".split())
"""Elements of the tree that trafilatura makes of an article which part paragraphs. A line break
(lb) is one: trafilatura keeps one where a page has two, and a line end ends a sentence anyway."""
_SPACE = re.compile(r"[ \t\n]+")


def _read_html(data: bytes, max_chars: int) -> Extracted:
    tree = _page_tree(_decode_html(data))
    declared = _declared(tree)  # before trafilatura, which takes parts out of the tree
    from trafilatura import bare_extraction

    page = bare_extraction(
        _as_shown(tree),
        with_metadata=False,
        include_comments=False,
        # Else headings and lists are lost where nothing says what on the page is the article.
        favor_recall=_is_bare(tree),
    )
    if page is None or page.body is None:  # type: ignore[union-attr]
        raise ExtractionError("empty", "no article found in the page")
    text = _joined(_page_paragraphs(page.body))  # type: ignore[union-attr]
    return replace(declared, text=text)


def _decode_html(data: bytes) -> str:
    """By a byte-order mark, as UTF-8 if it is that, by the encoding it declares, else a guess."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        found = _XML_ENCODING.search(data) or _CHARSET.search(data[:20_000])
        name = found.group(1).decode("ascii", "replace").lower() if found else ""
        if _TEXT_ENCODING.fullmatch(name):
            try:
                return decode(data.decode(_BROWSERS_READ.get(name, name)).encode())
            except (LookupError, UnicodeDecodeError):
                pass
    return decode(data)


def _page_tree(text: str) -> Any:
    """The page as an lxml tree. XHTML is read as HTML, as most of what is called so is that."""
    from lxml import etree  # type: ignore[import-untyped]
    from lxml import html as lxml_html

    parser = lxml_html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        tree = lxml_html.document_fromstring(text.encode(), parser=parser)
    except etree.ParserError as error:
        raise ExtractionError("empty", "no text in the page") from error
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        # The rest of the page is not in the tree.
        raise ExtractionError("malformed", "nested too deeply, or too much text without an end")
    return tree


def _is_bare(tree: Any) -> bool:
    """True for a page that is an article and little else: nothing on it is set apart, and less
    than a tenth of its text is links."""
    if tree.xpath("//article | //main | //nav | //aside | //header | //footer | //form"):
        return False
    links = sum(len(link.text_content()) for link in tree.iter("a"))
    return links < 0.1 * len(tree.text_content())


def _as_shown(tree: Any) -> Any:
    """The tree as a browser shows it: no struck words, marks around short quotes, and none of the
    control characters that make trafilatura give up the page."""
    for node in tree.iter():
        if node.text and _NO_XML.search(node.text):
            node.text = _NO_XML.sub(" ", node.text)
        if node.tail and _NO_XML.search(node.tail):
            node.tail = _NO_XML.sub(" ", node.tail)
    for struck in tree.xpath("//del | //s | //strike"):
        struck.drop_tree()
    for quote in tree.xpath("//q"):  # a browser writes the marks
        quote.text = "“" + (quote.text or "")
        if len(quote):
            quote[-1].tail = (quote[-1].tail or "") + "”"
        else:
            quote.text += "”"
        quote.drop_tag()
    return tree


def _page_paragraphs(body: Any) -> Iterator[str]:
    """The text of each block of an article's tree, in order."""
    from lxml import etree

    parts: list[str] = []
    for event, node in etree.iterwalk(body, events=("start", "end")):
        if not isinstance(node.tag, str):
            continue
        if node.tag in _BLOCKS:
            yield "".join(parts)
            parts = []
        # Preformatted text alone still has its lines: a blank one ends a paragraph.
        blocks = _BLANK_LINES.split((node.text if event == "start" else node.tail) or "")
        parts.append("\n\n".join(_SPACE.sub(" ", block) for block in blocks))
    yield "".join(parts)


# --- what a page declares ----------------------------------------------------------------------

_TITLE_NAMES = ("og:title", "citation_title", "dc.title", "dcterms.title", "twitter:title")
_OUTLET_NAMES = ("og:site_name", "citation_journal_title", "dc.publisher", "publisher")
_AUTHOR_NAMES = ("author", "article:author", "citation_author", "dc.creator", "parsely-author")
_PUBLISHED_NAMES = (
    "article:published_time", "article:published", "og:article:published_time",
    "og:published_time", "datepublished", "date_published", "publishdate", "publish_date",
    "publish-date", "publication_date", "published_date", "pubdate", "citation_publication_date",
    "citation_date", "dc.date.issued", "dcterms.issued", "parsely-pub-date", "sailthru.date",
)  # fmt: skip
_DATE_NAMES = ("dc.date", "dcterms.date", "date")
"""Asked last: they often, not always, mean publication. Dates of creation and change do not."""
_PUBLISHED_TIMES = (
    # A bare <time> may be of anything: an event, another story. These are marked as publication.
    "//time[@pubdate]/@datetime"
    " | //*[@itemprop='datePublished']/@datetime"
    " | //time[contains(concat(' ', @class, ' '), ' dt-published ')]/@datetime"
    " | //time[contains(concat(' ', @class, ' '), ' entry-date ')]/@datetime"
)
_ARTICLE = re.compile(r"(?:\w*Article|\w*BlogPosting|Report)")
_ADDRESS = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)


def _declared(tree: Any) -> Extracted:
    """What the page's own metadata say, without its text: JSON-LD, meta elements, its heading."""
    names: dict[str, list[str]] = {}
    for meta in tree.iter("meta"):
        name = meta.get("property") or meta.get("name") or meta.get("itemprop") or ""
        names.setdefault(name.strip().lower(), []).append(meta.get("content") or "")

    def meta_values(wanted: Iterable[str]) -> list[str]:
        return [value for name in wanted for value in names.get(name, [])]

    address = _address([*tree.xpath("//link[@rel='canonical']/@href"), *meta_values(["og:url"])])
    articles = _linked_articles(tree, address)

    def linked(key: str) -> list[str]:
        return [value for article in articles for value in _strings(article.get(key))]

    outlets = [*meta_values(_OUTLET_NAMES), *linked("publisher")]
    outlet = _first(name for name in outlets if not _ADDRESS.match(name))
    published, dated = _published(
        linked("datePublished"),
        meta_values(_PUBLISHED_NAMES),
        tree.xpath(_PUBLISHED_TIMES),
        meta_values(_DATE_NAMES),
    )
    authors = [a for a in linked("author") or meta_values(_AUTHOR_NAMES) if _field(a)]
    return Extracted(
        text="",
        title=_page_title(tree, [*linked("headline"), *meta_values(_TITLE_NAMES)], outlet),
        outlet=outlet,
        published=published,
        url=address or _address([*linked("url"), *linked("mainEntityOfPage")]),
        author=_field(", ".join(dict.fromkeys(a for a in authors if not _ADDRESS.match(a)))),
        dated=dated,
    )


def _first(values: Iterable[str]) -> str | None:
    return next(filter(None, map(_field, values)), None)


def _address(values: Iterable[str]) -> str | None:
    return _first(value for value in values if _ADDRESS.fullmatch(value.strip()))


def _page_title(tree: Any, declared: list[str], outlet: str | None) -> str:
    """A declared title, the only heading of the first order, or the window's; "" if none."""
    headings = [_field(heading.text_content()) for heading in tree.iter("h1")]
    headings = headings if len(headings) == 1 else []
    window = [node.text_content() for node in tree.xpath("//head/title")]
    title = _first([*declared, *filter(None, headings), *window]) or ""
    if outlet:
        title = re.sub(rf"\s+[-–—|·:]+\s+{re.escape(outlet)}$", "", title)
    return title


def _published(*sources: list[str]) -> tuple[date | None, str | None]:
    """The date of the first source that gives one and no other; or what stands there instead."""
    unread = None
    for values in sources:
        dates = {found for value in values if (found := parse_date(value)) is not None}
        if len(dates) == 1:
            return dates.pop(), None
        unread = unread or _first(values)
    return None, unread


def _linked_articles(tree: Any, address: str | None) -> list[dict[str, object]]:
    """What JSON-LD blocks say of the page's article, references to other nodes followed.

    Where they describe articles with several headlines, those at the page's own address; none if
    that is not said.
    """
    nodes: list[dict[str, object]] = []
    for script in tree.xpath("//script[starts-with(@type, 'application/ld+json')]"):
        try:
            waiting: list[object] = [json.loads(script.text or "", strict=False)]
        except (ValueError, RecursionError):
            continue
        while waiting:
            item = waiting.pop()
            if isinstance(item, list):
                waiting += reversed(item)
            elif isinstance(item, dict):
                nodes.append(item)
                waiting += [item.get("mainEntity"), item.get("@graph")]
    by_id = {node["@id"]: node for node in nodes if isinstance(node.get("@id"), str)}

    def resolved(value: object) -> object:
        if isinstance(value, list):
            return [resolved(item) for item in value if not isinstance(item, list)]
        if isinstance(value, dict) and set(value) == {"@id"} and isinstance(value["@id"], str):
            return by_id.get(value["@id"], value)
        return value

    articles = [
        {key: resolved(value) for key, value in node.items()}
        for node in nodes
        if any(_ARTICLE.fullmatch(kind) for kind in _strings(node.get("@type")))
    ]
    if len({headline for a in articles for headline in _strings(a.get("headline"))}) < 2:
        return articles
    places = ("url", "mainEntityOfPage", "@id")
    return [a for a in articles if any(address in _strings(a.get(place)) for place in places)]


def _strings(value: object) -> list[str]:
    """The strings of a JSON-LD value: itself, those of a list, a thing's name or its address."""
    if isinstance(value, str):
        return [html.unescape(value)]
    if isinstance(value, dict):
        return [html.unescape(v) for k in ("name", "@id") if isinstance(v := value.get(k), str)][:1]
    if isinstance(value, list):
        return [text for item in value if not isinstance(item, list) for text in _strings(item)]
    return []


# --- PDF ---------------------------------------------------------------------------------------

_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
    | {"\uf001": "fi", "\uf002": "fl"}  # in Times New Roman and its like
)
"""Shapes that a font has for letters which touch; no writer typed them."""
_BULLETS = frozenset("•‣●◦▪■\uf0b7")
_SENTENCE_END = re.compile(r"[.!?…:][”’\"')\]»]*$")
_BROKEN_WORD = re.compile(
    r"(\w[\w’'-]*)(-| ?[\u2010\u00ad])$"  # drawn by itself, a hyphen may seem to stand apart
)
_COMPOUNDS = frozenset("two three four five eight nine well self half".split())
"""Words that begin compounds and are no syllable of another word."""
_BOLD = re.compile(r"bold|black|heavy|demi", re.IGNORECASE)
_WORD = re.compile(r"\w+(?:[-’']\w+)*")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a PDF page; ``along`` and ``down`` are where it begins, in points, as read.

    ``size`` and ``bold`` are of most of its characters.
    """

    text: str
    page: int
    along: float
    down: float
    size: float
    bold: bool


def _read_pdf(data: bytes, max_chars: int) -> Extracted:
    if b"%PDF-" not in data[:1024]:
        raise ExtractionError("malformed", "no PDF: it does not begin as one")
    if b"%%EOF" not in data[-2048:]:
        raise ExtractionError("malformed", "its end is missing; it may have been cut off")
    import pypdf
    from pypdf.errors import DependencyError

    reader = pypdf.PdfReader(io.BytesIO(data))
    try:
        if reader.is_encrypted and not reader.decrypt(""):
            raise ExtractionError("encrypted", "it is locked with a password")
    except (DependencyError, NotImplementedError) as error:
        raise ExtractionError("encrypted", f"its lock cannot be opened ({error})") from error
    if len(reader.pages) > MAX_PAGES:
        raise ExtractionError("oversized", f"{len(reader.pages)} pages, limit {MAX_PAGES}")
    lines: list[_Line] = []
    room = max_chars
    for number, page in enumerate(reader.pages):
        found = _pdf_lines(page, number, room)
        lines += found
        room -= sum(len(line.text) for line in found)
    text = _joined(_pdf_paragraphs(lines))
    if not text:
        raise ExtractionError("empty", "no text in it; it may be scanned pages")
    return Extracted(text, _document_title(reader.metadata and reader.metadata.title))


def _pdf_lines(page: Any, number: int, room: int) -> list[_Line]:
    """The lines of a page that hold text, in the order they are drawn in.

    Raises:
        ExtractionError: ``oversized``; over ``room`` characters.
    """
    lines: list[_Line] = []
    parts: list[str] = []
    styles = Counter[tuple[float, bool]]()  # characters in each
    place = (0.0, 0.0)
    length = 0

    def end_line() -> None:
        text = " ".join("".join(parts).split()).translate(_LIGATURES)
        if text:
            lines.append(_Line(text, number, *place, *styles.most_common(1)[0][0]))
        parts.clear()
        styles.clear()

    def visit(text: str, cm: list[float], tm: list[float], font: Any, size: float) -> None:
        nonlocal length, place
        length += len(text)
        if length > room:
            raise ExtractionError("oversized", "too much text")
        along, down, size = _place(cm, tm, size)
        for index, part in enumerate(text.split("\n")):
            if index:
                end_line()
            if part.strip():
                place = place if styles else (along, down)
                bold = _BOLD.search(str((font or {}).get("/BaseFont"))) is not None
                styles[size, bold] += len(part.strip())
            parts.append(part)

    page.extract_text(visitor_text=visit)
    end_line()
    if length > room:  # pypdf passes over errors in parts of a page
        raise ExtractionError("oversized", "too much text")
    return lines


def _place(cm: list[float], tm: list[float], size: float) -> tuple[float, float, float]:
    """Where text begins: how far along its line, how far down, and its size, all in points.

    ``cm`` and ``tm`` are the PDF's matrices (a b c d e f); text may run in any direction.

    >>> _place([1, 0, 0, 1, 0, 0], [1, 0, 0, 1, 72, 700], 12)
    (72.0, -700.0, 12.0)
    """
    a, b = tm[0] * cm[0] + tm[1] * cm[2], tm[0] * cm[1] + tm[1] * cm[3]
    c, d = tm[2] * cm[0] + tm[3] * cm[2], tm[2] * cm[1] + tm[3] * cm[3]
    x = tm[4] * cm[0] + tm[5] * cm[2] + cm[4]
    y = tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
    length = math.hypot(a, b) or 1.0
    return (x * a + y * b) / length, (x * b - y * a) / length, size * math.hypot(c, d)


def _pdf_paragraphs(lines: list[_Line]) -> Iterator[str]:
    """Lines joined to paragraphs, words that a line end parts made whole."""
    words = _whole_words(lines)
    leading = _leading(lines)
    widest = Counter[tuple[int, int]]()
    for line in lines:
        key = (line.page, round(line.size))
        widest[key] = max(widest[key], len(line.text))
    text = ""
    for i, line in enumerate(lines):
        if i and _continues(lines[i - 1], line, leading, widest[line.page, round(line.size)]):
            text = _join_lines(text, line.text, words)
        else:
            yield text
            text = line.text
    yield text


def _whole_words(lines: list[_Line]) -> set[str]:
    """The document's words in lower case, but for those that a line end may part."""
    words: set[str] = set()
    parted = False
    for line in lines:
        found = _WORD.findall(line.text)[parted:]
        parted = _BROKEN_WORD.search(line.text) is not None
        words.update(word.casefold() for word in found[: len(found) - parted])
    return words


def _leading(lines: list[_Line]) -> dict[int, float]:
    """For each size of type, the distance in points from a line to the next in a paragraph.

    That is the smallest distance that is common (a fifth of all): larger ones part paragraphs.
    """
    distances: dict[int, Counter[float]] = {}
    for above, line in itertools.pairwise(lines):
        distance = line.down - above.down
        if above.page == line.page and 0.5 * line.size < distance < 3 * line.size:
            distances.setdefault(round(line.size), Counter())[round(distance, 1)] += 1
    return {
        size: min(d for d, n in counts.items() if n >= 0.2 * max(counts.values()))
        for size, counts in distances.items()
    }


def _continues(above: _Line, line: _Line, leading: dict[int, float], widest: int) -> bool:
    """True if ``line`` goes on with the paragraph of the line ``above`` it.

    A paragraph parted after a full stop does little harm; a heading joined to a sentence, or a
    sentence parted, would spoil a quote. So a full stop is what the weaker signs need.
    """
    if abs(above.size - line.size) > 0.1 * max(above.size, line.size):
        return False
    ended = bool(_SENTENCE_END.search(above.text))
    if line.text[0] in _BULLETS:
        return False
    distance = line.down - above.down
    usual = leading.get(round(line.size), 1.2 * line.size)
    if above.page != line.page or not -0.5 * line.size < distance < 3 * line.size:
        # The next page or column.
        return not ended and (line.text[0].islower() or bool(_BROKEN_WORD.search(above.text)))
    if distance > 1.3 * usual:
        return False
    if above.bold != line.bold:  # a heading, unless a sentence runs on
        return not ended and line.text[0].islower()
    indented = line.along - above.along > 0.6 * line.size
    short = len(above.text) < 0.9 * widest
    return not (ended and (indented or short))


def _join_lines(text: str, line: str, words: set[str]) -> str:
    """``line`` after ``text``: with a space, or with none where a line end parts a word.

    Typeset text has more words that are parted than words with a hyphen of their own. So a hyphen
    goes unless something speaks for it: the word has another one, a capital or digit is beside it,
    or the document (``words``, in lower case) writes it elsewhere, or both halves as words.

    >>> _join_lines("an inter-", "national body", {"body"})
    'an international body'
    >>> _join_lines("a snow-", "covered road", {"snow", "covered"})
    'a snow-covered road'
    """
    broken = _BROKEN_WORD.search(text[-200:])
    if broken is None or not line[0].isalnum():
        glued = re.search(r"\w[—–/]$", text[-2:]) is not None and line[0].isalnum()
        return text + ("" if glued else " ") + line
    head, hyphen = broken.groups()
    found = _WORD.match(line)
    rest = found.group() if found else ""
    if rest in {"and", "or", "to"}:  # "first- and second-class"
        return text + " " + line
    if hyphen != "-":  # a sign of its own, which programs put in
        return text[: -len(hyphen)] + line
    first, second = head.casefold(), rest.casefold()
    if first + second in words:
        return text[:-1] + line
    if "-" in head or "-" in rest or head[-1].isdigit() or not line[0].islower():
        return text + line
    if f"{first}-{second}" in words or first in _COMPOUNDS or {first, second} <= words:
        return text + line
    return text[:-1] + line


# --- Word --------------------------------------------------------------------------------------

_WORD_NAMESPACES = (
    "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}",
    "{http://purl.oclc.org/ooxml/wordprocessingml/main}",
)
_MATHS = ("{http://schemas.openxmlformats.org/officeDocument/2006/math}t",
          "{http://purl.oclc.org/ooxml/officeDocument/math}t")  # fmt: skip
_NO_WORD_TEXT = frozenset({"del", "moveFrom", "pPr", "rPr", "sectPr", "rt"})
_STRUCK = frozenset({"strike", "dstrike", "vanish"})
_WORD_SIGNS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"


def _read_word(data: bytes, max_chars: int) -> Extracted:
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise ExtractionError("encrypted", "it is locked with a password")
        raise ExtractionError("malformed", "an old Word file; save it as .docx")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile as error:
        raise ExtractionError("malformed", "no Word file, or cut off") from error
    with archive:
        parts = {
            (relation.get("Type") or "").rsplit("/", 1)[-1]: relation.get("Target") or ""
            for relation in _word_part(archive, "_rels/.rels")
        }
        if "officeDocument" not in parts:
            raise ExtractionError("malformed", "no Word file: no document in it")
        root = _word_part(archive, parts["officeDocument"])
        if root.tag not in {f"{space}document" for space in _WORD_NAMESPACES}:
            raise ExtractionError("malformed", "no Word file: its main part is another thing")
        text = _joined(_word_paragraphs(root))
        title = None
        if "core-properties" in parts:
            core = _word_part(archive, parts["core-properties"])
            title = core.findtext("{http://purl.org/dc/elements/1.1/}title")
    if not text:
        raise ExtractionError("empty", "no text in it; it may be pictures of pages")
    return Extracted(text, _document_title(title))


def _word_part(archive: zipfile.ZipFile, name: str) -> Any:
    """The XML of a part; the size that the archive declares for it is not trusted."""
    from lxml import etree

    name = str(PurePosixPath(name.lstrip("/")))
    try:
        part = archive.getinfo(name)
    except KeyError as error:
        raise ExtractionError("malformed", f"no Word file: it has no {name}") from error
    if part.flag_bits & 1:
        raise ExtractionError("encrypted", "it is locked with a password")
    with archive.open(part) as stream:
        data = stream.read(MAX_UNPACKED + 1)
    if len(data) > MAX_UNPACKED:
        raise ExtractionError("oversized", f"{name} unpacks to over {MAX_UNPACKED} bytes")
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, remove_comments=True,
        remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        if error.code == etree.ErrorTypes.ERR_NO_MEMORY:
            raise MemoryError from error
        raise ExtractionError("malformed", f"{name} is no XML: {error}") from error
    if root.getroottree().docinfo.doctype:
        # Word writes none; with one come entities, which may be bombs or other files.
        raise ExtractionError("malformed", f"{name} declares a document type")
    return root


def _word_paragraphs(root: Any) -> list[str]:
    """The paragraphs in reading order, those of tables and text boxes among them.

    Read from the XML, as python-docx passes over insertions that were tracked and over content
    controls: words would be missing inside a sentence.
    """
    from lxml import etree

    paragraphs: list[list[str]] = []
    inside: list[list[str]] = []  # a text box has paragraphs inside one
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, node in walk:
        space, _, name = node.tag.rpartition("}")
        if space + "}" in _WORD_NAMESPACES:
            if name == "p":
                if event == "end":
                    inside.pop()
                else:
                    inside.append([])
                    paragraphs.append(inside[-1])
            elif event == "start" and (name in _NO_WORD_TEXT or _is_struck(node, name)):
                walk.skip_subtree()
            elif event == "start" and inside:
                inside[-1].append(node.text or "" if name == "t" else _WORD_SIGNS.get(name, ""))
        elif event == "start" and node.tag == _FALLBACK:  # what stands there stood before it too
            walk.skip_subtree()
        elif event == "start" and node.tag in _MATHS and inside:
            inside[-1].append(node.text or "")
    return ["".join(parts) for parts in paragraphs]


def _is_struck(node: Any, name: str) -> bool:
    """True for a run of text that Word shows as struck out, or does not show."""
    if name != "r":
        return False
    for settings in node:
        if settings.tag.endswith("}rPr"):
            for setting in settings:
                space, _, key = setting.tag.rpartition("}")
                off = setting.get(space + "}val") in {"0", "false", "off"}
                if key in _STRUCK and not off:
                    return True
    return False


# --- a process of its own ----------------------------------------------------------------------


class ExtractionProcess:
    """Extracts files in a process with limits; a file that breaks them costs only itself.

    The process starts with the first file and takes one after the other; after a file that was too
    much for it a new one starts. Close it, or use it in a ``with`` statement.

    Args:
        seconds: Processor time for each file.
        memory: Bytes of address space.
    """

    def __init__(self, *, seconds: int = MAX_SECONDS, memory: int = MAX_MEMORY) -> None:
        self._seconds = seconds
        self._memory = memory
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> ExtractionProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def extract(self, data: bytes, suffix: str, *, max_chars: int) -> Extracted:
        """As the function ``extract``, in the process.

        Raises:
            ExtractionError: As ``extract``; also ``too_slow``, and ``malformed`` where the file
                makes the process fail.
            OSError: No process can be started.
        """
        if self._process is None:
            self._process = self._start()
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        request = {"suffix": suffix, "max_chars": max_chars, "size": len(data)}
        timer = threading.Timer(_WALL_SECONDS, process.kill)
        timer.start()
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n" + data)
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        finally:
            timer.cancel()
        if not answer.endswith(b"\n"):
            self.close()
            if -process.returncode in {getattr(signal, n, 0) for n in ("SIGXCPU", "SIGKILL")}:
                raise ExtractionError("too_slow", f"takes over {self._seconds} s to read")
            raise ExtractionError("malformed", "reading it fails badly")
        found = json.loads(answer)
        if "reason" in found:
            raise ExtractionError(found["reason"], found["detail"])
        published = found.pop("published")
        return Extracted(**found, published=date.fromisoformat(published) if published else None)

    def close(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        program = (
            f"import sys; sys.path[:] = {sys.path!r}; "
            f"from rag.corpus.extract import serve; serve({self._seconds}, {self._memory})"
        )
        return subprocess.Popen(
            [sys.executable, "-I", "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # the libraries warn of every fault of a file
        )


def serve(seconds: int, memory: int) -> None:
    """Answer requests on standard input until it ends: what ``ExtractionProcess`` runs.

    A request is a line of JSON and the bytes of the file, an answer a line of JSON.
    """
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    requests = sys.stdin.buffer
    while line := requests.readline():
        request = json.loads(line)
        data = requests.read(request["size"])
        _limit(seconds, memory)
        answer: dict[str, object]
        try:
            found = extract(data, request["suffix"], max_chars=request["max_chars"])
            answer = {name: getattr(found, name) for name in Extracted.__slots__}
            answer["published"] = found.published and found.published.isoformat()
        except ExtractionError as error:
            answer = {"reason": error.reason, "detail": str(error)}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _limit(seconds: int, memory: int) -> None:
    """Let this process take so much more processor time, and no more memory than it may."""
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    wanted = {
        resource.RLIMIT_CPU: math.ceil(used.ru_utime + used.ru_stime) + seconds,
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CORE: 0,
    }
    for kind, limit in wanted.items():
        most = resource.getrlimit(kind)[1]
        if most != resource.RLIM_INFINITY:
            limit = min(limit, most)
        try:
            resource.setrlimit(kind, (limit, most))
        except (ValueError, OSError):  # macOS refuses some
            continue
