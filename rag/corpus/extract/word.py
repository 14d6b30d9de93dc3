"""The text of a Word file (.docx)."""

from __future__ import annotations

import io
import zipfile
from pathlib import PurePosixPath
from typing import Any

from rag.corpus.extract.extracted import Extracted, ExtractionError, document_title, joined

MAX_UNPACKED = 50_000_000
"""Bytes that one part of a file may unpack to; a novel's text takes about 5 million."""

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


def read_word(data: bytes, max_chars: int) -> Extracted:
    """The text and title of a Word file."""
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
        text = joined(_word_paragraphs(root))
        title = None
        if "core-properties" in parts:
            core = _word_part(archive, parts["core-properties"])
            title = core.findtext("{http://purl.org/dc/elements/1.1/}title")
    if not text:
        raise ExtractionError("empty", "no text in it; it may be pictures of pages")
    return Extracted(text, document_title(title))


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
            elif event == "start" and (name in _NO_WORD_TEXT or (name == "r" and _is_struck(node))):
                walk.skip_subtree()
            elif event == "start" and inside:
                inside[-1].append(node.text or "" if name == "t" else _WORD_SIGNS.get(name, ""))
        elif event == "start" and node.tag == _FALLBACK:  # what stands there stood before it too
            walk.skip_subtree()
        elif event == "start" and node.tag in _MATHS and inside:
            inside[-1].append(node.text or "")
    return ["".join(parts) for parts in paragraphs]


def _is_struck(run: Any) -> bool:
    """True for a run of text that Word shows as struck out, or does not show."""
    for setting in (s for settings in run if settings.tag.endswith("}rPr") for s in settings):
        space, _, key = setting.tag.rpartition("}")
        if key in _STRUCK and setting.get(space + "}val") not in {"0", "false", "off"}:
            return True
    return False
