"""Web pages, PDF and Word files: the text and what it says of itself, and files that do harm."""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path

import docx
import pypdf
import pytest
from conftest import ROOT
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rag.corpus.extract import extract
from rag.corpus.extract.extracted import MAX_FIELD_CHARS, Extracted, ExtractionError
from rag.corpus.extract.pdf import MAX_PAGES
from rag.corpus.extract.process import ExtractionProcess
from rag.corpus.extract.word import MAX_UNPACKED
from rag.corpus.files import read_articles, scan
from rag.datatypes import Article, Skipped

Write = Callable[[dict[str, str | bytes]], Path]


def extracted(data: bytes | str, suffix: str = ".html", max_chars: int = 1_000_000) -> Extracted:
    return extract(data.encode() if isinstance(data, str) else data, suffix, max_chars=max_chars)


def reason(data: bytes | str, suffix: str = ".html", max_chars: int = 1_000_000) -> tuple[str, str]:
    """The reason and detail for which nothing is taken out."""
    with pytest.raises(ExtractionError) as caught:
        extracted(data, suffix, max_chars)
    return caught.value.reason, str(caught.value)


def outcome(data: bytes, suffix: str, max_chars: int) -> Extracted | tuple[str, str]:
    """What is taken out, or the reason and detail."""
    try:
        return extract(data, suffix, max_chars=max_chars)
    except ExtractionError as error:
        return error.reason, str(error)


def read(root: Path, max_bytes: int = 1_000_000) -> tuple[dict[str, Article], dict[str, Skipped]]:
    """Articles by id, and what was skipped by path."""
    items = list(read_articles(scan(root), max_bytes=max_bytes))
    articles = {item.doc_id: item for item in items if isinstance(item, Article)}
    return articles, {item.path: item for item in items if isinstance(item, Skipped)}


# --- web pages ---------------------------------------------------------------------------------

STORY = [
    "The harbour reopened on Tuesday after a storm of three days, the port authority said.",
    "Two ferries left before noon, with passengers who had waited since the weekend.",
    "“We are relieved,” said the harbour master, Ann Smith. “Nobody was hurt in the storm.”",
]
AROUND = (
    "<header><nav><ul><li><a href='/'>Home</a></li><li><a href='/sea'>Sea news</a></li></ul></nav>"
    "</header>",
    "<aside><h3>Most read</h3><ul><li><a href='/2'>Ferry strike enters a second week</a></li></ul>"
    "</aside><footer><p>© 2019 Port Times. All rights reserved.</p></footer>",
)


def page(article: str | None = None, head: str = "") -> str:
    """A page as sites make them: the article between a menu, a box of links and a footer."""
    article = article or "".join(f"<p>{paragraph}</p>" for paragraph in STORY)
    above, below = AROUND
    return (
        f"<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'>{head}</head><body>{above}"
        f"<main><article>{article}</article></main>{below}</body></html>"
    )


def test_an_article_is_taken_out_of_its_page_with_what_json_ld_says_of_it() -> None:
    head = """<title>Harbour reopens | Port Times</title>
    <link rel="canonical" href="https://example.org/harbour">
    <script type="application/ld+json">{"@context": "https://schema.org", "@graph": [
      {"@type": "WebSite", "name": "A site of ours", "datePublished": "2001-01-01"},
      {"@type": "Organization", "@id": "#us", "name": "Port Times"},
      {"@type": ["NewsArticle"], "headline": "Harbour reopens &amp; ferries leave",
       "datePublished": "2025-03-30T23:15:00-05:00", "dateModified": "2025-04-02",
       "publisher": {"@id": "#us"}, "url": "https://example.org/other",
       "author": [{"@type": "Person", "name": "Jane Roe"}, {"name": "John Doe"}]}]}</script>"""
    assert extracted(page(head=head)) == Extracted(
        text="\n\n".join(STORY),
        title="Harbour reopens & ferries leave",
        outlet="Port Times",
        published=date(2025, 3, 30),
        url="https://example.org/harbour",
        author="Jane Roe, John Doe",
    )


def test_open_graph_and_meta_names_are_read() -> None:
    head = """<meta property="og:title" content="Harbour reopens - Port Times">
    <meta property="og:site_name" content="Port Times"><meta name="Author" content="Jane Roe">
    <meta property="article:published_time" content="2025-03-30T08:00:00Z">
    <meta property="article:modified_time" content="2025-04-02T08:00:00Z">
    <meta property="og:url" content="https://example.org/harbour">"""
    found = extracted(page(head=head))
    assert (found.title, found.outlet, found.author) == (
        "Harbour reopens",
        "Port Times",
        "Jane Roe",
    )
    assert (found.published, found.url) == (date(2025, 3, 30), "https://example.org/harbour")


