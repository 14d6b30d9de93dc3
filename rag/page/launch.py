"""Start the page: index first if there is none, then serve on the loopback address."""

from __future__ import annotations

import os
import socket
import sys

from rag.assistant import Assistant
from rag.datatypes import IndexNotFoundError, PageError
from rag.settings import Settings


def launch(settings: Settings) -> None:
    """Serve the page until interrupted.

    Raises:
        PageError: The port is in use, or the address cannot be bound.
        RagError: The index cannot be opened or built.
    """
    _check_port(settings.host, settings.port)
    try:
        assistant = Assistant.open(settings.index, settings=settings)
    except IndexNotFoundError:
        from rag.index.build import build_index

        print(f"Building the index from {settings.corpus} …", flush=True)
        build_index(
            settings.corpus, settings.index, progress=sys.stderr.isatty(), settings=settings
        )
        assistant = Assistant.open(settings.index, settings=settings)
    _no_telemetry()
    from rag.page.examples import example_questions
    from rag.page.layout import STYLE, build, theme

    with assistant:
        page = build(assistant, example_questions(assistant))
        address = f"http://{settings.host}:{settings.port}"
        print(f"Chat page: {address}  (Ctrl+C stops it)", flush=True)
        page.launch(
            server_name=settings.host,
            server_port=settings.port,
            share=False,
            quiet=True,
            footer_links=[],
            enable_monitoring=False,
            ssr_mode=False,
            pwa=False,
            theme=theme(),
            css_paths=STYLE,
        )


def _check_port(host: str, port: int) -> None:
    """Fail with one line before any model is loaded."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PageError(
                f"cannot serve on {host}:{port} ({error.strerror}); give another port with "
                "--port, or stop what uses this one."
            ) from error


def _no_telemetry() -> None:
    """Before Gradio is imported: no analytics, no version check, no tracing."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("LANGSMITH_TRACING", "false")
