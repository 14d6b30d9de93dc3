"""Is everything in place? Checks of the installation and of an index, a line each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shlex import quote

import numpy as np

from rag.datatypes import Check, CorpusError, RagError
from rag.index.manifest import (
    LIBRARIES,
    Manifest,
    encoder_folder,
    library_versions,
    read_manifest,
    reader_folder,
)
from rag.index.opened import OpenIndex
from rag.index.remote import PENDING, RemoteIndex
from rag.index.sources import corpus_root, corpus_unchanged
from rag.models.embed import MIN_COSINE, find_model
from rag.models.light import form_sha256, has_form
from rag.models.span_network import network_sha256
from rag.settings import Settings

_PROBE_ROWS = 8


def examine(index: Path | str, settings: Settings) -> Iterator[Check]:
    """Check the libraries, the model, and the index in a folder or at the URL of a Milvus server;
    stops at what prevents more."""
    versions = library_versions()
    missing = [name for name, found in versions.items() if found == "missing"]
    yield Check(
        "libraries",
        not missing,
        ", ".join(f"{name} {versions[name]}" for name in LIBRARIES),
        "pip install -c constraints.txt " + " ".join(missing) if missing else "",
    )
    try:
        model = find_model(settings.embed_model)
    except RagError as error:
        yield Check("embedding model", False, str(error), "make setup")
        return
    yield Check("embedding model", True, f"{model.name}, weights {model.sha256[:12]}…")
    rebuild = f"python -m rag index --index {quote(str(index))}"
    if isinstance(index, str):
        yield from _examine_remote(index, settings, rebuild)
        return
    try:
        manifest = read_manifest(index)
    except RagError as error:
        yield Check("index", False, str(error), rebuild)
        return
    renew = f"{rebuild} --corpus {quote(str(corpus_root(index, manifest)))}"
    anew = f"rm {quote(str(index / 'manifest.json'))} && {renew}"
    try:
        opened = OpenIndex(index, settings)
    except RagError as error:
        yield Check("index", False, str(error), anew)
        return
    try:
        yield Check(
            "index",
            True,
            f"generation {manifest.generation}, {manifest.articles} articles, "
            f"{manifest.passages} passages",
        )
        yield from _examine_open(opened, index, settings, renew, anew)
    finally:
        opened.close()


def _examine_remote(url: str, settings: Settings, rebuild: str) -> Iterator[Check]:
    try:
        opened = RemoteIndex(url, settings)
    except RagError as error:
        yield Check("index", False, str(error), rebuild)
        return
    with closing(opened):
        store, collection = opened.store, opened.collection
        passages = store.passage_count()
        where = f"collection {collection.name} at {url}"
        yield Check("index", True, f"{where}, {opened.articles} articles, {passages} passages")
        unfinished = len(store.facts(PENDING))
        yield Check(
            "last ingest",
            not unfinished,
            f"{unfinished} batches are unfinished" if unfinished else "it was finished",
            rebuild if unfinished else "",
        )
        problems = store.check()
        yield _check_texts(problems, f"{rebuild} --replace")
        held = collection.count()
        yield Check(
            "Milvus",
            held == passages,
            f"version {collection.version}, {held} of {passages} passages",
            rebuild + " --replace" if held != passages else "",
        )
        try:
            opened.networks.encoder.encode(["probe"])
        except RagError as error:
            yield Check("question encoder", False, str(error), rebuild)
            return
        yield Check("question encoder", True, f"{opened.networks.encoder.dimension} dimensions")


def _check_texts(problems: list[str], anew: str) -> Check:
    return Check(
        "article store",
        not problems,
        "; ".join(problems[:3]) or "every text has its hash, every passage is its slice",
        anew if problems else "",
    )


def _examine_open(
    opened: OpenIndex, index: Path, settings: Settings, renew: str, anew: str
) -> Iterator[Check]:
    """``renew`` brings the index up to date, ``anew`` builds it from nothing."""
    manifest = opened.manifest
    now = library_versions()
    moved = [
        f"{name} {then} → {now.get(name)}"
        for name, then in manifest.libraries.items()
        if now.get(name) != then
    ]
    yield Check(
        "built with these libraries",
        not moved,
        "; ".join(moved) or "the same versions",
        anew if moved else "",
    )
    root = corpus_root(index, manifest)
    try:
        same = corpus_unchanged(index, manifest, root, settings)
        detail = f"{root} is unchanged" if same else f"{root} changed since the index was built"
    except CorpusError as error:
        same, detail = False, str(error)
        renew = f"python -m rag index --index {quote(str(index))} --corpus FOLDER --replace"
    yield Check("corpus", same, detail, "" if same else renew)
    try:
        problems = opened.store.check()
        passage_rows = list(opened.store.passage_rows())
    except sqlite3.Error as error:
        yield Check("article store", False, f"cannot be read ({error})", anew)
        return
    yield _check_texts(problems, anew)
    stored = {row[1] for row in passage_rows}
    try:
        in_chroma = opened.collection.ids()
        chroma = f"{len(in_chroma & stored)} of {len(stored)} passages"
        sound = in_chroma == stored
    except Exception as error:  # whatever Chroma raises on damaged files is the finding
        sound, chroma = False, f"cannot be read ({error})"
    yield Check("Chroma", sound, chroma, "" if sound else anew)
    rows = opened.rows
    numbers = [row[0] for row in passage_rows]
    aligned = list(rows.passage) == numbers and opened.postings.size == len(numbers)
    yield Check(
        "BM25 and arrays",
        aligned,
        f"{opened.postings.size} of {len(numbers)} passages, in the store's order"
        if aligned
        else "rows differ from the store",
        "" if aligned else anew,
    )
    if sound and aligned and len(numbers):
        cosine = _least_cosine(opened)
        fits = cosine >= MIN_COSINE
        yield Check(
            "vectors",
            fits,
            f"agree with Chroma (least cosine {cosine:.6f})",
            "" if fits else anew,
        )
    yield _check_encoder(opened, index, renew)
    if settings.reader == "spans":
        yield _check_reader(manifest, index, renew)
    elif settings.reader != "sentences":
        yield _check_other_reader(settings.reader)


def _check_encoder(opened: OpenIndex, index: Path, renew: str) -> Check:
    embedding = opened.manifest.embedding
    prepared = quote(str(encoder_folder(index, embedding.sha256)))
    mend = f"rm -rf {prepared} && {renew}" if embedding.light_sha256 else f"{renew} --replace"
    try:
        size = opened.networks.encoder.encode(["probe"]).shape[1]
    except RagError as error:
        return Check("question encoder", False, str(error), mend)
    fits = size == embedding.dimension
    return Check("question encoder", fits, f"{size} dimensions", "" if fits else mend)


def _check_reader(manifest: Manifest, index: Path, renew: str) -> Check:
    try:
        sha256 = network_sha256()
    except RagError as error:
        return Check("reader", False, str(error), "make setup")
    folder, info = reader_folder(index, sha256), manifest.reader
    if info is None or info.sha256 != sha256:
        return Check("reader", False, "the index was prepared for another reader", renew)
    mend = f"rm -rf {quote(str(folder))} && {renew}"
    if not has_form(folder) or form_sha256(folder) != info.light_sha256:
        return Check("reader", False, f"the prepared form in {folder} is missing or altered", mend)
    return Check("reader", True, f"weights {sha256[:12]}…")


def _check_other_reader(name: str) -> Check:
    from rag.models.qa_model import QAModelNetwork

    try:
        network = QAModelNetwork(name)
    except RagError as error:
        return Check("reader", False, str(error), "unset RAG_READER")
    return Check("reader", True, f"{name}, weights {network.sha256[:12]}…")


def _least_cosine(opened: OpenIndex) -> float:
    """Between the arrays' vectors and Chroma's, over a few passages."""
    ids, vectors = next(iter(opened.collection.vectors()))
    rows = opened.find(ids[:_PROBE_ROWS])
    own = opened.rows.vectors[rows].astype(np.float32)
    return float(np.min((own * vectors[:_PROBE_ROWS]).sum(axis=1)))
