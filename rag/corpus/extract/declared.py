"""What a web page's own metadata say of its article: JSON-LD, meta elements, its heading.

The date is that of publication; a date of creation or change, or in the running text, is none.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from datetime import date
from typing import Any

from rag.corpus.extract.extracted import Extracted, field
from rag.corpus.header import parse_date

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


def declared_by(tree: Any) -> Extracted:
    """What a page's tree declares; without its text."""
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
    authors = linked("author") or meta_values(_AUTHOR_NAMES)
    named = dict.fromkeys(a for a in authors if field(a) and not _ADDRESS.match(a))
    return Extracted(
        text="",
        title=_page_title(tree, [*linked("headline"), *meta_values(_TITLE_NAMES)], outlet),
        outlet=outlet,
        published=published,
        url=address or _address([*linked("url"), *linked("mainEntityOfPage")]),
        author=field(", ".join(named)),
        dated=dated,
    )


def _first(values: Iterable[str]) -> str | None:
    return next(filter(None, map(field, values)), None)


def _address(values: Iterable[str]) -> str | None:
    return _first(value for value in values if _ADDRESS.fullmatch(value.strip()))


def _page_title(tree: Any, declared: list[str], outlet: str | None) -> str:
    """A declared title, the only heading of the first order, or the window's; "" if none."""
    headings = [heading.text_content() for heading in tree.iter("h1")]
    window = [node.text_content() for node in tree.xpath("//head/title")]
    title = _first([*declared, *(headings if len(headings) == 1 else []), *window]) or ""
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
