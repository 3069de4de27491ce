"""A real SMTP server as a process: keeps every letter as a file.

Usage: python sink.py FOLDER PORT; says "ready".
"""

import sys
import time
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class Keeper:
    """Writes each letter to the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.number = folder, 0

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the library's name
        """Keeps one letter."""
        self.number += 1
        assert isinstance(envelope.content, bytes)
        (self.folder / f"{self.number:04}.eml").write_bytes(envelope.content)
        return "250 kept"


def main() -> None:
    """Serves until its standard input ends."""
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    controller = Controller(Keeper(folder), hostname="127.0.0.1", port=int(sys.argv[2]))
    controller.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    controller.stop()
    time.sleep(0.1)


if __name__ == "__main__":
    main()
