"""The reader in every form it could run in: how fast, and whether it still finds the same spans.

    python tests/benchmarks/bench_forms.py [--data FOLDER]

Prints a table for the model card. Each form reads the same 80 batches, a question with the ten
passages around its answer, from held-back encyclopedia paragraphs; fidelity is against torch in 32
bits. The forms of ONNX Runtime need ``pip install onnx onnxscript`` and are left out, aloud,
without. Needs the data folder; see ``bench.py``.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import bench
import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from rag.corpus.chunk import WordPieces, cut_passages
from rag.models.embed import model_folder
from rag.models.light import convert, form_files
from rag.models.span_network import (
    NETWORK,
    assemble,
    best_span,
    build_network,
    opening,
    padded,
)
from rag.reader.datasets import held_back, read_squad_form
from rag.settings import PACKAGED_MODEL

BATCHES, PASSAGES, STEP = 80, 10, 16
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]
Form = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def inputs(data: Path, base: Path) -> list[tuple[Arrays, int, list[int]]]:
    """(ids, mask and token types; where the passage begins; windows' lengths) of each batch."""
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    pieces = WordPieces(base / "tokenizer.json")

    def encode(text: str) -> list[int]:
        return list(tokenizer.encode(text, add_special_tokens=False).ids)

    found: list[tuple[Arrays, int, list[int]]] = []
    name = "squadshifts_new_wiki"
    for article, examples in read_squad_form(data / "train" / f"{name}.json.gz", name):
        passages = cut_passages(article, pieces, max_tokens=128)
        if not held_back(article.doc_id) or len(passages) < PASSAGES:
            continue
        for example in examples[:12]:
            gold = example.spans[0][0]
            at = min(range(len(passages)), key=lambda i: abs(passages[i].span.start - gold))
            at = min(at, len(passages) - PASSAGES)
            start = opening(example.question, article.title, tokenizer)
            windows = [
                assemble(start, encode(p.span.text), tokenizer)
                for p in passages[at : at + PASSAGES]
            ]
            arrays = padded(windows, [len(start)] * PASSAGES, STEP)
            found.append((arrays, len(start), [len(w) for w in windows]))
    return found[:BATCHES]


def forms(base: Path, folder: Path) -> dict[str, Form]:
    """Every form, torch in 32 bits first."""
    import openvino

    network = build_network(base)
    network.load_state_dict({k: v.float() for k, v in load_file(NETWORK).items()}, strict=False)
    network.eval()

    def in_torch(model: torch.nn.Module) -> Form:
        def run(*arrays: np.ndarray) -> np.ndarray:
            return model(*map(torch.from_numpy, arrays)).float().numpy()

        return run

    def in_bfloat16(*arrays: np.ndarray) -> np.ndarray:
        with torch.autocast("cpu", torch.bfloat16):
            return in_torch(network)(*arrays)

    found: dict[str, Form] = {
        "torch, 32 bits": in_torch(network),
        "torch, bfloat16": in_bfloat16,
    }
    example = tuple(torch.ones((2, 8), dtype=torch.long) for _ in range(3))
    convert(network, example, folder)
    for label, precision in (("32 bits", "f32"), ("bfloat16", "bf16")):
        compiled = openvino.Core().compile_model(
            str(form_files(folder)[0]), "CPU", {"INFERENCE_PRECISION_HINT": precision}
        )
        found[f"OpenVINO, {label}"] = lambda *arrays, _run=compiled: _run(list(arrays))[0]
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        print(f"ONNX Runtime: left out ({error}); pip install onnx onnxscript")
        return found
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic

    eager = build_network(base, attention="eager")
    eager.load_state_dict(network.state_dict())
    whole, small = folder / "reader.onnx", folder / "reader8.onnx"
    torch.onnx.export(
        eager.eval(), example, str(whole), input_names=["a", "b", "c"], output_names=["y"],
        dynamic_axes={name: {0: "windows", 1: "tokens"} for name in "abcy"}, dynamo=False,
        opset_version=17,
    )  # fmt: skip
    quantize_dynamic(str(whole), str(small), weight_type=QuantType.QInt8)
    for label, path in (("32 bits", whole), ("8 bits (dynamic)", small)):
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        found[f"ONNX Runtime, {label}"] = lambda *arrays, _session=session: _session.run(
            None, dict(zip("abc", arrays, strict=True))
        )[0]
    return found


def read(
    form: Form, batches: list[tuple[Arrays, int, list[int]]]
) -> tuple[list[tuple[int, int, float]], float]:
    """(start, end, score over "none") of every window, and the median milliseconds of a batch."""
    for arrays, *_ in batches:
        form(*arrays)
    spans, seconds = [], []
    for arrays, first, lengths in batches:
        started = time.perf_counter()
        scores = np.asarray(form(*arrays), dtype=np.float32)
        seconds.append(time.perf_counter() - started)
        for row, length in enumerate(lengths):
            inside = scores[row, first : length - 1]
            score, start, end = best_span(inside[:, 0], inside[:, 1])
            spans.append((start, end, score - float(scores[row, 0].sum())))
    return spans, 1000 * statistics.median(seconds)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=bench.data_folder())
    data = parser.parse_args().data
    if data is None:
        raise SystemExit("put the data in ../shared/data or name it by RAG_BENCH_DATA")
    base = model_folder(PACKAGED_MODEL)
    batches = inputs(data, base)
    print(f"{bench.machine()}; {len(batches)} batches of {PASSAGES} passages")
    print("| form | ten passages, median | same span | score differs, median (largest) |")
    print("|---|---|---|---|")
    reference: list[tuple[int, int, float]] = []
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        for name, form in forms(base, Path(folder)).items():
            spans, milliseconds = read(form, batches)
            reference = reference or spans
            same = np.mean([a[:2] == b[:2] for a, b in zip(reference, spans, strict=True)])
            apart = [abs(a[2] - b[2]) for a, b in zip(reference, spans, strict=True)]
            print(
                f"| {name} | {milliseconds:.0f} ms | {100 * same:.1f} % | "
                f"{np.median(apart):.3f} ({max(apart):.2f}) |",
                flush=True,
            )


if __name__ == "__main__":
    main()
