"""A plain SMTP server as a process, quick enough to measure against.

It can refuse, wait, and kill who sends to it.

Usage: python quick_sink.py PORT LOG [--delay SECONDS] [--later SHARE] [--octets]
       [--kill PIDFILE N N ...]

It says "ready". It writes one line of JSON per accepted letter to LOG: when, to whom, Message-ID,
Date, size, with --octets all of it. With --kill the processes whose numbers stand in PIDFILE are
killed right after letter N was accepted, before they hear so.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import signal
import sys
import time
from pathlib import Path
from typing import TextIO

LONGEST = 4 * 1024 * 1024
_HEADER = re.compile(rb"^(Message-ID|Date|To): (.*)\r?$", re.IGNORECASE | re.MULTILINE)


class Sink:
    """What was asked for, and what arrived."""

    def __init__(self, asked: argparse.Namespace, log: TextIO) -> None:
        self.delay, self.later, self.octets, self.log = asked.delay, asked.later, asked.octets, log
        self.pid_file, self.kills = (
            (Path(asked.kill[0]), {int(n) for n in asked.kill[1:]}) if asked.kill else (None, set())
        )
        self.accepted, self.chance = 0, random.Random(7)
        self.refused: set[bytes] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One conversation."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._converse(reader, writer)
        writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 sink\r\n")
        to = b""
        while line := await reader.readline():
            word = line[:4].upper()
            if word == b"RCPT":
                to = line.split(b"<")[1].split(b">")[0]
            if word == b"DATA":
                writer.write(b"354 go on\r\n")
                octets = await reader.readuntil(b"\r\n.\r\n")
                answer = self._accept(to, octets)
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(answer)
            elif word == b"QUIT":
                writer.write(b"221 bye\r\n")
                return
            else:
                writer.write(self._answer(word, to))

    def _answer(self, word: bytes, to: bytes) -> bytes:
        if (
            word == b"RCPT"
            and self.later
            and to not in self.refused
            and self.chance.random() < self.later
        ):
            self.refused.add(to)
            return b"451 4.3.0 later\r\n"
        return b"250 ok\r\n"

    def _accept(self, to: bytes, octets: bytes) -> bytes:
        self.accepted += 1
        headers = {
            name.decode().lower(): value.decode().strip()
            for name, value in _HEADER.findall(octets.partition(b"\r\n\r\n")[0])
        }
        row = {
            "at": time.time(),
            "to": to.decode(),
            "id": headers.get("message-id"),
            "date": headers.get("date"),
            "size": len(octets),
        }
        if self.octets:
            row["octets"] = octets[:-5].decode("ascii")
        self.log.write(json.dumps(row) + "\n")
        self.log.flush()
        if self.accepted in self.kills and self.pid_file:
            for process in self.pid_file.read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(process), signal.SIGKILL)
        return b"250 kept\r\n"


async def main() -> None:
    """Serves until its standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("log", type=Path)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--later", type=float, default=0.0)
    parser.add_argument("--octets", action="store_true")
    parser.add_argument("--kill", nargs="+")
    asked = parser.parse_args()
    with asked.log.open("a") as log:
        sink = Sink(asked, log)
        server = await asyncio.start_server(sink.serve, "127.0.0.1", asked.port, limit=LONGEST)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        server.close()


if __name__ == "__main__":
    asyncio.run(main())
