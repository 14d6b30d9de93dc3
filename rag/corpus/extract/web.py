"""The article in a web page.

trafilatura finds it, but not its metadata: it would take a date from the text, a site's name from
the address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from rag.corpus.decode import decode
from rag.corpus.extract.declared import declared_by
from rag.corpus.extract.extracted import BLANK_LINES, Extracted, ExtractionError, joined

_NO_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
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


def read_html(data: bytes, max_chars: int) -> Extracted:
    """The article's text and what the page declares of it."""
    tree = _page_tree(_decode_html(data))
    declared = declared_by(tree)  # before trafilatura, which takes parts out of the tree
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
    text = joined(_page_paragraphs(page.body))  # type: ignore[union-attr]
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
    from lxml import etree
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
        blocks = BLANK_LINES.split((node.text if event == "start" else node.tail) or "")
        parts.append("\n\n".join(_SPACE.sub(" ", block) for block in blocks))
    yield "".join(parts)
