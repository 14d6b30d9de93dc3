"""A PostgreSQL server of the tests' own, in a temporary folder, on a socket of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
FOUND = shutil.which("initdb") or (_FOLDERS and str(_FOLDERS[-1] / "initdb"))
REQUIRED = os.environ.get("RAG_REQUIRE_POSTGRES") == "1"
WHY_NOT = "no PostgreSQL here: install Debian's postgresql to run the tests of the store with it"
PASSWORD = "a password: 100%/é@"
# Nobody: PostgreSQL refuses to run as root.
_NOBODY = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}


@contextmanager
def serving() -> Iterator[str]:
    """A server with an empty database, until the block ends; gives its URL, password and all."""
    if not FOUND:
        raise RuntimeError(WHY_NOT)
    programs = Path(FOUND).parent
    # Short: the path of a socket has 107 bytes at most, and pytest's folders are deep.
    folder = Path(tempfile.mkdtemp(prefix="rag-pg-"))
    try:
        (folder / "password").write_text(PASSWORD)
        if _NOBODY:
            for path in (folder, folder / "password"):
                os.chown(path, 65534, 65534)
        run = {"check": True, "cwd": folder, "stdout": subprocess.DEVNULL, **_NOBODY}
        # Sorted as English is, unlike SQLite: what the store sorts otherwise must say so.
        subprocess.run(
            [programs / "initdb", "-D", folder / "data", "-U", "writer", "-A", "scram-sha-256",
             f"--pwfile={folder / 'password'}", "-E", "UTF8", "--locale=C.UTF-8",
             "--locale-provider=icu", "--icu-locale=en", "--no-sync"],
            **run,
        )  # fmt: skip
        control = [programs / "pg_ctl", "-D", folder / "data", "-w", "-s"]
        options = f"-k {folder} -c listen_addresses= -c fsync=off -c full_page_writes=off"
        subprocess.run([*control, "-l", folder / "log", "-o", options, "start"], **run)
        try:
            from sqlalchemy import URL

            yield URL.create(
                "postgresql", "writer", PASSWORD, database="postgres", query={"host": str(folder)}
            ).render_as_string(hide_password=False)
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], **run)
    finally:
        shutil.rmtree(folder)
