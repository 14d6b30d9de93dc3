"""Opening the article store's database, and saying in one line what is wrong with it.

A path names the SQLite file of an index in a folder: once published it is never written again, so
it is read without locks. A URL names a store that stands alone, in PostgreSQL or a SQLite file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool, QueuePool

from rag.datatypes import IndexMismatchError, IndexNotFoundError, IndexWriteError, RagError
from rag.index.generation import writer_lock

_CONNECT_SECONDS = 10
_BUSY_SECONDS = 30
_MOST_CONNECTIONS = 16
_EXAMPLE = "postgresql://user:password@host/database"


def is_url(place: str | Path) -> bool:
    """True of a URL, False of a path."""
    return isinstance(place, str) and "://" in place


def open_engine(place: str | Path, schema: str | None, *, writing: bool) -> Engine:
    """An engine for a store; nothing is connected yet.

    SQLite's own errors come out of it as they are (``sqlite3.Error``), those of PostgreSQL as
    RagErrors; no message has a password in it.

    Raises:
        IndexNotFoundError: The URL is none of SQLite or PostgreSQL, or psycopg is not installed.
    """
    if not is_url(place):
        return _sqlite(Path(place), None if writing else "mode=ro&immutable=1")
    try:
        url = make_url(str(place))
        if url.get_backend_name() == "sqlite" and url.database:
            return _sqlite(Path(url.database), None if writing else "mode=ro")
        if url.get_backend_name() == "postgresql":
            return _postgresql(url, schema, writing=writing)
    except (ArgumentError, NoSuchModuleError, ValueError):
        pass  # said below: these name the URL with its password
    except ModuleNotFoundError as error:
        raise IndexNotFoundError(
            f"an article store in PostgreSQL needs {error.name}, which is not installed; "
            "run pip install 'rag[cluster]'."
        ) from error
    raise IndexNotFoundError(
        f"the address of the article store is none that is known; give one like {_EXAMPLE} or "
        "sqlite:///file."
    )


def _sqlite(path: Path, mode: str | None) -> Engine:
    def connect() -> sqlite3.Connection:
        if mode is None:
            return sqlite3.connect(path, timeout=_BUSY_SECONDS)
        uri = f"{path.resolve().as_uri()}?{mode}"
        connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, check_same_thread=False)
        connection.create_function("folded", 1, str.casefold, deterministic=True)
        return connection

    if mode is None:
        engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    else:
        engine = create_engine(
            "sqlite://",
            creator=connect,
            poolclass=QueuePool,
            pool_size=0,  # as many as there are threads
            pool_reset_on_return=None,
            isolation_level="AUTOCOMMIT",
        )
    event.listen(engine, "handle_error", lambda context: context.original_exception)
    return engine


def _postgresql(url: URL, schema: str | None, *, writing: bool) -> Engine:
    url = url.set(drivername="postgresql+psycopg")
    options = {"connect_args": {"connect_timeout": _CONNECT_SECONDS}, "hide_parameters": True}
    if writing:
        engine = create_engine(url, poolclass=NullPool, **options)
    else:
        engine = create_engine(
            url,
            isolation_level="AUTOCOMMIT",
            pool_size=_MOST_CONNECTIONS,
            pool_pre_ping=True,  # a server that was started again is met by a new connection
            pool_reset_on_return=None,
            **options,
        )
    shown = URL.create(
        "postgresql", host=url.host or str(url.query.get("host", "")) or None, port=url.port,
        database=url.database,
    ).render_as_string()  # fmt: skip
    if schema is not None:
        shown += f", schema {schema}"
        engine = engine.execution_options(schema_translate_map={None: schema})

    @event.listens_for(engine, "handle_error")
    def explain(context: ExceptionContext) -> RagError | None:
        import psycopg

        error = context.original_exception
        if not isinstance(error, psycopg.Error):
            return None
        return _explained(error.sqlstate or "", str(error), shown, writing=writing)

    return engine


def _explained(sqlstate: str, message: str, shown: str, *, writing: bool) -> RagError:
    """A line for PostgreSQL's error; failing to connect has no ``sqlstate``.

    Source of the codes: PostgreSQL's manual, appendix A.
    """
    first = message.strip().splitlines()[0].strip() if message.strip() else "no reason given"
    where = f"the article store in {shown}"
    kind = IndexWriteError if writing else IndexNotFoundError
    if sqlstate.startswith("28") or "authentication failed" in message:
        return kind(f"{where} refuses this user and password; mend them in its address.")
    if sqlstate == "3D000" or ("database" in first and "does not exist" in message):
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
