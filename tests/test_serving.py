"""Several processes on one index, while it is built anew: no question fails, and each process comes
to see the new articles."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import rag

ASKING = """
import json, sys, time
import rag

index, until, at_least = sys.argv[1], sys.argv[2], int(sys.argv[3])
print("open", flush=True)
asked, since, deadline = 0, None, time.monotonic() + 120
with rag.Assistant.open(index) as assistant:
    while time.monotonic() < deadline:
        answer = assistant.answer("What did the ferry to Bornholm cost?", error_rate=1.0)
        texts = {hit.passage.span.doc_id: assistant.article(hit.passage.span.doc_id).text
                 for hit in answer.hits}
        for cited in answer.citations:
            text = assistant.article(cited.doc_id).text
            assert text[cited.start:cited.end] == cited.quote
        asked += 1
        if asked == 1:
            print("asked", flush=True)
        if until in texts and since is None:
            since = asked
        if since is not None and asked >= since + at_least:
            break
print(json.dumps([asked, since]), flush=True)
"""


def test_processes_that_answer_while_the_index_is_built_anew_come_to_use_the_new_one(place: Path):
    corpus, index = place / "corpus", place / "index"
    command = [sys.executable, "-c", ASKING, str(index), "boat.txt", "3"]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in running:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["open\n", "asked\n"]
    for number in range(3):
        text = (
            f"The ferry to Bornholm cost {40 + number} kroner, the harbour master said on Monday."
        )
        (corpus / "boat.txt").write_text(text)
        assert rag.build_index(corpus, index).articles == 4
    for process in running:
        out, errors = process.communicate(timeout=150)
        assert process.returncode == 0, errors
        asked, since = json.loads(out)
        assert since is not None
        assert asked >= since + 3
    with rag.Assistant.open(index) as assistant:
        answer = assistant.answer("What did the ferry to Bornholm cost?", error_rate=1.0)
        assert "42 kroner" in answer.text
    # The generations that the processes had open are gone with the next build.
    rag.build_index(corpus, index)
    assert len(list((index / "generations").iterdir())) == 1
