"""A chat model's server with scripted replies, on loopback, so that tests use the real client.

A stand-in for the client would leave untested what goes wrong in practice: what LangChain sends,
and what it raises when a server stalls, breaks off or answers with something else altogether.
"""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JSON = "application/json"
EVENTS = "text/event-stream"
MODEL = "scripted"


@dataclass(frozen=True)
class Says:
    """A whole reply: streamed if the request asks for it, ``pieces`` characters a chunk (0: four)
    and ``delay`` seconds between them."""

    text: str
    pieces: int = 0
    delay: float = 0.0
    finish: str = "stop"


@dataclass(frozen=True)
class Cut:
    """Breaks off after half of ``text``. ``clean``: ends the body properly, as a proxy may, so
    that only the missing finish_reason and [DONE] tell."""

    text: str
    clean: bool = False


@dataclass(frozen=True)
class Stalls:
    """Sends ``text`` (not streaming: half the body), then nothing for ``seconds``, then closes."""

    text: str
    seconds: float


@dataclass(frozen=True)
class Hangs:
    """Takes the request and sends nothing, not even a status, for ``seconds``; then closes."""

    seconds: float


@dataclass(frozen=True)
class Status:
    """An error in OpenAI's form."""

    code: int
    message: str
    retry_after: float | None = None


@dataclass(frozen=True)
class Raw:
    """Status 200 with any body: a login page, half a JSON, events of one's own."""

    body: bytes
    content_type: str = JSON


Reply = Says | Cut | Stalls | Hangs | Status | Raw
Script = Sequence[Reply] | Callable[[dict[str, Any]], Reply]


class ChatServer:
    """Speaks the chat-completions protocol from ``with`` until its end.

    Args:
        script: Replies in order, the last one repeating; or a function of the parsed request. An
            error in that function is answered with 500 and raised again at the end of ``with``.

    Attributes:
        url: The base URL, ending in /v1.
        requests: The chat requests so far: each JSON body, with "path" and "headers" (names in
            lower case) added.
    """

    def __init__(self, script: Script) -> None:
        if not callable(script) and not script:
            raise ValueError("a script needs at least one reply")
        self._script = script
        self._lock = threading.Lock()
        self._failures: list[Exception] = []
        self._http = _Server(self._reply)
        self.requests: list[dict[str, Any]] = []
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> ChatServer:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._http.stop()
        if self._failures:
            raise self._failures[0]

    def _reply(self, request: dict[str, Any]) -> Reply:
        with self._lock:
            self.requests.append(request)
            turn = len(self.requests) - 1
        if not callable(self._script):
            return self._script[min(turn, len(self._script) - 1)]
        try:
            return self._script(request)
        except Exception as error:
            self._failures.append(error)
            return Status(500, f"the test's script raised {error!r}")


class _Server(ThreadingHTTPServer):
    block_on_close = False  # a handler that sleeps must not hold up the test's end

    def __init__(self, reply: Callable[[dict[str, Any]], Reply]) -> None:
        self.reply = reply
        self.closing = threading.Event()
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # HTTPServer's asks DNS for the host's name
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def stop(self) -> None:
        """Refuse new connections and end those that are open, idle or in mid-reply."""
        self.closing.set()
        self.shutdown()
        self.server_close()
        for connection in tuple(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else small chunks wait 40 ms for each other

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the client, or the test's end, hung up
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: pytest shows a test's stderr."""

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            model = {"id": MODEL, "object": "model", "created": 0, "owned_by": "tests"}
            self._send(200, _dump({"object": "list", "data": [model]}))
        else:
            self._answer({}, Status(404, f"Invalid URL (GET {self.path})"))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/v1/chat/completions":
            return self._answer({}, Status(404, f"Invalid URL (POST {self.path})"))
        try:
            request = dict(json.loads(body))
        except (ValueError, TypeError):
            return self._answer({}, Status(400, "The body is not a JSON object."))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.reply({**request, "path": self.path, "headers": headers})
        self._answer(request, reply)

    def _answer(self, request: dict[str, Any], reply: Reply) -> None:
        stream = bool(request.get("stream"))
        if isinstance(reply, Status):
            kind = "server_error" if reply.code >= 500 else "invalid_request_error"
            error = {"message": reply.message, "type": kind, "param": None, "code": None}
            self._send(reply.code, _dump({"error": error}), wait=reply.retry_after)
        elif isinstance(reply, Raw):
            self._send(200, reply.body, reply.content_type)
        elif isinstance(reply, Hangs):
            self._wait_and_close(reply.seconds)
        elif isinstance(reply, Says):
            if stream:
                self._stream(_events(request, reply.text, reply.pieces, reply.finish), reply.delay)
                self._chunk(b"data: [DONE]\n\n")
                self._chunk(b"")
            else:
                self._send(200, _whole(request, reply.text, reply.finish))
        else:
            self._unfinished(request, reply, stream)

    def _unfinished(self, request: dict[str, Any], reply: Cut | Stalls, stream: bool) -> None:
        clean = isinstance(reply, Cut) and reply.clean
        if stream:
            half = len(reply.text) if isinstance(reply, Stalls) else (len(reply.text) + 1) // 2
            self._stream(_events(request, reply.text[:half], 0, None), 0.0)
            if clean:
                self._chunk(b"")
        else:
            body = _whole(request, reply.text, "stop")
            part = body[: len(body) // 2]
            self._send(200, part, length=len(part if clean else body))
        self._wait_and_close(reply.seconds if isinstance(reply, Stalls) else 0.0)

    def _send(
        self,
        code: int,
        body: bytes,
        kind: str = JSON,
        length: int | None = None,
        wait: float | None = None,
    ) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        if wait is not None:
            self.send_header("Retry-After", f"{wait:g}")
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, events: Iterator[dict[str, Any]], delay: float) -> None:
        self.send_response(200)
        self.send_header("Content-Type", EVENTS)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number, event in enumerate(events):
            if number and self.server.closing.wait(delay):
                raise ConnectionAbortedError("the server closes")
            self._chunk(b"data: " + _dump(event) + b"\n\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))  # an empty one ends the body

    def _wait_and_close(self, seconds: float) -> None:
        self.server.closing.wait(seconds)
        self.close_connection = True


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _usage(request: dict[str, Any], text: str) -> dict[str, int]:
    """Counts of words, not of tokens: any numbers will do that add up."""
    asked = sum(len(str(message.get("content")).split()) for message in request.get("messages", ()))
    said = len(text.split())
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


def _base(request: dict[str, Any], kind: str) -> dict[str, Any]:
    model = request.get("model", MODEL)
    return {"id": "chatcmpl-test", "object": kind, "created": 0, "model": model}


def _whole(request: dict[str, Any], text: str, finish: str) -> bytes:
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    base = _base(request, "chat.completion")
    return _dump({**base, "choices": [choice], "usage": _usage(request, text)})


def _events(
    request: dict[str, Any], text: str, pieces: int, finish: str | None
) -> Iterator[dict[str, Any]]:
    """The chunks of a streamed reply; ``finish`` None leaves off the closing ones."""
    counted = bool((request.get("stream_options") or {}).get("include_usage"))
    base = _base(request, "chat.completion.chunk") | ({"usage": None} if counted else {})

    def chunk(delta: dict[str, str], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**base, "choices": [choice]}

    yield chunk({"role": "assistant", "content": ""})
    size = pieces or 4
    for start in range(0, len(text), size):
        yield chunk({"content": text[start : start + size]})
    if finish is not None:
        yield chunk({}, finish)
        if counted:
            yield {**base, "choices": [], "usage": _usage(request, text)}
