"""The README tells the truth: its example output, its Python, its measured table."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import update_readme
from conftest import ROOT

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))
import readme as measured


def test_the_shown_output_is_the_real_one(seeds_index):
    real = update_readme.example(seeds_index)
    assert update_readme.without_measurements(update_readme.shown()) == (
        update_readme.without_measurements(real)
    )


def test_the_measured_tables_are_those_of_the_stored_results():
    assert measured.section(measured.MEASURED) == measured.table()
    assert measured.section(measured.READER) == measured.reader_table()
    assert measured.section(measured.PEERS) == measured.peers()


def test_the_python_example_runs(tmp_path, monkeypatch, capsys, new_index):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = text.split("## From Python")[1]
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert code is not None
    (tmp_path / "seeds").symlink_to(ROOT / "seeds")
    monkeypatch.chdir(tmp_path)
    exec(compile(code.group(1), "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "$7 billion" in printed
    assert "altered" in printed


def test_every_path_named_in_the_readme_exists():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in re.findall(r"`(rag/[\w/]+(?:\.py)?)/?`", text):
        assert (ROOT / path).exists(), path
