"""A conversation as Markdown, with numbered sources and their quotes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.page.message import Place, Said
from rag.page.render import FetchArticle, day, fits


def as_markdown(turns: Sequence[tuple[str, Said]], fetch: FetchArticle) -> str:
    """The conversation; every quote is cut from its article again."""
    parts = ["# Conversation"]
    for question, said in turns:
        parts.append(f"## {_line(question)}")
        if said.abstained:
            parts.append(_text(said.text))
            continue
        if said.short_answer:
            parts.append(f"**{_line(said.short_answer)}**")
        if said.prose:
            parts.append(_line(said.prose))
        parts += [f"{place.label}. {_source(place, fetch)}" for place in said.cited]
    return "\n\n".join(parts) + "\n"


def _source(place: Place, fetch: FetchArticle) -> str:
    """A quote with where it stands, as one item of a list."""
    article = fetch(place.doc_id)
    if article is None or not fits(place, article):
        return f"*(the article {_line(place.doc_id)} is no longer in the index)*"
    quote = _line(article.text[place.start : place.end])
    source = " · ".join(
        [_line(article.title), _line(article.outlet or "outlet not stated"), day(article.published)]
    )
    where = f"{_line(place.doc_id)}, characters {place.start}–{place.end}"
    link = f" <{article.url}>" if (article.url or "").startswith(("https://", "http://")) else ""
    return f"“{quote}”\n   {source} ({where}){link}"


def _line(text: str) -> str:
    """Text in one line, with what Markdown or HTML would read as markup escaped."""
    return _text(" ".join(text.split()))


def _text(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>#|!&~])", r"\\\1", text)