def test_a_page_that_declares_nothing_is_given_nothing() -> None:
    article = (
        "<p>Published: March 30, 2025</p>"
        "<p>The harbour reopened on 3 May 2023, <time datetime='2023-05-04'>a day late</time>.</p>"
        "<p>Updated 2024-11-05 10:15. The Port Times (porttimes.org) reported it on 2024-11-06.</p>"
        "<p class='date'>2024-11-07</p><img src='/2022/01/02/a.jpg'>"
    )
    found = extracted(page(article, head="<meta name='last-modified' content='2024-11-08'>"))
    assert "3 May 2023" in found.text  # the dates are there to be mistaken
    assert (found.published, found.dated) == (None, None)
    assert (found.outlet, found.url, found.author) == (None, None, None)


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("<meta itemprop='datePublished' content='2025-03-30'>", date(2025, 3, 30)),
        ("<meta name='pubdate' content='Sun, 30 Mar 2025 10:15:00 GMT'>", date(2025, 3, 30)),
        ("<meta name='citation_date' content='2025/03/30'>", date(2025, 3, 30)),
        ("<meta name='DC.date.issued' content='2025-03-30'>", date(2025, 3, 30)),
        ("<meta name='date' content='2025-03-30'>", date(2025, 3, 30)),
        ("<time pubdate datetime='2025-03-30T10:15'>today</time>", date(2025, 3, 30)),
        ("<time class='dt-published x' datetime='2025-03-30'>today</time>", date(2025, 3, 30)),
        ("<span itemprop='datePublished' datetime='2025-03-30'></span>", date(2025, 3, 30)),
        ("<time datetime='2025-03-30'>30 March</time>", None),
        ("<meta name='dcterms.created' content='2025-03-30'>", None),
        ("<meta property='article:modified_time' content='2025-03-30'>", None),
        ("<meta name='pubdate' content='2025-03'>", None),
        ("<meta name='pubdate' content='02/03/2025'>", None),
        ("<meta name='pubdate' content='2025-02-30'>", None),
    ],
)
def test_only_what_is_declared_as_its_publication_dates_a_page(
    declared: str, expected: date | None
) -> None:
    assert extracted(page(head=declared)).published == expected


def test_of_several_articles_only_the_one_at_the_pages_address_counts() -> None:
    blocks = "".join(
        f'<script type="application/ld+json">{{"@type": "NewsArticle", "headline": "Story {n}", '
        f'"url": "https://example.org/{n}", "datePublished": "2025-03-{n}", "author": "A{n}"}}'
        "</script>"
        for n in (10, 11, 12)
    )
    head = '<title>Stories</title><link rel="canonical" href="https://example.org/11">'
    found = extracted(page(head=head + blocks))
    assert (found.title, found.published, found.author) == ("Story 11", date(2025, 3, 11), "A11")
    found = extracted(page(head="<title>Stories</title>" + blocks))
    assert (found.title, found.published, found.author) == ("Stories", None, None)


def test_a_source_that_names_two_days_says_nothing() -> None:
    two = "".join(
        f'<script type="application/ld+json">{{"@type": "Article", "datePublished": "{day}"}}'
        "</script>"
        for day in ("2025-03-30", "2025-03-31")
    )
    assert extracted(page(head=two)).published is None
    third = '<meta property="article:published_time" content="2025-03-29">'
    assert extracted(page(head=two + third)).published == date(2025, 3, 29)


def test_a_date_that_cannot_be_read_is_kept_as_it_stands(corpus: Write) -> None:
    head = "<meta name='pubdate' content='last Sunday'><meta name='author' content='Jane Roe'>"
    articles, _ = read(corpus({"a.html": page(head=head)}))
    assert articles["a.html"].published is None
    assert dict(articles["a.html"].metadata) == {"published": "last Sunday", "author": "Jane Roe"}


@pytest.mark.parametrize(
    "block",
    ["{not json", "[" * 50_000, '"a string"', '{"@type": 5, "author": {"name": [[]]}}', "null",
     '{"@type": "Article", "headline": "' + "x" * (MAX_FIELD_CHARS + 1) + '"}',
     '{"@type": "Article", "headline": {"name": {"name": 7}}, "url": "javascript:alert(1)"}'],
)  # fmt: skip
def test_json_ld_that_makes_no_sense_spoils_nothing(block: str) -> None:
    head = f"<title>Harbour reopens</title><script type='application/ld+json'>{block}</script>"
    found = extracted(page(head=head))
    assert (found.text, found.title, found.url) == ("\n\n".join(STORY), "Harbour reopens", None)


@pytest.mark.parametrize(
    ("head", "article", "title"),
    [
        ("<title>Harbour reopens – Port Times</title>", "<h1>Ferries leave\n again</h1>",
         "Ferries leave again"),
        ("<title>Harbour reopens – Port Times</title>", "", "Harbour reopens – Port Times"),
        ("<title>The page</title>", "<h1>One heading</h1><h1>Two headings</h1>", "The page"),
        ("", "", "The harbour reopened on Tuesday after a storm of three days, the port…"),
    ],
    ids=["its heading", "the window's", "two headings", "its first words"],
)  # fmt: skip
def test_a_title_is_found_where_none_is_declared(head: str, article: str, title: str) -> None:
    story = article + "".join(f"<p>{paragraph}</p>" for paragraph in STORY)
    assert extracted(page(story, head)).title == title


