"""Start the page: index first if there is none, then serve on the loopback address."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys

from rag.assistant import Assistant
from rag.datatypes import IndexNotFoundError, PageError
from rag.settings import Settings

PUBLIC_QUEUE = 100
"""Most events that wait on a public page; more are told to come back."""


def launch(settings: Settings) -> None:
    """Serve the page until interrupted.

    Raises:
        PageError: The port is in use, or the address cannot be bound.
        RagError: The index cannot be opened or built.
    """
    login = _login(settings)
    _check_port(settings.host, settings.port)
    try:
        assistant = Assistant.open(settings.index, settings=settings)
    except IndexNotFoundError:
        if isinstance(settings.index, str):
            raise
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
        page = build(assistant, settings, example_questions(assistant))
        page.queue(max_size=PUBLIC_QUEUE if settings.public else None)
        try:
            page.launch(
                server_name=settings.host,
                server_port=settings.port,
                share=settings.share,
                auth=login,
                max_file_size=int(settings.max_upload_mb * 1_000_000),
                mcp_server=True,
                quiet=True,
                footer_links=[],
                enable_monitoring=False,
                ssr_mode=False,
                pwa=False,
                theme=theme(),
                css_paths=STYLE,
                prevent_thread_lock=True,
            )
        except OSError as error:
            # Taken since it was tried; or on 127.0.0.1, which Gradio tries whatever the address.
            raise _cannot_serve(settings.host, settings.port, "it is in use") from error
        print(f"Chat page: http://{settings.host}:{settings.port}  (Ctrl+C stops it)", flush=True)
        reachable = settings.share or not _is_loopback(settings.host)
        if reachable and not (login or settings.public):
            print(
                "Anybody who reaches this address can change what is kept here; set RAG_USER and "
                "RAG_PASSWORD, or start it with --public.",
                flush=True,
            )
        page.block_thread()


def _login(settings: Settings) -> tuple[str, str] | None:
    """Name and password, if both are set.

    Raises:
        PageError: One is set without the other.
    """
    password = settings.password.get_secret_value()
    if bool(settings.user) != bool(password):
        raise PageError(
            "RAG_USER and RAG_PASSWORD go together; set both, or neither for a page without login."
        )
    return (settings.user, password) if password else None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_port(host: str, port: int) -> None:
    """Fail with one line before any model is loaded."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise _cannot_serve(host, port, str(error.strerror)) from error


def _cannot_serve(host: str, port: int, why: str) -> PageError:
    return PageError(
        f"cannot serve on {host}:{port} ({why}); give another port with --port, or stop what uses "
        "this one."
    )


def _no_telemetry() -> None:
    """Before Gradio is imported: no analytics, no version check, no tracing."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("LANGSMITH_TRACING", "false")
