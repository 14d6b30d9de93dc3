"""The arrays that make retrieval quick: one row a passage, in the order of their ids.

``rows.npy`` says which passage, outlet and day a row is; ``outlets.json`` names the outlets;
``vectors.npy`` holds the vectors, for exact search without Chroma: over all rows of a small
collection, over those that a narrow filter lets through of a large one. All are derived from the
store and from Chroma.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from rag.index.store import Store
from rag.index.vectors import Collection, day_number, number_day

_ROW = np.dtype([("passage", "<i8"), ("outlet", "<i4"), ("day", "<i4")])
NO_OUTLET = -1
NO_DAY = 0
_PAGE = 2_000


@dataclass(frozen=True, slots=True)
class Rows:
    """Columns over N passages; ``vectors`` has shape (N, dimension), float32, or float16 where
    there were too many for exact search over all when they were written."""

    passage: np.ndarray
    outlet: np.ndarray
    day: np.ndarray
    outlets: tuple[str, ...]
    vectors: np.ndarray

    def days(self) -> tuple[date, date] | tuple[None, None]:
        """The first and the last day of publication; None, None if no passage has one."""
        dated = self.day[self.day != NO_DAY]
        if not len(dated):
            return None, None
        return number_day(int(dated.min())), number_day(int(dated.max()))

    def codes(self, outlets: frozenset[str]) -> list[int]:
        """The numbers of the outlets that have one of these names, in upper or lower case."""
        wanted = {name.casefold() for name in outlets}
        return [code for code, name in enumerate(self.outlets) if name.casefold() in wanted]

    def mask(
        self,
        outlets: frozenset[str] | None,
        published_from: date | None,
        published_to: date | None,
    ) -> np.ndarray | None:
        """Which rows a filter lets through, shape (N,) bool; None: all. Outlets are compared
        without regard to case; with a date bound, undated passages are left out."""
        if outlets is None and published_from is None and published_to is None:
            return None
        passing = np.ones(len(self.passage), dtype=bool)
        if outlets is not None:
            passing &= np.isin(self.outlet, self.codes(outlets))
        if published_from is not None or published_to is not None:
            passing &= self.day != NO_DAY
        if published_from is not None:
            passing &= self.day >= day_number(published_from)
        if published_to is not None:
            passing &= self.day <= day_number(published_to)
        return passing


def write_rows(folder: Path, store: Store, collection: Collection, *, halved: bool) -> None:
    """Write the arrays of a new generation, from a collection that holds the store's passages;
    ``halved``: vectors in 16 bits, which take half of the room and longer to compute with."""
    codes: dict[str, int] = {}
    records: list[tuple[int, int, int]] = []
    names: list[str] = []
    for number, passage_id, outlet, published, _ in store.passage_rows():
        code = NO_OUTLET if outlet is None else codes.setdefault(outlet, len(codes))
        day = day_number(date.fromisoformat(published)) if published else NO_DAY
        records.append((number, code, day))
        names.append(passage_id)
    np.save(folder / "rows.npy", np.array(records, dtype=_ROW))
    (folder / "outlets.json").write_text(json.dumps(list(codes)), encoding="utf-8")
    width = len(collection.vectors_of(names[:1])[0]) if names else 0
    shape, kind = (len(names), width), np.float16 if halved else np.float32
    vectors = open_memmap(folder / "vectors.npy", mode="w+", dtype=kind, shape=shape)
    for start in range(0, len(names), _PAGE):
        vectors[start : start + _PAGE] = collection.vectors_of(names[start : start + _PAGE])
    vectors.flush()


def load_rows(folder: Path) -> Rows:
    """Open the arrays of a generation, memory-mapped."""
    records = np.load(folder / "rows.npy", mmap_mode="r")
    return Rows(
        passage=np.ascontiguousarray(records["passage"]),
        outlet=np.ascontiguousarray(records["outlet"]),
        day=np.ascontiguousarray(records["day"]),
        outlets=tuple(json.loads((folder / "outlets.json").read_text(encoding="utf-8"))),
        vectors=np.load(folder / "vectors.npy", mmap_mode="r"),
    )
