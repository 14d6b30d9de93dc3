"""A chat model behind LangChain's ``init_chat_model``, with an end to every wait."""

from __future__ import annotations

import importlib.util
import os
import queue
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rag.datatypes import ChatModelError, Check, ModelUnavailableError, RagError
from rag.settings import Settings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

PROVIDERS = {
    "openai": "langchain_openai",
    "ollama": "langchain_ollama",
    "anthropic": "langchain_anthropic",
    "mistralai": "langchain_mistralai",
}
"""Providers with an extra in pyproject.toml, and the package each needs; others that
``init_chat_model`` knows work where their package is installed."""

_ENDS = frozenset({"finish_reason", "done_reason", "stop_reason"})
"""What a whole reply's last chunk says, by provider."""
_CHARS_PER_TOKEN = 8
"""A reply of more characters than this for each token asked for is no reply."""


class ChatModel:
    """Streams replies of one chat model. Thread-safe, as LangChain's clients are."""

    def __init__(self, name: str, model: BaseChatModel, settings: Settings) -> None:
        self.name = name
        self._model = model
        self._seconds = settings.llm_timeout
        self._most = settings.llm_tokens * _CHARS_PER_TOKEN
        self._where = f" at {settings.llm_url}" if settings.llm_url else ""

    def reply(self, system: str, user: str) -> Iterator[str]:
        """The pieces of a reply, as they come.

        Raises:
            ChatModelError: No whole reply within the time-out, or the server failed; one line.
        """
        pieces: queue.SimpleQueue[str | Exception | None] = queue.SimpleQueue()
        stopped = threading.Event()
        # A thread of its own, because a client's time-outs bound each wait and not their sum: a
        # server that sends a character a second would keep a person waiting for ever.
        threading.Thread(
            target=self._pump, args=(system, user, pieces, stopped), daemon=True
        ).start()
        deadline = time.monotonic() + self._seconds
        received = 0
        try:
            while True:
                try:
                    piece = pieces.get(timeout=max(0.0, deadline - time.monotonic()))
                except queue.Empty:
                    raise ChatModelError(
                        f"{self.name} gave no whole reply within {self._seconds:g} seconds"
                    ) from None
                if piece is None:
                    return
                if isinstance(piece, Exception):
                    raise ChatModelError(self._what_happened(piece, received > 0)) from piece
                received += len(piece)
                if received > self._most:
                    raise ChatModelError(f"{self.name} would not stop talking")
                yield piece
        finally:
            stopped.set()

    def _pump(
        self,
        system: str,
        user: str,
        pieces: queue.SimpleQueue[str | Exception | None],
        stopped: threading.Event,
    ) -> None:
        # Of other providers nobody knows how they say that a reply is whole.
        ended = self.name.partition(":")[0] not in PROVIDERS
        try:
            for chunk in self._model.stream([("system", system), ("human", user)]):
                if stopped.is_set():
                    return
                ended = ended or not _ENDS.isdisjoint(chunk.response_metadata)
                pieces.put(str(chunk.text))
            # A connection that a proxy closes in mid-sentence looks like an end, but for this.
            pieces.put(None if ended else ConnectionError("the reply broke off"))
        except Exception as error:
            # Whatever a provider's client raises is the answer to "what happened?".
            pieces.put(error)

    def _what_happened(self, error: Exception, begun: bool) -> str:
        status = getattr(error, "status_code", None)
        kind = type(error).__name__
        lowered = kind.lower()
        if status in {401, 403}:
            said = "refused the key"
        elif status == 404:
            said = "is not known to the server"
        elif status == 429:
            said = "is asked too often just now"
        elif status is not None:
            said = f"failed (status {status})"
        elif "timeout" in lowered:
            said = f"gave no whole reply within {self._seconds:g} seconds"
        elif begun or "broke off" in str(error):
            said = "broke off"
        elif "connect" in lowered:
            said = "cannot be reached"
        else:
            said = f"gave no reply that can be read ({kind})"
        return f"{self.name}{self._where} {said}"


def open_chat_model(settings: Settings) -> ChatModel | None:
    """The chat model that the settings name, or None if they name none. Sends nothing yet.

    Raises:
        ModelUnavailableError: The name has no provider, its package is missing, or its client
            refuses what it was given (no key, mostly).
    """
    name = settings.llm
    if not name:
        return None
    provider, colon, _ = name.partition(":")
    if not colon:
        raise ModelUnavailableError(
            f"the chat model {name!r} names no provider; write openai:{name} or ollama:{name}."
        )
    package = PROVIDERS.get(provider)
    if package and importlib.util.find_spec(package) is None:
        raise ModelUnavailableError(
            f"the chat model {name} needs {package.replace('_', '-')}; run "
            f".venv/bin/pip install -c constraints.txt -e '.[{provider}]'"
        )
    from langchain.chat_models import init_chat_model

    try:
        model = init_chat_model(name, **_options(provider, settings))
    except Exception as error:
        # Each provider's client has exceptions of its own for a missing key or a bad option.
        line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelUnavailableError(
            f"the chat model {name} cannot be opened ({line}); correct RAG_LLM and what its "
            "provider needs, or unset RAG_LLM to answer without."
        ) from error
    return ChatModel(name, model, settings)


def check_chat_model(settings: Settings) -> Check:
    """Whether the chat model that the settings name says anything; asks it for one word."""
    try:
        model = open_chat_model(settings)
        assert model is not None, "the settings name none"
        said = "".join(model.reply("Reply with one word.", "Say yes.")).strip()
    except RagError as error:
        return Check("chat model", False, str(error), "unset RAG_LLM")
    return Check("chat model", bool(said), f"{model.name} replies")


def _options(provider: str, settings: Settings) -> dict[str, Any]:
    """The settings in the provider's own words."""
    if provider == "ollama":
        options: dict[str, Any] = {
            "num_predict": settings.llm_tokens,
            "client_kwargs": {"timeout": settings.llm_timeout},
        }
    else:
        options = {
            "max_tokens": settings.llm_tokens,
            "timeout": settings.llm_timeout,
            "max_retries": settings.llm_retries,
        }
    if settings.llm_url:
        options["base_url"] = settings.llm_url
        if provider == "openai" and not os.environ.get("OPENAI_API_KEY"):
            # Local servers ask for none, but the client does.
            options["api_key"] = "none"
    return {"temperature": 0, **options}
