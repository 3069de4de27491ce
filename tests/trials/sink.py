"""A real SMTP server as a process, slow and sometimes busy.

Usage: python -m tests.trials.sink FOLDER PORT SHARE DELAY; says "ready".

A share of the letters is answered 451, each takes DELAY seconds; what is taken is kept as a file
halfway, before it is acknowledged.
"""

import asyncio
import itertools
import random
import sys
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class Slow:
    """Writes each letter to the folder, or asks to come again."""

    def __init__(self, folder: Path, share: float, delay: float) -> None:
        self.folder, self.share, self.delay = folder, share, delay
        self.numbers, self.source = itertools.count(1), random.Random(1)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the library's name
        await asyncio.sleep(self.delay / 2)
        if self.source.random() < self.share:
            return "451 4.3.0 busy, try later"
        assert isinstance(envelope.content, bytes)
        written = self.folder / f"{next(self.numbers):06}.part"
        written.write_bytes(envelope.content)
        written.rename(written.with_suffix(".eml"))
        await asyncio.sleep(
            self.delay / 2
        )  # the worst moment to be killed in: kept, and nobody has heard of it
        return "250 kept"


def main() -> None:
    """Serves until its standard input ends."""
    folder, port, share, delay = (
        Path(sys.argv[1]),
        int(sys.argv[2]),
        float(sys.argv[3]),
        float(sys.argv[4]),
    )
    folder.mkdir(exist_ok=True)
    controller = Controller(Slow(folder, share, delay), hostname="127.0.0.1", port=port)
    controller.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    controller.stop()


if __name__ == "__main__":
    main()
