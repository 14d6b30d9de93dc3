"""From a question as understood to the readings that may answer it: which articles, of which time.

A time in the question prefers the articles of that time: they are read first, and the others only
where those do not answer. What was preferred or left out is said in notes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from rapidfuzz import process

from rag.answering.conversation import Understood
from rag.answering.sides import sides
from rag.datatypes import Citation, Hit
from rag.index.filter import Filter
from rag.news.comparing import read_comparison
from rag.news.saying import read_saying
from rag.news.when import When, event_day, read_event, read_when
from rag.reader import Reader, Reading
from rag.resources import Resources
from rag.retrieve.search import search
from rag.voices import SPOKEN_HITS, compared, said_by

_CARRIED = 2
"""So many passages of the last turn are read for a follow-up, too."""
_EVENT_HITS = 10
"""So many passages are looked through for the day of an event."""
_TIE = 0.85
"""Readings with at least this share of the best one's confidence tie with it."""
_WELL = 0.75
"""Articles of the time asked for answer if they are, by so much, as sure as all articles are."""
_OLD = timedelta(days=30)
"""Evidence older than this is called old."""
_NAMED = 6
"""So many outlets are named where one that was asked for does not exist."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What may answer a question.

    Attributes:
        asked: What the passages were read for.
        hits: Best first.
        readings: Best first; [] without hits.
        notes: Lines for the person.
        parts: Where parties are compared: for each the line to set before it, and its best reading.
        latest: The question asks for how things stand.
        shut_out: True if the question itself names the articles' time and none of that time
            answers: no other may.
    """

    asked: str
    hits: list[Hit]
    readings: list[Reading]
    notes: list[str]
    parts: tuple[tuple[str, Reading], ...] = ()
    latest: bool = False
    shut_out: bool = False


def gather(
    state: Resources, understood: Understood, filter: Filter, depth: int, least: float
) -> Evidence:
    """Search and read, within the time that the question names if that answers.

    Args:
        state: The open index and what reads over it.
        understood: The question, standing alone.
        filter: Which articles may answer.
        depth: How many passages are read.
        least: The confidence at which a reading answers.
    """
    notes = [*understood.notes, *filter_notes(state, filter), *_reader_notes(state.reader)]
    when = _when(state, understood, filter, notes)
    found = _look(state, understood, understood.asked, filter, depth, least)
    if not when.bounded:
        return _finished(found, notes, when, found.hits)
    asked = when.without(understood.asked)
    within = filter.within(when.first, when.last)
    then = _look(state, understood, asked, within, depth, least)
    sure = sides(asked, then.readings, least).confidence
    others = sides(understood.asked, found.readings, least).confidence
    answers = bool(then.readings) and sure >= max(least, _WELL * others)
    notes += _time_notes(state, when, filter, answers=answers)
    if answers or when.strict:
        # What is near is shown, though it may not answer.
        return _finished(then, notes, when, then.hits or found.hits, shut_out=not answers)
    return _finished(found, notes, when, found.hits)


def _look(
    state: Resources,
    understood: Understood,
    asked: str,
    filter: Filter | None,
    depth: int,
    least: float,
) -> Evidence:
    """What the articles of a filter have; nothing where the filter is None."""
    hits = find(state, understood, filter, depth) if filter is not None else []
    if filter is None or not hits:
        return Evidence(asked, [], [], [])
    readings = state.reader.read(asked, state.vector(understood.text), hits)
    comparison = read_comparison(asked)
    if comparison is not None:
        parts = tuple(compared(state, comparison, _around(state, understood, filter), least))
        return Evidence(asked, hits, readings, [], parts)
    saying = read_saying(asked)
    if saying is None:
        return Evidence(asked, hits, readings, [])
    readings = said_by(state, saying, _around(state, understood, filter), readings)
    quoted = any(reading.attribution is not None for reading in readings)
    notes = [] if quoted else [f"No passage near gives words of {saying.who}."]
    return Evidence(asked, hits, readings, notes)


def _around(state: Resources, understood: Understood, filter: Filter) -> list[Hit]:
    """More passages than are read closely: somebody's words may stand in any of them."""
    return find(state, understood, filter, SPOKEN_HITS)


def _finished(
    found: Evidence, notes: list[str], when: When, hits: list[Hit], *, shut_out: bool = False
) -> Evidence:
    return dataclasses.replace(
        found,
        hits=hits,
        readings=newest_first(found.readings) if when.latest else found.readings,
        notes=[*notes, *found.notes],
        latest=when.latest,
        shut_out=shut_out,
    )


def find(state: Resources, understood: Understood, filter: Filter, k: int) -> list[Hit]:
    """The k best passages for a question, some of the turn before it among them where it leans on
    that."""
    vector = state.vector(understood.text)
    hits = search(state.index, understood.text, vector, k=k, filter=filter)
    if understood.before:
        before = search(state.index, understood.before, vector, k=_CARRIED, filter=filter)
        hits = _joined(hits, before)
    return hits