def test_paragraphs_lists_quotes_and_tables_come_in_order_as_a_browser_shows_them() -> None:
    article = """<h1>Harbour reopens</h1>
    <p>The harbour
       reopened on <b>Tues</b>day, the <a href="/p">port
       authority</a> said;&nbsp;H<sub>2</sub>O &amp; caf&eacute;.</p>
    <p>First line<br>second line<br><br>after a gap</p>
    <h2>What was said</h2>
    <blockquote><p>Nobody was hurt in it.</p><p>We are relieved.</p></blockquote>
    <ul><li>Two ferries left.</li><li>A third <em>waits</em>.</li></ul>
    <p>He called it <q>a good day</q> and <del>resigned</del> <s>left</s> stayed.</p>
    <table><tr><td>Anna</td><td>leaves at noon</td></tr></table>
    <script>alert("not text")</script><!-- nor this --><p>The end of the story is here.</p>"""
    assert extracted(page(article)).text.split("\n\n") == [
        "Harbour reopens",
        "The harbour reopened on Tuesday, the port authority said; H2O & café.",
        "First line",
        "second line",
        "after a gap",
        "What was said",
        "Nobody was hurt in it.",
        "We are relieved.",
        "Two ferries left.",
        "A third waits.",
        "He called it “a good day” and stayed.",
        "Anna",
        "leaves at noon",
        "The end of the story is here.",
    ]


def test_a_bare_page_keeps_its_headings_and_lists() -> None:
    bare = f"<html><body><h1>Harbour reopens</h1><p>{STORY[0]}</p><h2>Ferries</h2><p>{STORY[1]}</p>"
    bare += "<ul><li>One ferry left for the island.</li><li>One ferry stayed.</li></ul>"
    assert extracted(bare + "</body></html>").text.split("\n\n") == [
        "Harbour reopens",
        STORY[0],
        "Ferries",
        STORY[1],
        "One ferry left for the island.",
        "One ferry stayed.",
    ]


def test_xhtml_with_empty_elements_written_short_is_read() -> None:
    data = (
        '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head>'
        '<title/><script src="a.js"/><style/></head><body><article>'
        + "".join(f"<p>{paragraph}</p><br/>" for paragraph in STORY)
        + "</article></body></html>"
    )
    assert extracted(data, ".xhtml").text == "\n\n".join(STORY)


RUSSIAN = "Министр обороны заявил, что переговоры в столице продолжатся до конца этой недели."


@pytest.mark.parametrize(
    ("encoding", "declared", "words"),
    [
        ("utf-8", "", RUSSIAN),
        ("utf-8", "iso-8859-1", RUSSIAN),  # wrongly declared
        ("utf-16", "", RUSSIAN),
        ("cp1251", "windows-1251", RUSSIAN),
        ("koi8-r", "KOI8-R", RUSSIAN),
        ("cp1252", "iso-8859-1", "“We won’t pay € 5” – the café owner said on Tuesday."),
        ("cp1252", "unicode_escape", "“We won’t pay € 5” – the café owner said on Tuesday."),
        ("cp932", "shift_jis", "大臣は火曜日に港が再開されたと述べた。"),
    ],
)
def test_the_declared_encoding_is_used_as_browsers_do(
    encoding: str, declared: str, words: str
) -> None:
    text = f"<html><head><meta charset={declared}></head><body><p>{words}</p><p>{words}!</p>"
    assert extracted(text.encode(encoding)).text.startswith(words)


def test_characters_that_cannot_be_stored_do_not_reach_the_article() -> None:
    article = f"<p>{STORY[0]} A&#0;b &#xD83D;c &#x1;d \x0be {'Long enough. ' * 80}</p>"
    head = (
        '<script type="application/ld+json">{"@type": "Article", "headline": "A \\ud800 b\\u0000"}'
    )
    found = extracted(page(article, head + "</script>"))
    for text in (found.text, found.title):
        assert text.encode("utf-8")
        assert not re.search(r"[\x00-\x08\x0b-\x1f]", text)
    assert found.text.startswith(STORY[0])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", ("empty", "the file is blank")),
        (b" \n\t", ("empty", "the file is blank")),
        (b"<!-- only this -->", ("empty", "no text in the page")),
        (b"<html><body><script>x()</script></body></html>", ("empty", None)),
        (b"<p>a\x00b</p>", ("binary", None)),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR", ("binary", None)),
        (b"<p>" + b"<div>" * 100_000 + b"deep", ("malformed", None)),
        (b"<p>" + b"x" * 11_000_000, ("malformed", None)),
        (page().encode(), ("oversized", "text of over 100 characters")),
    ],
    ids=["empty", "blank", "comment", "script", "zero", "picture", "deep", "endless", "long"],
)
def test_a_page_without_an_article_is_refused_by_name(
    data: bytes, expected: tuple[str, str | None]
) -> None:
    found = reason(data, max_chars=100)
    assert found[0] == expected[0]
    assert found[1] == (expected[1] or found[1])
    assert found[1]


# --- PDF ---------------------------------------------------------------------------------------


def line(text: str, x: float, y: float, *, size: float = 10, font: str = "F1") -> str:
    """Drawing of one line of text, ``x`` and ``y`` in points from the lower left corner."""
    shown = (
        text.encode("cp1252").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
    )
    return f"BT /{font} {size} Tf 1 0 0 1 {x} {y} Tm ({shown.decode('latin-1')}) Tj ET\n"


