"""The arrays that make retrieval quick: one row a passage, in the order of their ids.

``rows.npy`` says which passage, outlet and day a row is; ``outlets.json`` names the outlets;
``vectors.npy`` holds the vectors of a small collection, for exact search without opening Chroma.
All are derived from the store and from Chroma.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from rag.index.store import Store
from rag.index.vectors import Collection, day_number, number_day

_ROW = np.dtype([("passage", "<i8"), ("outlet", "<i4"), ("day", "<i4")])
NO_OUTLET = -1
NO_DAY = 0


@dataclass(frozen=True, slots=True)
class Rows:
    """Columns over N passages; ``vectors`` has shape (N, dimension), or is None beyond the limit
    for exact search."""

    passage: np.ndarray
    outlet: np.ndarray
    day: np.ndarray
    outlets: tuple[str, ...]
    vectors: np.ndarray | None

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


def write_rows(folder: Path, store: Store, collection: Collection | None) -> None:
    """Write the arrays of a new generation; vectors only if ``collection`` is given."""
    codes: dict[str, int] = {}
    records: list[tuple[int, int, int]] = []
    order: dict[str, int] = {}
    for number, passage_id, outlet, published, _ in store.passage_rows():
        code = NO_OUTLET if outlet is None else codes.setdefault(outlet, len(codes))
        day = day_number(date.fromisoformat(published)) if published else NO_DAY
        order[passage_id] = len(records)
        records.append((number, code, day))
    np.save(folder / "rows.npy", np.array(records, dtype=_ROW))
    (folder / "outlets.json").write_text(json.dumps(list(codes)), encoding="utf-8")
    if collection is None:
        return
    vectors = None
    for passage_ids, page in collection.vectors():
        if vectors is None:
            vectors = np.zeros((len(records), page.shape[1]), dtype=np.float32)
        vectors[[order[passage_id] for passage_id in passage_ids]] = page
    np.save(folder / "vectors.npy", vectors if vectors is not None else np.zeros((0, 0), "f4"))


def load_rows(folder: Path) -> Rows:
    """Open the arrays of a generation, memory-mapped."""
    records = np.load(folder / "rows.npy", mmap_mode="r")
    vectors = folder / "vectors.npy"
    return Rows(
        passage=np.ascontiguousarray(records["passage"]),
        outlet=np.ascontiguousarray(records["outlet"]),
        day=np.ascontiguousarray(records["day"]),
        outlets=tuple(json.loads((folder / "outlets.json").read_text(encoding="utf-8"))),
        vectors=np.load(vectors, mmap_mode="r") if vectors.is_file() else None,
    )
