"""Generations: the folders that a manifest names, who uses them, and when they may go.

Each build writes ``generations/<id>/``. A reader holds a shared lock on the generation it has
open; an old generation is deleted once an exclusive lock on it can be had. All locks die with
their process.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import portalocker

from rag.datatypes import IndexMismatchError, IndexWriteError
from rag.index.manifest import Manifest, read_manifest

_IN_USE = "in-use.lock"


def generation_folder(index: Path, generation: str) -> Path:
    """Where a generation lives."""
    return index / "generations" / generation


def new_generation(index: Path) -> tuple[str, Path]:
    """Make an empty generation; its id sorts by time."""
    stamp = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{time.monotonic_ns() % 1_000_000}"
    folder = generation_folder(index, stamp)
    folder.mkdir(parents=True)
    (folder / _IN_USE).touch()
    return stamp, folder


def copy_generation(old: Path, new: Path) -> None:
    """Copy the store and the vectors; what is rebuilt by every change stays behind."""
    shutil.copyfile(old / "store.sqlite", new / "store.sqlite")
    shutil.copytree(old / "chroma", new / "chroma")


def acquire_current(index: Path) -> tuple[Manifest, Path, IO[str]]:
    """The current manifest and generation, with a shared lock that keeps it from being deleted.

    Raises:
        IndexNotFoundError, IndexMismatchError: As ``read_manifest``; or the folder that the
            manifest names is missing.
    """
    for _ in range(50):
        manifest = read_manifest(index)
        folder = generation_folder(index, manifest.generation)
        try:
            lock = (folder / _IN_USE).open()
        except OSError:
            lock = None
        if lock is not None:
            try:
                portalocker.lock(
                    lock, portalocker.LockFlags.SHARED | portalocker.LockFlags.NON_BLOCKING
                )
            except portalocker.LockException:
                lock.close()
            else:
                # The builder may have swapped between our reading and our locking.
                if read_manifest(index).generation == manifest.generation:
                    return manifest, folder, lock
                lock.close()
        elif read_manifest(index).generation == manifest.generation:
            break
        time.sleep(0.02)
    raise IndexMismatchError(
        f"the index in {index} lacks its generation {manifest.generation}; "
        "run python -m rag index to build it anew."
    )


def delete_unused(index: Path, keep: Collection[str | None]) -> None:
    """Delete every generation but ``keep`` that nobody has open. Call with the writer lock."""
    root = index / "generations"
    for folder in root.iterdir() if root.is_dir() else ():
        if folder.name in keep:
            continue
        try:
            with (folder / _IN_USE).open("a") as lock:
                portalocker.lock(
                    lock, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING
                )
                shutil.rmtree(folder, ignore_errors=True)
        except portalocker.LockException:
            continue  # somebody still reads it; the next build tries again
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def writer_lock(index: Path) -> Iterator[None]:
    """Hold the one writer's place of an index, which is made if missing.

    Raises:
        IndexWriteError: Another build is at work, or the folder cannot be written.
    """
    try:
        index.mkdir(parents=True, exist_ok=True)
        stream = (index / ".writer.lock").open("a")
    except OSError as error:
        raise IndexWriteError(
            f"cannot write the index in {index} ({error.strerror}); make the folder writable or "
            "give another with --index."
        ) from error
    with stream:
        try:
            portalocker.lock(
                stream, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING
            )
        except portalocker.LockException as error:
            raise IndexWriteError(
                f"another process is building the index in {index}; wait for it and run again."
            ) from error
        yield
