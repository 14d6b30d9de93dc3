"""Which articles may answer: by outlet and day of publication."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from rag.datatypes import RagError


@dataclass(frozen=True, slots=True)
class Filter:
    """Which articles may answer. Bounds are inclusive; None: no bound. ``as_of`` is the day on
    which the question is asked, where it was given; nothing published later passes."""

    outlets: frozenset[str] | None = None
    published_from: date | None = None
    published_to: date | None = None
    as_of: date | None = None

    @property
    def today(self) -> date:
        """The day that "last week" is counted from."""
        return self.as_of or date.today()

    @property
    def by_date(self) -> bool:
        """True if there is a bound on the publication date."""
        return self.published_from is not None or self.published_to is not None

    @property
    def active(self) -> bool:
        """True if some article may be left out."""
        return self.by_date or self.outlets is not None

    def within(self, first: date | None, last: date | None) -> Filter | None:
        """The same filter within closer bounds; None if no day is left."""
        begins = [day for day in (self.published_from, first) if day is not None]
        ends = [day for day in (self.published_to, last) if day is not None]
        if begins and ends and max(begins) > min(ends):
            return None
        return dataclasses.replace(
            self,
            published_from=max(begins, default=None),
            published_to=min(ends, default=None),
        )


def _day(value: date | str | None, name: str) -> date | None:
    if value is None or isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise RagError(f"{name} {value!r} is no date; write it as 2025-03-30.") from error


def read_filter(
    as_of: date | str | None,
    outlets: Iterable[str] | None,
    published_from: date | str | None,
    published_to: date | str | None,
) -> Filter:
    """A filter as a person gives it: days as dates or as 2025-03-30, one outlet or several.

    Raises:
        RagError: A day cannot be read, or the bounds cross.
    """
    first, last = _day(published_from, "published_from"), _day(published_to, "published_to")
    limit = _day(as_of, "as_of")
    if first is not None and last is not None and first > last:
        raise RagError(
            f"published_from {first} lies after published_to {last}; swap them or drop one."
        )
    ends = [day for day in (last, limit) if day is not None]
    if isinstance(outlets, str):
        outlets = [outlets]
    return Filter(
        outlets=None if outlets is None else frozenset(outlets),
        published_from=first,
        published_to=min(ends) if ends else None,
        as_of=limit,
    )
