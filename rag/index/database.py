"""Opening the article store's database, and saying in one line what is wrong with it.

A path names the SQLite file of an index in a folder: once published it is never written again, so
it is read without locks. A URL names a store that stands alone, in PostgreSQL or a SQLite file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool, QueuePool

from rag.datatypes import IndexMismatchError, IndexNotFoundError, IndexWriteError, RagError
from rag.index.generation import writer_lock

_CONNECT_SECONDS = 10
_BUSY_SECONDS = 30
_MOST_CONNECTIONS = 16
_LOST = "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
"""After a minute the server lets go of what a writer held whose machine is gone, not after hours."""


def is_url(place: str | Path) -> bool:
    """True of a URL, False of a path."""
    return isinstance(place, str) and "://" in place


def open_engine(place: str | Path, schema: str | None, *, writing: bool) -> Engine:
    """An engine for a store; nothing is connected yet.

    What goes wrong with a path comes out of it as ``sqlite3.Error``, with a URL as RagError; no
    message has a password in it.

    Raises:
        IndexNotFoundError: The URL is none of SQLite or PostgreSQL, or psycopg is not installed.
    """
    if not is_url(place):
        engine = _sqlite(Path(place), None if writing else "mode=ro&immutable=1")
        event.listen(engine, "handle_error", lambda context: context.original_exception)
        return engine
    url = _parsed(str(place))
    if url.get_backend_name() == "sqlite":
        shown = str(url.database)
        # Not "ro": the first to read after a writer was killed undoes what that left half-written.
        engine = _sqlite(Path(shown), None if writing else "mode=rw")
    else:
        host = url.host or url.query.get("host")
        shown = f"{host or 'localhost'}:{url.port or 5432}/{url.database}"
        engine = _postgresql(url, writing=writing)
        if schema is not None:
            shown += f", schema {schema}"
            engine = engine.execution_options(schema_translate_map={None: schema})

    @event.listens_for(engine, "handle_error")
    def explain(context: ExceptionContext) -> RagError | None:
        # A ping that fails is no failure yet: a new connection is tried.
        if context.sqlalchemy_exception is None or context.is_pre_ping:
            return None
        error = context.original_exception
        first = (str(error).strip() or "no reason given").splitlines()[0]
        where = f"the article store in {shown}"
        if not is_postgresql(engine):
            if writing:
                return IndexWriteError(f"{where} cannot be written ({first}); mend the address.")
            return IndexNotFoundError(f"{where} cannot be read ({first}); mend the address.")
        return _explained(getattr(error, "sqlstate", None) or "", first, where, writing=writing)

    return engine


def _parsed(place: str) -> URL:
    try:
        url = make_url(place)
        known = url.get_backend_name() == "postgresql" or (
            url.get_backend_name() == "sqlite" and url.database
        )
    except (ArgumentError, ValueError):
        known = None
    if not known:
        # From nothing: SQLAlchemy's error names the URL, with its password.
        raise IndexNotFoundError(
            "the address of the article store is none that is known; give one like "
            "postgresql://user:password@host/database or sqlite:///file."
        ) from None
    return url


def _sqlite(path: Path, mode: str | None) -> Engine:
    def connect() -> sqlite3.Connection:
        if mode is None:
            return sqlite3.connect(path, timeout=_BUSY_SECONDS)
        uri = f"{path.resolve().as_uri()}?{mode}"
        connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, check_same_thread=False)
        connection.create_function("folded", 1, str.casefold, deterministic=True)
        connection.execute("PRAGMA query_only = ON")
        return connection

    if mode is None:
        return create_engine("sqlite://", creator=connect, poolclass=NullPool)
    return create_engine(
        "sqlite://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=0,  # as many as there are threads
        pool_reset_on_return=None,
        isolation_level="AUTOCOMMIT",
    )


def _postgresql(url: URL, *, writing: bool) -> Engine:
    url = url.set(drivername="postgresql+psycopg")
    connect: dict[str, Any] = {"connect_timeout": _CONNECT_SECONDS, "client_encoding": "utf8"}
    try:
        if writing:
            connect["options"] = _LOST
            return create_engine(
                url, connect_args=connect, hide_parameters=True, poolclass=NullPool
            )
        return create_engine(
            url,
            connect_args=connect,
            hide_parameters=True,
            isolation_level="AUTOCOMMIT",
            pool_size=_MOST_CONNECTIONS,
            pool_pre_ping=True,  # a server that was started again is met by a new connection
            pool_reset_on_return=None,
        )
    except ModuleNotFoundError as error:
        raise IndexNotFoundError(
            f"an article store in PostgreSQL needs {error.name}, which is not installed; "
            "run pip install 'rag[cluster]'."
        ) from error


def _explained(sqlstate: str, first: str, where: str, *, writing: bool) -> RagError:
    """A line for PostgreSQL's error; a connection that fails has no ``sqlstate``.

    Source of the codes: PostgreSQL's manual, appendix A.
    """
    kind = IndexWriteError if writing else IndexNotFoundError
    if sqlstate.startswith("28") or "authentication failed" in first:
        return kind(f"{where} refuses this user and password; mend them in its address.")
    if sqlstate == "3D000" or ("database" in first and "does not exist" in first):
        return kind(f"{where} has no such database; make it with createdb, or mend the address.")
    if sqlstate == "42501":
        to = "write to" if writing else "read"
        return kind(f"this user may not {to} {where} ({first}); grant it the right to.")
    if sqlstate in ("42P01", "3F000"):
        return kind(f"{where} holds no corpus; ingest one into it, or mend the address.")
    if sqlstate == "42703":
        return IndexMismatchError(f"{where} is of another version ({first}); ingest it anew.")
    if sqlstate.startswith("53"):
        return kind(f"{where} is out of space or of connections ({first}); give it more.")
    if sqlstate.startswith(("08", "57")) or not sqlstate:
        return kind(f"cannot reach {where} ({first}); start the server or mend the address.")
    return kind(f"{where} reports an error ({first}; {sqlstate}); see the server's log.")


def is_postgresql(connectable: Engine | Connection) -> bool:
    """True of PostgreSQL, False of SQLite."""
    return connectable.dialect.name == "postgresql"


def check_encoding(connection: Connection) -> None:
    """Raises IndexMismatchError if a PostgreSQL database cannot hold every character."""
    if not is_postgresql(connection):
        return
    assert connection.connection.dbapi_connection is not None
    info = connection.connection.dbapi_connection.info
    if (encoding := info.parameter_status("server_encoding")) != "UTF8":
        raise IndexMismatchError(
            f"the database {info.dbname} is encoded in {encoding}; make one with createdb "
            "--encoding UTF8 --template template0."
        )


@contextmanager
def one_ingest(url: str, schema: str | None = None) -> Iterator[None]:
    """Hold the place of the one who ingests into a store; it is let go if the process dies.

    Raises:
        IndexWriteError: Another process holds it, or the store cannot be reached.
    """
    with ExitStack() as held:
        engine = open_engine(url, schema, writing=True)
        held.callback(engine.dispose)
        connection = held.enter_context(engine.connect())
        if not is_postgresql(engine):
            held.enter_context(writer_lock(Path(make_url(url).database or "").parent))
        else:
            # A transaction as long as an ingest would keep dead rows from being cleared away.
            connection.execution_options(isolation_level="AUTOCOMMIT")
            key = func.hashtextextended(f"rag ingest {schema or ''}", 0)
            if not connection.scalar(select(func.pg_try_advisory_lock(key))):
                raise IndexWriteError(
                    "another process is ingesting into this article store; wait for it and run "
                    "again."
                )
        yield
