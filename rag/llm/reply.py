"""A chat model's reply, taken apart into sentences and the numbers each rests on, as it comes.

Small models do not keep to a form, so that several are read: numbers in brackets before or after
the full stop, several sentences a line, JSON in place of lines, thoughts before the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import AliasChoices, BaseModel, Field, TypeAdapter, ValidationError

from rag.corpus.sentences import sentence_spans
from rag.llm.prompt import NOTHING

_MARKS = re.compile(r"\s*((?:\[\s*\d{1,9}(?:\s*[,;–-]\s*\d{1,9})*\s*\]\s*)+)([.!?]?)")
_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"^```\w*\s*|\s*```$")
_BULLET = re.compile(r"^\s*(?:[-*•]+|\d+[.)])\s+")
_MOST_NUMBERS = 20
"""More numbers after one sentence say nothing about what it rests on."""


@dataclass(frozen=True, slots=True)
class Written:
    """A sentence that a model wrote, and the numbers it gave for it, perhaps none."""

    text: str
    numbers: tuple[int, ...]


class _Item(BaseModel):
    text: str = Field(validation_alias=AliasChoices("sentence", "text", "answer", "claim"))
    numbers: list[int] | int = Field(
        [], validation_alias=AliasChoices("sources", "numbers", "citations", "source", "refs")
    )


class _Items(BaseModel):
    items: list[_Item] = Field(
        validation_alias=AliasChoices("sentences", "answer", "answers", "claims", "items")
    )


_JSON: TypeAdapter[list[_Item] | _Items | _Item] = TypeAdapter(list[_Item] | _Items | _Item)


def sentences(pieces: Iterable[str]) -> Iterator[Written]:
    """The sentences of a reply, each as soon as it is whole; none if the model found no answer."""
    text = ""
    done = 0
    for piece in pieces:
        text += piece
        if _held(text):
            continue
        clean = _THOUGHT.sub("", text)
        end = done + _whole(clean[done:])
        if end > done:
            yield from _lines(clean[done:end])
            done = end
    clean = _THOUGHT.sub("", text)
    if done == 0 and _like_json(clean):
        found = _from_json(clean)
        if found is not None:
            yield from found
            return
    yield from _lines(clean[done:])


def _whole(text: str) -> int:
    """How much of a text is whole sentences: up to a line's end, or to numbers that more words
    follow."""
    end = text.rfind("\n") + 1
    for match in _MARKS.finditer(text, end):
        if text[end : match.start()].strip() and re.match(r"\w", text[match.end() :]):
            end = match.end()
    return end


def _held(text: str) -> bool:
    """True while nothing can be said of the beginning: a thought, or JSON, is not over."""
    opened = text.lower().rfind("<think>")
    if opened >= 0 and "</think>" not in text[opened:].lower():
        return True
    begun = _THOUGHT.sub("", text).lstrip()
    return "<think>".startswith(begun[:7].lower()) or _like_json(begun)


def _like_json(text: str) -> bool:
    begun = text.lstrip()
    # "[1] The mayor …" is a line that begins with its number.
    return begun.startswith(("{", "```")) or bool(re.match(r"\[\s*(?:[{\"]|$)", begun))


def _from_json(text: str) -> list[Written] | None:
    """None if it is no JSON after all."""
    bare = _FENCE.sub("", _FENCE.sub("", text.strip())).strip()
    try:
        read = _JSON.validate_json(bare)
    except ValidationError:
        return None
    items = read.items if isinstance(read, _Items) else read if isinstance(read, list) else [read]
    found = []
    for item in items:
        numbers = [item.numbers] if isinstance(item.numbers, int) else item.numbers
        for written in _lines(item.text):
            found.append(Written(written.text, (*written.numbers, *numbers[:_MOST_NUMBERS])))
    return found


def _lines(text: str) -> Iterator[Written]:
    for line in text.splitlines():
        line = _BULLET.sub("", line).strip()
        if not line or line.strip(" .*`\"'[]").upper() == NOTHING or _FENCE.fullmatch(line):
            continue
        yield from _sentences(line)


def _sentences(line: str) -> Iterator[Written]:
    """A line cut after each group of numbers; sentences before one share it."""
    at = 0
    leading: tuple[int, ...] = ()
    for match in _MARKS.finditer(line):
        words = line[at : match.start()].strip()
        numbers = _numbers(match.group(1))
        at = match.end()
        if not words:
            leading = numbers
            continue
        yield from _cut(words + match.group(2), (*leading, *numbers))
        leading = ()
    rest = line[at:].strip()
    if re.search(r"\w", rest):
        yield from _cut(rest, leading)


def _cut(words: str, numbers: tuple[int, ...]) -> Iterator[Written]:
    for start, end in sentence_spans(words):
        if re.search(r"\w", words[start:end]):
            yield Written(words[start:end], numbers)


def _numbers(marks: str) -> tuple[int, ...]:
    """The numbers of "[1, 3][5-7]"."""
    found: list[int] = []
    for group in re.findall(r"\[([^\]]*)\]", marks):
        for part in re.split(r"[,;]", group):
            ends = [int(n) for n in re.findall(r"\d+", part)]
            if len(ends) == 2 and 0 <= ends[1] - ends[0] < _MOST_NUMBERS:
                found += range(ends[0], ends[1] + 1)
            else:
                found += ends
    return tuple(dict.fromkeys(found))[:_MOST_NUMBERS]