def column(
    *texts: str, x: float = 50, top: float = 700, leading: float = 12, **more: object
) -> str:
    """Lines below one another."""
    drawn = (line(t, x, top - i * leading, **more) for i, t in enumerate(texts))  # type: ignore[arg-type]
    return "".join(drawn)


def pdf(
    *pages: str, info: str = "", more: str = "", objects: dict[int, str] | None = None
) -> bytes:
    """A PDF with these page contents; ``more`` goes into the resources, ``objects`` replace."""
    font = "/Type /Font /Subtype /Type1 /Encoding /WinAnsiEncoding /BaseFont"
    made = {
        1: "<< /Type /Catalog /Pages 2 0 R >>",
        2: f"<< /Type /Pages /Count {len(pages)} /MediaBox [0 0 600 800] /Kids ["
        + " ".join(f"{10 + 2 * i} 0 R" for i in range(len(pages)))
        + "] >>",
        3: f"<< {info} >>",
        4: f"<< /Font << /F1 << {font} /Helvetica >> /F2 << {font} /Helvetica-Bold >> >> {more} >>",
    }
    for i, content in enumerate(pages):
        made[10 + 2 * i] = (
            f"<< /Type /Page /Parent 2 0 R /Resources 4 0 R /Contents {11 + 2 * i} 0 R >>"
        )
        made[11 + 2 * i] = stream(content)
    made |= objects or {}
    out = io.BytesIO(b"")
    out.write(b"%PDF-1.7\n")
    places = {}
    for number, body in sorted(made.items()):
        places[number] = out.tell()
        out.write(f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1"))
    start = out.tell()
    for number, place in places.items():
        head = "xref\n" if number == 1 else ""
        out.write(f"{head}{number} 1\n{place:010} 00000 n \n".encode())
    size = max(places) + 1
    out.write(f"trailer << /Size {size} /Root 1 0 R /Info 3 0 R >>\n".encode())
    out.write(f"startxref\n{start}\n%%EOF\n".encode())
    return out.getvalue()


def stream(content: str | bytes, entries: str = "") -> str:
    data = content if isinstance(content, str) else content.decode("latin-1")
    return f"<< /Length {len(data)} {entries} >>\nstream\n{data}\nendstream"


ARTICLE_LINES = [
    "The harbour reopened on Tuesday after a three-",
    "day storm that had closed it to all the fer-",
    "ries, the port authority said. The Anglo-",
    "American line (two ships) welcomed it.",
]


def test_lines_of_a_pdf_are_joined_to_paragraphs_and_parted_words_made_whole() -> None:
    content = line("Harbour reopens, ferries leave", 50, 740, size=18, font="F2")
    content += column(*ARTICLE_LINES, top=700)
    content += column("A second paragraph begins here, below a", "gap.", top=640)
    content += column("Repairs will take", top=610, font="F2")  # a heading of the same size
    content += column("Unions wanted more staff, not more concrete.", top=598)
    content += column("An indent parts this one, and it is as wide", x=62, top=586)
    content += column("as the others are.", top=574)
    content += column("A line that is set apart", top=550)
    content += column("The last of the paragraphs.", top=530)
    found = extracted(pdf(content), ".pdf")
    assert found.text.split("\n\n") == [
        "Harbour reopens, ferries leave",
        "The harbour reopened on Tuesday after a three-day storm that had closed it to all the "
        "ferries, the port authority said. The Anglo-American line (two ships) welcomed it.",
        "A second paragraph begins here, below a gap.",
        "Repairs will take",
        "Unions wanted more staff, not more concrete.",
        "An indent parts this one, and it is as wide as the others are.",
        "A line that is set apart",
        "The last of the paragraphs.",
    ]
    assert found.title == "Harbour reopens, ferries leave"


@pytest.mark.parametrize(
    ("upper", "lower", "joined"),
    [
        ("they were re-", "lieved at it", "they were relieved at it"),
        ("the well-", "known master", "the well-known master"),
        ("the 40-", "year rule", "the 40-year rule"),
        ("in mid-", "2024 it was", "in mid-2024 it was"),
        ("a state-of-", "the-art ship", "a state-of-the-art ship"),
        ("of first-", "and second-class seats", "of first- and second-class seats"),
        ("he said—", "and left", "he said—and left"),
        ("he said —", "and left", "he said — and left"),
        ("the sum of 5 -", "more than ever", "the sum of 5 - more than ever"),
        ("the snow-", "covered road. Snow covered it", "the snow-covered road. Snow covered it"),
        ("a long-", "lost ship, as long-lost as", "a long-lost ship, as long-lost as"),
        ("a week-", "end, week of no end; weekend", "a weekend, week of no end; weekend"),
        ("the OPEN-", "ING of the OPENING night", "the OPENING of the OPENING night"),
    ],
)
def test_a_hyphen_at_a_line_end_goes_unless_it_is_the_words_own(
    upper: str, lower: str, joined: str
) -> None:
    assert extracted(pdf(column(upper, lower)), ".pdf").text == joined


def test_a_sentence_goes_on_in_the_next_column_and_on_the_next_page() -> None:
    left = column("The harbour reopened on Tuesday,", "and the ferries that had", x=50)
    right = column("waited left. The repairs are to", "be paid for by the govern-", x=320)
    following = column("ment. It said so.", "New page, new words.")
    assert extracted(pdf(left + right, following), ".pdf").text == (
        "The harbour reopened on Tuesday, and the ferries that had waited left. The repairs are to "
        "be paid for by the government. It said so.\n\nNew page, new words."
    )


def test_a_pdf_turned_on_its_side_is_read_along_its_lines() -> None:
    turned = "".join(
        f"BT /F1 10 Tf 0 1 -1 0 {100 + 12 * i} 50 Tm ({text}) Tj ET\n"
        for i, text in enumerate(["The harbour was opened on Tuesday, as", "the authority said."])
    )
    assert extracted(pdf(turned), ".pdf").text == (
        "The harbour was opened on Tuesday, as the authority said."
    )


@pytest.mark.parametrize(
    ("declared", "title"),
    [
        ("Ferries leave", "Ferries leave"),
        ("Microsoft Word - story_final.docx", "Harbour reopens"),
        ("untitled", "Harbour reopens"),
        ("page one.indd", "Harbour reopens"),
        ("Layout 1", "Harbour reopens"),
        ("Document leaked by a minister", "Document leaked by a minister"),
    ],
)
def test_a_pdf_has_a_title_but_no_date_outlet_or_author(declared: str, title: str) -> None:
    info = f"/Title ({declared}) /CreationDate (D:20250330101500Z) /ModDate (D:20250330101500Z)"
    content = line("Harbour reopens", 50, 740, size=18) + column(*ARTICLE_LINES)
    content += column("Port Times", "March 30, 2025", top=600)
    found = extracted(pdf(content, info=info), ".pdf")
    assert found.title == title
    assert (found.published, found.dated, found.outlet, found.author) == (None, None, None, None)


def coded(*codes: str, text: str) -> bytes:
    """A PDF that shows ``text`` in a font which says: code 01 is the first of ``codes`` (UTF-16
    in hexadecimal), and so on."""
    table = "\n".join(f"<{i:02x}> <{code}>" for i, code in enumerate(codes, 1))
    cmap = stream(
        "/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <ff> "
        f"endcodespacerange {len(codes)} beginbfchar\n{table}\nendbfchar endcmap"
    )
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /Odd /ToUnicode 6 0 R >>"
    resources = {4: f"<< /Font << /F1 {font} >> >>", 6: cmap}
    return pdf(f"BT /F1 10 Tf 50 700 Td ({text}) Tj ET", objects=resources)


def test_ligatures_are_letters() -> None:
    assert extracted(coded("FB01", "FB03", text="\x01nal e\x02cient"), ".pdf").text == (
        "final efficient"
    )


def test_half_a_pair_and_zeros_do_not_reach_the_text() -> None:
    shown = "\x01 grin and \x02 half of it and \x03 zero " + "word " * 100
    found = extracted(coded("D83DDE00", "D83D", "0000", text=shown), ".pdf")
    assert found.text.startswith("\U0001f600 grin and \ufffd half of it and  zero word word")


def test_a_font_that_hides_its_letters_is_told() -> None:
    data = coded("0001", "0002", "0003", text="\x01\x02\x03 \x02\x01 \x03\x03\x01 a")
    assert reason(data, ".pdf")[0] == "undecodable"


def locked(data: bytes, password: str, algorithm: str) -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(data))
    writer.encrypt(password, "owner", algorithm=algorithm)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-128", "AES-256"])