def _joined(hits: list[Hit], others: list[Hit]) -> list[Hit]:
    """The hits and the others that are not among them, in place of the last ones."""
    known = {hit.passage.passage_id for hit in hits}
    more = [hit for hit in others if hit.passage.passage_id not in known]
    kept = hits[: max(1, len(hits) - len(more))]
    return [dataclasses.replace(hit, rank=n) for n, hit in enumerate([*kept, *more], start=1)]


def newest_first(readings: Sequence[Reading]) -> list[Reading]:
    """Of the readings that tie with the best, the newest first; undated ones last of them."""
    if not readings:
        return []
    best = readings[0].confidence
    ties = [reading for reading in readings if reading.confidence >= _TIE * best]
    rest = [reading for reading in readings if reading.confidence < _TIE * best]
    ties.sort(key=lambda reading: reading.hit.passage.published or date.min, reverse=True)
    return [*ties, *rest]


def _when(state: Resources, understood: Understood, filter: Filter, notes: list[str]) -> When:
    """The time the question names, be it by an event whose day the corpus gives."""
    when = read_when(understood.text, filter.today, given=filter.as_of is not None)
    if when.impossible:
        notes.append(f"“{when.impossible}” is no time that there is, so it narrowed nothing.")
    if when.bounded:
        return when
    event = read_event(understood.text)
    if event is None:
        return when
    named = Understood(event.what, event.what)
    dated = event_day(event, find(state, named, filter, _EVENT_HITS))
    if dated is None:
        return when
    day, hit = dated
    notes.append(
        f"{event.what[0].upper()}{event.what[1:]}: {spoken(day)}, by “{hit.passage.title}”."
    )
    return dataclasses.replace(event.when(day), latest=when.latest)


def _time_notes(state: Resources, when: When, filter: Filter, *, answers: bool) -> list[str]:
    """What became of the time that the question names."""
    first, last = state.index.days()
    undated = state.index.undated
    if first is None or last is None:
        return [f"No article has a date, so “{when.words}” narrowed nothing."]
    span = _span(when)
    if answers:
        left = f"; {_articles(undated)} without a date left out" if undated else ""
        return [f"“{when.words}”: answered from articles published {span}{left}."]
    if when.first is not None and when.first > filter.today:
        return [f"“{when.words}” lies in the future: no article can be of then."]
    if when.last is not None and when.last < first and not when.strict:
        # A time before all articles is what they tell of, not when they were published.
        return []
    if when.strict:
        return [f"No article published {span} answers this; the articles are of "
                f"{spoken(first)} to {spoken(last)}."]  # fmt: skip
    return [f"“{when.words}”: no article published {span} answers this well, so all were asked."]


def filter_notes(state: Resources, filter: Filter) -> list[str]:
    """What a filter left out, and what in it matches nothing there is."""
    notes = []
    if filter.by_date:
        total, undated = state.index.articles, state.index.undated
        if total == undated:
            notes.append("No article has a date, so a filter by date leaves none: ask without it.")
        elif undated:
            notes.append(f"The date filter left out {_articles(undated)} without a date.")
    if filter.as_of is not None and filter.as_of > date.today():
        notes.append(f"{spoken(filter.as_of)} lies in the future: as_of leaves out no article.")
    if filter.published_from is not None and filter.published_from > filter.today:
        notes.append(f"{spoken(filter.published_from)} lies in the future: no article is of then.")
    if filter.outlets is not None:
        outlets = state.index.outlets
        known = {name.casefold() for name in outlets}
        missing = sorted(name for name in filter.outlets if name.casefold() not in known)
        if missing:
            near = [name for name, *_ in process.extract(missing[0], outlets, limit=_NAMED)]
            there = f"; the outlets are {', '.join(near)}" if near else ""
            more = " and others" if len(outlets) > len(near) > 0 else ""
            notes.append(f"No article is from {', '.join(missing)}{there}{more}.")
    return notes


def age_note(citations: Sequence[Citation], filter: Filter, *, latest: bool) -> list[str]:
    """Says of when the newest evidence is, where that is old or the newest was asked for."""
    dated = [citation.published for citation in citations if citation.published]
    if not dated:
        return ["No date is known of these articles."] if latest else []
    newest = max(dated)
    if latest or filter.today - newest > _OLD:
        return [f"Newest article on this: {spoken(newest)}."]
    return []


def spoken(day: date) -> str:
    """A day as people write it: 30 March 2025."""
    return day.strftime("%-d %B %Y")


def _articles(count: int) -> str:
    return f"{count} article{'' if count == 1 else 's'}"


def _span(when: When) -> str:
    if when.first is None:
        assert when.last is not None
        return f"up to {spoken(when.last)}"
    if when.last is None:
        return f"from {spoken(when.first)} on"
    if when.first == when.last:
        return f"on {spoken(when.first)}"
    return f"{spoken(when.first)} to {spoken(when.last)}"


def _reader_notes(reader: Reader) -> list[str]:
    """What a person should know who has chosen another reader than the packaged one."""
    if reader.name == "spans":
        return []
    if reader.name == "sentences":
        return ["Read by the sentence reader, without the trained network: less is found."]
    return [f"Read by {reader.name}; the confidence was not fitted to it."]
