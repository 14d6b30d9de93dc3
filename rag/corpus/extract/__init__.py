"""Text of web pages, PDF and Word files, and what they declare of themselves.

What is extracted is the article's text: stored once, quotes are slices of it. Nothing is added,
but that lines broken for a page are joined to paragraphs again. Left out is what a reader of the
file does not see as text: comments, struck or deleted words, headers and notes of a Word file,
what surrounds the article on a web page. Headers and footers on the pages of a PDF are kept, for
nothing marks them. The date of publication is one that a page declares; it is never taken from
running text, from the time stamp of a file or from the day a document was written.

Nothing here asks the network for anything. Hostile files can keep the libraries busy for hours:
read files by ``process.ExtractionProcess``, which has limits.
"""

from __future__ import annotations

from dataclasses import replace

from rag.corpus.decode import NotTextError
from rag.corpus.extract.extracted import Extracted, ExtractionError
from rag.corpus.extract.pdf import read_pdf
from rag.corpus.extract.web import read_html
from rag.corpus.extract.word import read_word
from rag.corpus.header import read_header

READERS = {
    ".html": read_html,
    ".htm": read_html,
    ".xhtml": read_html,
    ".pdf": read_pdf,
    ".docx": read_word,
}


def extract(data: bytes, suffix: str, *, max_chars: int) -> Extracted:
    """The text of a file's bytes, by its suffix in lower case; the same bytes, the same text.

    Raises:
        ExtractionError: ``empty`` (no text in it), ``encrypted``, ``malformed``, ``oversized``
            (too many pages, bytes when unpacked, or over ``max_chars`` characters),
            ``undecodable`` or ``binary``.
    """
    if not data.strip():
        raise ExtractionError("empty", "the file is blank")
    try:
        found = READERS[suffix](data, max_chars)
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
