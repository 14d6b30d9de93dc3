"""The command line, as a process: what it prints, where, and its exit codes."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, SEEDS

import rag

ANSI = re.compile(r"\x1b\[")


def run(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rag", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        timeout=120,
        check=False,
    )


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("rag: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_ask_prints_the_quote_and_its_source(seeds_index):
    done = run("ask", "How much is the military equipment worth?", "--index", str(seeds_index))
    assert done.returncode == 0
    assert done.stderr == ""
    assert "about $7 billion" in done.stdout
    assert "[1] " in done.stdout
    assert "000_af892b8019acd49c.txt:" in done.stdout
    assert not ANSI.search(done.stdout)


def test_ask_json_has_exactly_the_fields_of_an_answer(seeds_index):
    done = run(
        "ask",
        "What would the Taliban be open to US companies investing in?",
        "--json",
        "--index",
        str(seeds_index),
    )
    record = json.loads(done.stdout)
    assert set(record) == set(rag.Answer.__dataclass_fields__)
    assert set(record["citations"][0]) == set(rag.Citation.__dataclass_fields__)
    assert record["citations"][0]["published"] == "2025-03-30"
    assert done.stdout.count("\n") == 1


def test_the_question_path_loads_neither_torch_nor_chroma(seeds_index):
    program = (
        "import sys; from rag.__main__ import main; "
        f"main(['ask', 'Who is Balkhi?', '--index', {str(seeds_index)!r}]); "
        "print(sorted({'torch', 'chromadb', 'transformers', 'gradio', 'langchain'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip().endswith("[]")


def test_abstaining_is_a_success_and_shows_the_nearest(seeds_index):
    done = run("ask", "Who won the football world cup in 1998?", "--index", str(seeds_index))
    assert done.returncode == 0
    assert "Not in the corpus" in done.stdout
    assert "Nearest passages" in done.stdout


def test_search_prints_hits_as_json_lines(seeds_index):
    done = run("search", "arms dealer", "-k", "3", "--json", "--index", str(seeds_index))
    hits = [json.loads(line) for line in done.stdout.splitlines()]
    assert [hit["rank"] for hit in hits] == [1, 2, 3]
    assert any("biggest arms dealer" in hit["passage"]["span"]["text"] for hit in hits)


def test_locate_names_the_difference(seeds_index):
    done = run("locate", "valued at about $700 billion", "--index", str(seeds_index))
    assert done.returncode == 0
    assert "Altered" in done.stdout
    assert "number: pasted “$700”, stored “$7”" in done.stdout
    record = json.loads(
        run("locate", "We have flagged it.", "--json", "--index", str(seeds_index)).stdout
    )
    assert record["status"] == "exact"


def test_corpus_prints_the_overview_of_the_seeds(seeds_index):
    done = run("corpus", "--json", "--index", str(seeds_index))
    found = json.loads(done.stdout)
    assert found["articles"] == sum(count for _, count in found["by_outlet"]) == 3
    assert found["undated"] + sum(count for _, count in found["by_month"]) == 3
    assert (found["copies"], found["copied"]) == (0, 0)
    done = run("corpus", "--index", str(seeds_index))
    assert done.stdout.startswith("3 articles")


def test_index_reports_what_it_skipped(new_index, corpus):
    junk = b"\x7fELF\x00\x01\x02\x03"
    folder = corpus({"a.txt": "A story.\n", "b.bin": b"\x00\x01", "c.txt": junk})
    done = run("index", "--corpus", str(folder), "--index", str(new_index))
    assert done.returncode == 0
    assert "1 articles" in done.stdout
    assert "2 skipped: 1 unsupported, 1 binary." in done.stdout
    assert "\r" not in done.stderr


def test_doctor_says_all_is_well(seeds_index):
    done = run("doctor", "--index", str(seeds_index))
    assert done.returncode == 0, done.stdout
    assert "FAIL" not in done.stdout


@pytest.mark.parametrize("arguments", [[], ["dance"], ["ask"], ["search", "x", "-k", "many"]])
def test_wrong_usage_exits_with_2(arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert "usage:" in done.stderr


def test_a_missing_index_says_how_to_build_one(tmp_path):
    assert "run python -m rag index" in one_line(
        run("ask", "Who?", "--index", str(tmp_path / "no"))
    )


def test_a_missing_corpus_says_what_to_give(tmp_path):
    done = run("index", "--corpus", str(tmp_path / "no"), "--index", str(tmp_path / "index"))
    assert "--corpus" in one_line(done)
    assert not (tmp_path / "index" / "manifest.json").exists()


def test_an_empty_corpus_and_one_full_of_junk_say_so(tmp_path, corpus):
    (tmp_path / "empty").mkdir()
    junk = corpus({"a.bin": b"\x00", "b.txt": "", "c.jsonl": "{not json}\n"})
    for folder, says in ((tmp_path / "empty", "it is empty"), (junk, "3 skipped")):
        done = run("index", "--corpus", str(folder), "--index", str(tmp_path / "index"))
        assert says in one_line(done)


def test_a_bad_setting_names_its_variable():
    assert "RAG_HITS" in one_line(run("ask", "Who?", RAG_HITS="many"))


@pytest.mark.parametrize("rate", ["2", "-0.1", "nan"])
def test_an_error_rate_that_is_no_share_is_one_line(rate, seeds_index):
    done = run("ask", "Who?", f"--error-rate={rate}", "--index", str(seeds_index))
    assert "between 0 and 1" in one_line(done)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        pytest.param(  # free there: it is Gradio that finds the port in use
            "127.0.0.2",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="no such address"),
        ),
    ],
)
def test_a_port_in_use_is_one_line(host, seeds_index):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run("chat", "--host", host, "--port", port, "--index", str(seeds_index))
    assert "--port" in one_line(done)


def test_a_closed_pipe_is_no_error(seeds_index):
    command = f"{sys.executable} -m rag search weapons -k 14 --index {seeds_index} | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr == ""


def test_an_unwritable_terminal_encoding_does_not_stop_an_answer(seeds_index):
    done = run("ask", "What would the Taliban be open to US companies investing in?", "--index", str(seeds_index),
               PYTHONIOENCODING="ascii")  # fmt: skip
    assert done.returncode == 0
    assert "mining operations" in done.stdout


def test_the_seeds_are_three_articles():
    assert sorted(path.name for path in SEEDS.iterdir()) == [
        "000_af892b8019acd49c.txt",
        "003_cde5ec266f19755c.txt",
        "004_98949efb94d48d28.txt",
    ]
