"""Example questions made from the corpus at hand: asked first, and kept only if answered."""

from __future__ import annotations

import re
from collections import Counter

from rag.assistant import Assistant
from rag.reader.candidates import names

_SAYS = r"(?:said|says|stated|told|added|announced|stressed|suggested|responded|insisted|affirmed)"
_ARTICLES_READ = 40
_TRIED = 12


def example_questions(assistant: Assistant, count: int = 3) -> list[str]:
    """Up to ``count`` questions that the corpus answers, about people who speak in it and names
    that occur often; fewer, or none, in a corpus where no such question is answered."""
    speakers: Counter[str] = Counter()
    mentioned: Counter[str] = Counter()
    for article in assistant.articles(limit=_ARTICLES_READ):
        for start, end in names(article.text[:6_000]):
            name = " ".join(article.text[start:end].split())
            if not 2 <= len(name.split()) <= 4 or len(name) > 40:
                continue
            mentioned[name] += 1
            if re.match(rf"\W{{0,3}}\s*{_SAYS}\b", article.text[end : end + 20]):
                speakers[name] += 1
    people = [name for name, _ in speakers.most_common(_TRIED // 3)]
    tries = [f"Who is {name}?" for name in people] + [f"What did {name} say?" for name in people]
    tries += [f"What about {name}?" for name, _ in mentioned.most_common(_TRIED // 3)]
    kept: list[str] = []
    for question in tries:
        if len(kept) == count:
            break
        if not assistant.answer(question).abstained:
            kept.append(question)
    return kept
