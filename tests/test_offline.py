"""No outbound connection: not while indexing, not while asking, not with the network unplugged."""

from __future__ import annotations

import shutil
import subprocess
import sys

from conftest import ROOT

PROGRAM = """
import socket, sys, tempfile
tried = []
def loopback(host):
    return host in (None, "", b"", "localhost", "127.0.0.1", "::1", b"localhost", b"127.0.0.1")
real_connect, real_lookup = socket.socket.connect, socket.getaddrinfo
def connect(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6) and not loopback(address[0]):
        tried.append(address); raise OSError("blocked by the test")
    return real_connect(self, address)
def lookup(host, *rest, **more):
    if not loopback(host):
        tried.append(host); raise OSError("blocked by the test")
    return real_lookup(host, *rest, **more)
socket.socket.connect, socket.getaddrinfo = connect, lookup
socket.socket.connect_ex = connect
import rag
with tempfile.TemporaryDirectory() as folder:
    rag.build_index("seeds", folder)
    with rag.Assistant.open(folder) as assistant:
        answers = [assistant.answer(q) for q in (
            "How much is the equipment left in Afghanistan worth?",
            "What would the Taliban be open to US companies investing in?",
            "Who won the football world cup in 1998?")]
        assistant.as_retriever().invoke("mining operations")
        assistant.locate("We have flagged it.")
        import rag.page.launch
        rag.page.launch._no_telemetry()
        from rag.page.layout import build
        from rag.settings import load_settings
        build(assistant, load_settings(index=folder), [])
print([a.abstained for a in answers], tried)
"""


def test_nothing_is_asked_of_another_host():
    # In a network namespace of its own, where the machine permits one, even what does not go
    # through Python has nobody to talk to.
    unplugged = ["unshare", "--net", "--map-root-user"]
    possible = shutil.which("unshare") and not subprocess.run([*unplugged, "true"]).returncode
    done = subprocess.run(
        [*(unplugged if possible else []), sys.executable, "-c", PROGRAM], cwd=ROOT,
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "[False, False, True] []"