def test_a_locked_pdf_is_refused_and_one_that_only_may_not_be_printed_is_read(
    algorithm: str,
) -> None:
    data = pdf(column(*ARTICLE_LINES))
    shut = locked(data, "secret", algorithm)
    assert reason(shut, ".pdf") == ("encrypted", "it is locked with a password")
    open_to_all = locked(data, "", algorithm)
    assert extracted(open_to_all, ".pdf").text == extracted(data, ".pdf").text


PICTURE = "q 100 0 0 100 0 0 cm /X Do Q"
ITSELF = "/XObject << /X 7 0 R >>"
MANY_PAGES = f"<< /Type /Pages /Count 9 /Kids [{'10 0 R ' * (MAX_PAGES + 1)}] >>"
FORM = "/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources 4 0 R"


@pytest.mark.parametrize(
    ("data", "expected", "detail"),
    [
        (b"Dear reader", "malformed", "no PDF"),
        (pdf(column(*ARTICLE_LINES))[:700], "malformed", "cut off"),
        (b"%PDF-1.7\n%%EOF\n", "malformed", "cannot be read"),
        (pdf(PICTURE), "empty", "no text in it; it may be scanned pages"),
        (pdf("", objects={2: "<< /Type /Pages /Count 1 /Kids [2 0 R] >>"}), "malformed", "cyclic"),
        (pdf("", objects={10: "<< /Type /Page /Parent 10 0 R >>"}), "malformed", ""),
        (pdf(PICTURE, more=ITSELF, objects={7: stream(PICTURE, FORM)}), "empty", ""),
        (pdf("", objects={2: MANY_PAGES}), "oversized", f"limit {MAX_PAGES}"),
        (pdf("[" * 100_000), "malformed", ""),
        (pdf(column("word " * 5_000)), "oversized", "too much text"),
        (pdf(PICTURE, more=ITSELF, objects={7: stream(column("word " * 5_000), FORM)}),
         "oversized", "too much text"),
    ],
    ids=["no PDF", "cut", "nothing", "scan", "loop of pages", "own parent", "loop of forms",
         "pages", "nested", "long", "long inside"],
)  # fmt: skip
def test_a_pdf_that_does_harm_or_has_no_text_is_refused(
    data: bytes, expected: str, detail: str
) -> None:
    found = reason(data, ".pdf", max_chars=20_000)
    assert found[0] == expected
    assert detail in found[1]


