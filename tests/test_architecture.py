"""The walls: imports go one way, `import rag` stays light, the top level is as agreed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import rag

ROOT = Path(__file__).resolve().parents[1]

# A module imports only from rooms named before its own, or from its own room.
ORDER = [
    "rag.datatypes",
    "rag.settings",
    "rag.corpus",
    "rag.models",
    "rag.index",
    "rag.retrieve",
    "rag.reader",
    "rag.news",
    "rag.llm",
    "rag.answering",
    "rag.resources",
    "rag.voices",
    "rag.evidence",
    "rag.assistant",
    "rag.langchain_retriever",
    "rag.evaluation",
    "rag.page",
    "rag.__main__",
]
# The assistant hands out a retriever, which needs the assistant: imported when asked for. The
# command line's `chat`, `index` and `doctor` likewise.
HEAVY = {"torch", "chromadb", "langchain", "langchain_core", "gradio", "transformers",
         "sentence_transformers", "openvino", "bm25s", "scipy",
         "matplotlib", "ir_measures"}  # fmt: skip


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted((ROOT / "rag").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = path
    return found


def room(name: str) -> int:
    return next(i for i, prefix in enumerate(ORDER) if f"{name}.".startswith(f"{prefix}."))


def top_level_imports(path: Path) -> list[str]:
    """What a module imports when it is imported (not inside functions or for typing alone)."""
    found = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.append(node.module or "")
    return found


def test_every_module_has_its_place_in_the_order():
    assert {name for name in modules() if name != "rag"} == {
        name
        for name in modules()
        if name != "rag" and any(f"{name}.".startswith(f"{p}.") for p in ORDER)
    }
    assert len(modules()) > 25


@pytest.mark.parametrize("name", [name for name in modules() if name != "rag"])
def test_a_module_imports_only_from_earlier_rooms(name: str):
    imports = [i for i in top_level_imports(modules()[name]) if i == "rag" or i.startswith("rag.")]
    late = [i for i in imports if i != "rag" and room(i) > room(name)]
    assert late == []


@pytest.mark.parametrize(
    "name",
    [n for n in modules() if not n.startswith(("rag.page", "rag.langchain_retriever"))],
)
def test_heavy_libraries_are_imported_inside_what_needs_them(name: str):
    heavy = {i.split(".")[0] for i in top_level_imports(modules()[name])} & HEAVY
    assert heavy == set()


def test_import_rag_loads_nothing_heavy():
    program = "import sys, rag; print(sorted(m.split('.')[0] for m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    loaded = set(ast.literal_eval(done.stdout))
    assert loaded & (HEAVY | {"numpy", "pydantic", "sqlalchemy", "rag.assistant"}) == set()


def test_public_names_are_there():
    for name in rag.__all__:
        assert getattr(rag, name).__name__ == name
    for error in ("CorpusError", "IndexNotFoundError", "IndexMismatchError",
                  "ModelUnavailableError", "QuestionSetError"):  # fmt: skip
        assert issubclass(getattr(rag, error), rag.RagError)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        rag.nothing  # noqa: B018


def test_the_top_level_is_what_was_agreed():
    listed = subprocess.run(
        ["git", "ls-files"], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split("\n")
    tops = {line.split("/")[0] for line in listed if line and not line.startswith(".")}
    assert tops <= {
        "rag", "app.py", "index", "seeds", "tests", "pyproject.toml", "README.md", "Makefile",
        "LICENSE", "NOTICE", "CHANGELOG.md", "CONTRIBUTING.md", "constraints.txt",
    }  # fmt: skip
    assert [line for line in listed if line.startswith("index/")] == ["index/README.md"]
