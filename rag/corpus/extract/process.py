"""Files read in a process of their own, with limits on processor time and memory.

Hostile files exist that keep the libraries busy for hours (a page of 400 kB with 40,000 attributes
for half a minute).
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import threading
from datetime import date
from types import TracebackType

from rag.corpus.extract import extract
from rag.corpus.extract.extracted import Extracted, ExtractionError

MAX_SECONDS = 60
"""Processor time for one file; an article takes a tenth of a second."""
MAX_MEMORY = 2_000_000_000
"""Bytes of address space of the process that extracts."""

_WALL_SECONDS = 20 * MAX_SECONDS  # on a busy machine; and where processor time has no limit


class ExtractionProcess:
    """Extracts files in a process with limits; a file that breaks them costs only itself.

    The process starts with the first file and takes one after the other; after a file that was too
    much for it a new one starts. Close it, or use it in a ``with`` statement.

    Args:
        seconds: Processor time for each file.
        memory: Bytes of address space.
    """

    def __init__(self, *, seconds: int = MAX_SECONDS, memory: int = MAX_MEMORY) -> None:
        self._seconds = seconds
        self._memory = memory
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> ExtractionProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def extract(self, data: bytes, suffix: str, *, max_chars: int) -> Extracted:
        """As the function ``extract``, in the process.

        Raises:
            ExtractionError: As ``extract``; also ``too_slow``, and ``malformed`` where the file
                makes the process fail.
            OSError: No process can be started.
        """
        if self._process is None:
            self._process = self._start()
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        request = {"suffix": suffix, "max_chars": max_chars, "size": len(data)}
        timer = threading.Timer(_WALL_SECONDS, process.kill)
        timer.start()
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n" + data)
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        finally:
            timer.cancel()
        if not answer.endswith(b"\n"):
            self.close()
            if -process.returncode in {getattr(signal, n, 0) for n in ("SIGXCPU", "SIGKILL")}:
                raise ExtractionError("too_slow", f"takes over {self._seconds} s to read")
            raise ExtractionError("malformed", "reading it fails badly")
        found = json.loads(answer)
        if "reason" in found:
            raise ExtractionError(found["reason"], found["detail"])
        published = found.pop("published")
        return Extracted(**found, published=date.fromisoformat(published) if published else None)

    def close(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        program = (
            f"import sys; sys.path[:] = {sys.path!r}; "
            f"from rag.corpus.extract.process import serve; serve({self._seconds}, {self._memory})"
        )
        return subprocess.Popen(
            [sys.executable, "-I", "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # the libraries warn of every fault of a file
        )


def serve(seconds: int, memory: int) -> None:
    """Answer requests on standard input until it ends: what ``ExtractionProcess`` runs.

    A request is a line of JSON and the bytes of the file, an answer a line of JSON.
    """
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    requests = sys.stdin.buffer
    while line := requests.readline():
        request = json.loads(line)
        data = requests.read(request["size"])
        _limit(seconds, memory)
        answer: dict[str, object]
        try:
            found = extract(data, request["suffix"], max_chars=request["max_chars"])
            answer = {name: getattr(found, name) for name in Extracted.__slots__}
            answer["published"] = found.published and found.published.isoformat()
        except ExtractionError as error:
            answer = {"reason": error.reason, "detail": str(error)}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _limit(seconds: int, memory: int) -> None:
    """Let this process take so much more processor time, and no more memory than it may."""
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    wanted = {
        resource.RLIMIT_CPU: math.ceil(used.ru_utime + used.ru_stime) + seconds,
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CORE: 0,
    }
    for kind, limit in wanted.items():
        most = resource.getrlimit(kind)[1]
        if most != resource.RLIM_INFINITY:
            limit = min(limit, most)
        try:
            resource.setrlimit(kind, (limit, most))
        except (ValueError, OSError):  # macOS refuses some
            continue
