"""The quote gate: the last step before an answer leaves the product.

A citation passes only if the stored article has the recorded hash and its slice equals the
quote, character for character. One that fails goes, and the answer that rests on it with it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from rag.datatypes import Alternative, Answer, Article, Attribution, Citation


def citation_holds(citation: Citation, article: Article | None) -> bool:
    """True if ``article.text[start:end]`` is the quote, the short answer lies inside it, and the
    article is the recorded one."""
    return (
        article is not None
        and article.doc_id == citation.doc_id
        and article.sha256 == citation.sha256
        and 0 <= citation.start < citation.end <= len(article.text)
        and article.text[citation.start : citation.end] == citation.quote
        and _answer_within(citation)
        and (citation.attribution is None or _attribution_holds(citation.attribution, article))
        and citation.speaker == (citation.attribution and citation.attribution.speaker)
    )


def _answer_within(citation: Citation) -> bool:
    if citation.answer is None:
        return True
    start, end = citation.answer
    return citation.start <= start < end <= citation.end


def _attribution_holds(attribution: Attribution, article: Article) -> bool:
    """True if everything the attribution names stands where it says."""
    named = [
        (attribution.speaker, attribution.speaker_at),
        (attribution.verb, attribution.verb_at),
        (attribution.via, attribution.via_at),
    ]
    if any(at is not None and article.text[slice(*at)] != words for words, at in named):
        return False
    return attribution.within is None or _attribution_holds(attribution.within, article)


def checked(answer: Answer, fetch: Callable[[str], Article | None]) -> Answer:
    """The answer itself if everything it shows as a quote is one; else an abstention.

    Args:
        answer: A draft, or an answer from anywhere.
        fetch: Gives the stored article of a doc_id; None if it is gone or altered.

    Returns:
        ``answer`` unchanged; or, if it rests on a citation that fails, an abstention with reason
        ``unverified``. An alternative with a failing citation is dropped.
    """
    if answer.abstained:
        return answer
    sound = bool(answer.citations) and _all_hold(answer.citations, fetch)
    if sound and answer.short_answer is not None:
        sound = any(answer.short_answer in citation.quote for citation in answer.citations)
    if not sound:
        return dataclasses.replace(
            answer,
            text="",
            short_answer=None,
            citations=(),
            alternatives=(),
            abstained=True,
            reason="unverified",
            notes=(
                *answer.notes,
                "An answer was found, but its quote is no exact slice of the stored article; it "
                "is withheld. Run python -m rag doctor.",
            ),
        )
    kept = tuple(a for a in answer.alternatives if _alternative_holds(a, fetch))
    return answer if kept == answer.alternatives else dataclasses.replace(answer, alternatives=kept)


def _all_hold(citations: Iterable[Citation], fetch: Callable[[str], Article | None]) -> bool:
    return all(
        citation_holds(one, fetch(one.doc_id))
        for shown in citations
        for one in (shown, *shown.also_in)
    )


def _alternative_holds(alternative: Alternative, fetch: Callable[[str], Article | None]) -> bool:
    short, citations = alternative.short_answer, alternative.citations
    said = short is None or any(short in citation.quote for citation in citations)
    return bool(citations) and said and _all_hold(citations, fetch)