def test_a_pdf_that_unpacks_to_very_much_is_refused() -> None:
    bomb = zlib.compress(b" " * 80_000_000, 1)  # more than pypdf unpacks
    data = pdf("", objects={11: stream(bomb, "/Filter /FlateDecode")})
    assert reason(data, ".pdf")[0] in {"empty", "malformed"}


# --- Word --------------------------------------------------------------------------------------


def word(document: docx.document.Document) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def raw_word(body: str) -> bytes:
    """A Word file with this XML for its body."""
    document = docx.Document()
    for element in parse_xml(f"<w:body {nsdecls('w')}>{body}</w:body>"):
        document.element.body.insert_element_before(element, "w:sectPr")
    return word(document)


def with_part(name: str, content: bytes, data: bytes | None = None) -> bytes:
    """A Word file of which one part is replaced."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data or word(docx.Document()))) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for item in old.infolist():
            new.writestr(item.filename, content if item.filename == name else old.read(item))
    return out.getvalue()


def test_a_word_file_gives_its_paragraphs_and_tables_in_order() -> None:
    document = docx.Document()
    document.add_heading("Harbour reopens", 0)
    document.add_paragraph("The harbour ").add_run("reopened").bold = True
    document.paragraphs[-1].add_run(" on Tuesday.\tIt rained.\nTwo ferries left.")
    document.add_paragraph("")
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "Anna", "leaves at noon"
    document.add_paragraph("The end.", style="List Bullet")
    document.sections[0].header.paragraphs[0].text = "Port Times"
    document.core_properties.created = datetime(2025, 3, 30)
    found = extracted(word(document), ".docx")
    assert found == Extracted(
        text="Harbour reopens\n\nThe harbour reopened on Tuesday.\tIt rained.\nTwo ferries left."
        "\n\nAnna\n\nleaves at noon\n\nThe end.",
        title="Harbour reopens",
    )
    document.core_properties.title = "Ferries leave"
    assert extracted(word(document), ".docx").title == "Ferries leave"


def test_words_that_were_inserted_count_and_those_struck_out_do_not() -> None:
    body = """<w:p><w:r><w:t xml:space="preserve">He did </w:t></w:r>
    <w:ins w:id="1" w:author="a"><w:r><w:t xml:space="preserve">not </w:t></w:r></w:ins>
    <w:del w:id="2" w:author="a"><w:r><w:delText>never </w:delText></w:r></w:del>
    <w:moveFrom w:id="3" w:author="a"><w:r><w:t>elsewhere </w:t></w:r></w:moveFrom>
    <w:sdt><w:sdtContent><w:r><w:t xml:space="preserve">agree </w:t></w:r></w:sdtContent></w:sdt>
    <w:r><w:rPr><w:strike/></w:rPr><w:t>at first</w:t></w:r>
    <w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r>
    <w:r><w:rPr><w:strike w:val="0"/></w:rPr><w:t>on Tues</w:t><w:noBreakHyphen/><w:softHyphen/>
    <w:t>day.</w:t><w:instrText>PAGE</w:instrText></w:r></w:p>
    <w:p><w:r><w:t>Next.</w:t></w:r></w:p>"""
    assert extracted(raw_word(body), ".docx").text == "He did not agree on Tues-day.\n\nNext."


def test_a_text_box_is_read_once_as_a_paragraph_of_its_own() -> None:
    box = "<w:txbxContent><w:p><w:r><w:t>A box.</w:t></w:r></w:p></w:txbxContent>"
    space = "http://schemas.openxmlformats.org/markup-compatibility/2006"
    body = f"""<w:p xmlns:mc="{space}"><w:r><w:t>Around </w:t><mc:AlternateContent>
    <mc:Choice Requires="wps">{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback>
    </mc:AlternateContent><w:t>it.</w:t></w:r></w:p>"""
    assert extracted(raw_word(body), ".docx").text == "Around it.\n\nA box."


paragraphs = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.just(" ")).map(
        lambda text: " ".join(text.split())
    ),
    max_size=8,
)


@settings(deadline=None, max_examples=15)
@given(paragraphs.filter(any))
@example(["ﬁnal", "well-", "known", "<b>&amp;"])
def test_what_is_written_to_a_word_file_comes_back(texts: list[str]) -> None:
    document = docx.Document()
    for text in texts:
        document.add_paragraph(text)
    found = extracted(word(document), ".docx")
    assert found.text == "\n\n".join(text for text in texts if text)


ENTITIES = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 9))
SPACE = nsdecls("w")
CENTRAL = b"PK\x01\x02\x14\x03\x14\x00"  # an entry of an archive's list; its flags come next


@pytest.mark.parametrize(
    ("data", "expected", "detail"),
    [
        (b"Dear reader", "malformed", "no Word file"),
        (word(docx.Document())[:9_000], "malformed", "cut off"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "malformed", "save it as .docx"),
        (b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "encrypted", "password"),
        (word(docx.Document()).replace(CENTRAL + b"\x00", CENTRAL + b"\x01"),
         "encrypted", "password"),
        (word(docx.Document()), "empty", "no text in it"),
        (with_part("_rels/.rels", b"<x/>"), "malformed", "no document in it"),
        (with_part("word/document.xml", b"<x/>"), "malformed", "another thing"),
        (with_part("word/document.xml", b"<x>"), "malformed", "no XML"),
        (with_part("word/document.xml",
                   f'<!DOCTYPE x [<!ENTITY e0 "lol">{ENTITIES}]><w:document {SPACE}><w:p><w:r>'
                   "<w:t>&e8;</w:t></w:r></w:p></w:document>".encode()), "malformed", ""),
        (with_part("word/document.xml",
                   f'<!DOCTYPE x [<!ENTITY e SYSTEM "{Path(__file__).as_uri()}">]><w:document '
                   f"{SPACE}><w:p><w:r><w:t>&e;</w:t></w:r></w:p></w:document>".encode()),
         "malformed", "document type"),
        (with_part("word/document.xml", b"<w:p>" * 20_000), "malformed", "no XML"),
    ],
    ids=["no zip", "cut", "old", "locked", "zip with a password", "blank", "no document", "another", "no XML",
         "entities", "outside entity", "deep"],
)  # fmt: skip
def test_a_word_file_that_does_harm_or_has_no_text_is_refused(
    data: bytes, expected: str, detail: str
) -> None:
    found = reason(data, ".docx")
    assert found[0] == expected
    assert detail in found[1]


def test_a_part_that_unpacks_to_too_much_is_refused_whatever_size_it_declares() -> None:
    size = MAX_UNPACKED + 1
    bomb = with_part("word/document.xml", b" " * size)
    assert reason(bomb, ".docx") == (
        "oversized",
        f"word/document.xml unpacks to over {MAX_UNPACKED} bytes",
    )
    lying = bomb.replace(size.to_bytes(4, "little"), (9).to_bytes(4, "little"))
    assert lying.count((9).to_bytes(4, "little")) > bomb.count((9).to_bytes(4, "little"))
    assert reason(lying, ".docx")[0] in {"malformed", "oversized"}


# --- any bytes at all --------------------------------------------------------------------------

GOOD = {
    ".html": page().encode(),
    ".pdf": pdf(column(*ARTICLE_LINES), info="/Title (Harbour)"),
    ".docx": raw_word("<w:p><w:r><w:t>The harbour reopened.</w:t></w:r></w:p>"),
}


REASONS = {"binary", "empty", "encrypted", "malformed", "oversized", "undecodable"}


def is_fine(data: bytes, suffix: str) -> None:
    """There is an article that can be stored and quoted, or a reason why not."""
    found = outcome(data, suffix, max_chars=100_000)
    if isinstance(found, tuple):
        assert found[0] in REASONS
        assert found[1]
        return
    assert found.text.encode("utf-8")
    assert found.title.encode("utf-8")
    assert "\x00" not in found.text
    blocks = found.text.split("\n\n")
    assert [block.strip() for block in blocks] == blocks
    assert all(blocks)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(GOOD)), st.binary(max_size=200))
def test_any_bytes_give_an_article_or_a_reason(suffix: str, data: bytes) -> None:
    is_fine(data, suffix)


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(sorted(GOOD)),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=4)), min_size=1, max_size=6),
)
def test_a_damaged_file_gives_an_article_or_a_reason(
    suffix: str, damage: list[tuple[float, bytes]]
) -> None:
    data = bytearray(GOOD[suffix])
    for where, what in damage:
        start = int(where * len(data))
        data[start : start + len(what)] = what
    is_fine(bytes(data), suffix)


# --- in a corpus, and in a process of its own --------------------------------------------------


def test_files_of_every_kind_become_articles_of_one_corpus(corpus: Write) -> None:
    document = docx.Document()
    document.add_paragraph("Ferries leave again")
    document.add_paragraph("The ferries left on Wednesday.")
    files: dict[str, str | bytes] = {
        "1.HTM": page(head="<meta property='og:site_name' content='Port Times'>"),
        "2.pdf": pdf(column(*ARTICLE_LINES)),
        "3.docx": word(document),
        "4.txt": "\n\n".join(STORY),  # the text of the page again
        "5.pdf": pdf(PICTURE),
        "6.doc": b"\xd0\xcf\x11\xe0",
        "7.html": page(f"<p>{'too long ' * 9_000}</p>"),
        "8.docx": b"",
    }
    articles, skipped = read(corpus(files), max_bytes=60_000)
    assert {doc_id: article.title for doc_id, article in articles.items()} == {
        "1.HTM": "The harbour reopened on Tuesday after a storm of three days, the port…",
        "2.pdf": "The harbour reopened on Tuesday after a three-day storm that had closed…",
        "3.docx": "Ferries leave again",
    }
    assert articles["1.HTM"].outlet == "Port Times"
    for doc_id, article in articles.items():
        content = files[doc_id]
        data = content.encode() if isinstance(content, str) else content
        assert article.source_sha256 == hashlib.sha256(data).hexdigest()
    assert {path: item.reason for path, item in skipped.items()} == {
        "4.txt": "duplicate",
        "5.pdf": "empty",
        "6.doc": "unsupported",
        "7.html": "oversized",
        "8.docx": "empty",
    }
    assert skipped["5.pdf"].detail == "no text in it; it may be scanned pages"


@pytest.fixture(scope="module")
def process() -> Iterator[ExtractionProcess]:
    with ExtractionProcess() as started:
        yield started


def test_the_process_says_what_the_function_says(process: ExtractionProcess) -> None:
    head = "<meta name='date' content='2025-03-30'><meta name='author' content='Jane “J” Roe'>"
    for data, suffix in [(page(head=head).encode(), ".html"), *((v, k) for k, v in GOOD.items())]:
        assert process.extract(data, suffix, max_chars=9_999) == extracted(data, suffix)
    with pytest.raises(ExtractionError) as caught:
        process.extract(pdf(PICTURE), ".pdf", max_chars=9_999)
    assert (caught.value.reason, str(caught.value)) == reason(pdf(PICTURE), ".pdf")


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on processor time there")
def test_a_file_that_takes_too_long_is_given_up_and_the_next_one_read() -> None:
    # Attributes cost libxml2 the square of their number.
    slow = "<p " + " ".join(f"a{i}" for i in range(200_000)) + ">" + STORY[0]
    with ExtractionProcess(seconds=1) as process:
        with pytest.raises(ExtractionError) as caught:
            process.extract(slow.encode(), ".html", max_chars=10_000_000)
        assert (caught.value.reason, str(caught.value)) == (
            "too_slow",
            "takes over 1 s to read",
        )
        assert process.extract(GOOD[".docx"], ".docx", max_chars=99).text == "The harbour reopened."


@pytest.mark.skipif(sys.platform != "linux", reason="no limit on memory there")
def test_a_file_that_takes_too_much_memory_is_given_up_and_the_next_one_read() -> None:
    big = with_part(
        "word/document.xml", f"<w:document {SPACE}>{'<w:p/>' * 5_000_000}</w:document>".encode()
    )
    with ExtractionProcess(memory=300_000_000) as process:
        with pytest.raises(ExtractionError) as caught:
            process.extract(big, ".docx", max_chars=10_000_000)
        assert caught.value.reason == "oversized"
        assert process.extract(GOOD[".docx"], ".docx", max_chars=99).text == "The harbour reopened."


def test_a_process_that_dies_costs_one_file(process: ExtractionProcess) -> None:
    assert process.extract(GOOD[".docx"], ".docx", max_chars=99)
    running = process._process
    assert running is not None
    running.kill()
    running.wait()
    with pytest.raises(ExtractionError):
        process.extract(GOOD[".docx"], ".docx", max_chars=99)
    assert process.extract(GOOD[".docx"], ".docx", max_chars=99).text == "The harbour reopened."


def test_the_process_ends_with_the_reading(corpus: Write) -> None:
    with ExtractionProcess() as process:
        process.extract(GOOD[".docx"], ".docx", max_chars=99)
        running = process._process
    assert running is not None
    assert running.poll() is not None


def test_a_corpus_of_text_starts_no_process(corpus: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert list(read(corpus({"a.txt": "The harbour reopened."}))[0]) == ["a.txt"]


def test_nothing_is_imported_before_it_is_needed_and_nothing_asked_of_the_network() -> None:
    program = f"""
import socket, sys
import rag.corpus.files
from rag.corpus.extract import extract
heavy = {{"lxml", "trafilatura", "pypdf", "docx"}} & set(sys.modules)
tried = []
def refuse(*arguments, **more):
    tried.append(arguments)
    raise OSError("blocked by the test")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
for data, suffix in {[(v, k) for k, v in GOOD.items()]!r}:
    extract(data, suffix, max_chars=9999)
remote = b'<link rel=canonical href="https://example.co.uk/a"><img src="https://example.org/a.png">'
extract(b'<!DOCTYPE html SYSTEM "http://example.org/x.dtd">' + remote + {page().encode()!r}, ".html",
        max_chars=9999)
print(sorted(heavy), tried)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[] []"


def test_the_same_bytes_give_the_same_text_in_every_process() -> None:
    program = (
        "from rag.corpus.extract import extract\n"
        f"files = {[(v, k) for k, v in GOOD.items()]!r}\n"
        "print([extract(data, suffix, max_chars=9999) for data, suffix in files])"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(said) == 1
    assert STORY[1] in said.pop()
