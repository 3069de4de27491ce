"""A real IMAP server as a process; a folder of files is its mailbox.

Usage: python imap_server.py FOLDER SETTINGS; says its port.

A message is a file `0007.eml`, its number is its UID; beside it, `0007.flags` holds its flags.
SETTINGS is JSON: user, password or token, and `uidplus` for a server that can take single messages
away (RFC 4315).
"""

import json
import sys
from email import message_from_bytes
from io import BytesIO
from pathlib import Path
from typing import Any

from twisted.cred import checkers, credentials, error, portal
from twisted.internet import defer, protocol, reactor, stdio
from twisted.mail import imap4
from twisted.mail.interfaces import IChallengeResponse
from zope.interface import implementer


@implementer(imap4.IMessage, imap4.IMessageFile)
class Message:
    """One file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def getUID(self) -> int:  # noqa: N802 - the library's names, here and below
        return int(self.path.stem)

    def getFlags(self) -> list[str]:  # noqa: N802
        flags = self.path.with_suffix(".flags")
        return flags.read_text().split() if flags.exists() else []

    def getInternalDate(self) -> str:  # noqa: N802
        return "26-Nov-2026 09:00:00 +0000"

    def getSize(self) -> int:  # noqa: N802
        return self.path.stat().st_size

    def getHeaders(self, negate: bool, *names: bytes) -> dict[str, str]:  # noqa: FBT001, N802
        with self.path.open("rb") as file:
            head = message_from_bytes(
                file.read(65536).partition(b"\n\n")[0].replace(b"\0", b"") + b"\n\n"
            )
        wanted = {name.decode().lower() for name in names}
        return {
            key.lower(): str(value)
            for key, value in head.items()
            if (key.lower() in wanted) != negate
        }

    def isMultipart(self) -> bool:  # noqa: N802
        return False

    def getBodyFile(self) -> BytesIO:  # noqa: N802
        return BytesIO(self.path.read_bytes())

    def open(self) -> BytesIO:
        return BytesIO(self.path.read_bytes())


@implementer(imap4.IMailbox)
class Mailbox:
    """The folder."""

    def __init__(self, folder: Path, validity: int) -> None:
        self.folder, self.validity = folder, validity

    @property
    def messages(self) -> list[Message]:
        return [Message(path) for path in sorted(self.folder.glob("*.eml"))]

    def getUIDValidity(self) -> int:  # noqa: N802
        return self.validity

    def getUIDNext(self) -> int:  # noqa: N802
        return max([one.getUID() for one in self.messages], default=0) + 1

    def getUID(self, number: int) -> int:  # noqa: N802
        return self.messages[number - 1].getUID()

    def getMessageCount(self) -> int:  # noqa: N802
        return len(self.messages)

    def getRecentCount(self) -> int:  # noqa: N802
        return 0

    def getUnseenCount(self) -> int:  # noqa: N802
        return 0

    def isWriteable(self) -> bool:  # noqa: N802
        return True

    def getFlags(self) -> list[str]:  # noqa: N802
        return [r"\Seen", r"\Deleted", r"\Flagged"]

    def getHierarchicalDelimiter(self) -> str:  # noqa: N802
        return "/"

    def addListener(self, listener: object) -> None:  # noqa: N802
        """Nobody is told."""

    def removeListener(self, listener: object) -> None:  # noqa: N802
        """Nobody was told."""

    def fetch(self, wanted: Any, uid: bool) -> list[tuple[int, Message]]:  # noqa: FBT001
        messages = self.messages
        wanted.last = max([one.getUID() for one in messages], default=0) if uid else len(messages)
        return [
            (at, one)
            for at, one in enumerate(messages, start=1)
            if (one.getUID() if uid else at) in wanted
        ]

    def store(self, wanted: Any, flags: list[str], mode: int, uid: bool) -> dict[int, list[str]]:  # noqa: FBT001
        changed = {}
        for at, one in self.fetch(wanted, uid):
            now = (
                set(flags)
                if mode == 0
                else (
                    set(one.getFlags()) | set(flags)
                    if mode > 0
                    else set(one.getFlags()) - set(flags)
                )
            )
            one.path.with_suffix(".flags").write_text(" ".join(sorted(now)))
            changed[at] = sorted(now)
        return changed

    def expunge(self, only: Any = None) -> list[int]:
        gone = []
        for one in self.messages:
            if r"\Deleted" in one.getFlags() and (only is None or one.getUID() in only):
                gone.append([other.path for other in self.messages].index(one.path) + 1)
                one.path.unlink()
                one.path.with_suffix(".flags").unlink(missing_ok=True)
        return gone


class IByToken(credentials.ICredentials):
    """What a checker of tokens takes."""


@implementer(IChallengeResponse, IByToken)
class ByToken:
    """XOAUTH2."""

    said = b""

    def getChallenge(self) -> bytes:  # noqa: N802
        return b""

    def setResponse(self, response: bytes) -> None:  # noqa: N802
        self.said = response

    def moreChallenges(self) -> bool:  # noqa: N802
        return False


@implementer(checkers.ICredentialsChecker)
class Tokens:
    """One token is good."""

    credentialInterfaces = (IByToken,)  # noqa: N815

    def __init__(self, user: str, token: str) -> None:
        self.good = f"user={user}\x01auth=Bearer {token}\x01\x01".encode()

    def requestAvatarId(self, given: Any) -> Any:  # noqa: N802
        return (
            defer.succeed(b"") if given.said == self.good else defer.fail(error.UnauthorizedLogin())
        )


class Server(imap4.IMAP4Server):
    """Twisted's, with single messages taken away if so wished."""

    uidplus = False

    def capabilities(self) -> dict[bytes, Any]:
        capabilities: dict[bytes, Any] = super().capabilities()
        return {**capabilities, b"UIDPLUS": None} if self.uidplus else capabilities

    def do_UID(self, tag: bytes, command: bytes, line: bytes) -> None:  # noqa: N802
        if not (self.uidplus and command.upper() == b"EXPUNGE"):
            super().do_UID(tag, command, line)
            return
        for number in self.mbox.expunge(imap4.parseIdList(line)):
            self.sendUntaggedResponse(b"%d EXPUNGE" % number)
        self.sendPositiveResponse(tag, b"EXPUNGE completed")

    select_UID = (do_UID, imap4.IMAP4Server.arg_atom, imap4.IMAP4Server.arg_line)  # noqa: N815


class UntilTheEnd(protocol.Protocol):
    """Stops when standard input ends."""

    def connectionLost(self, reason: object = None) -> None:  # noqa: N802
        if reactor.running:
            reactor.stop()


def main() -> None:
    """Serves until its standard input ends."""
    folder, settings = Path(sys.argv[1]), json.loads(sys.argv[2])
    folder.mkdir(exist_ok=True)
    box = Mailbox(folder, settings.get("validity", 7))

    class Account(imap4.MemoryAccountWithoutNamespaces):
        def _emptyMailbox(self, name: str, number: int) -> Mailbox:  # noqa: N802
            return box

    account = Account("ours")
    account.addMailbox("INBOX", box)

    @implementer(portal.IRealm)
    class Realm:
        def requestAvatar(self, who: object, mind: object, *wanted: object) -> Any:  # noqa: N802
            return imap4.IAccount, account, lambda: None

    good = checkers.InMemoryUsernamePasswordDatabaseDontUse()
    if "password" in settings:
        good.addUser(settings["user"].encode(), settings["password"].encode())
    doors = portal.Portal(
        Realm(), [good, Tokens(settings["user"], settings.get("token", "no such"))]
    )

    class Factory(protocol.Factory):
        def buildProtocol(self, address: object) -> Server:  # noqa: N802
            server = Server(chal={b"XOAUTH2": ByToken})
            server.portal, server.uidplus, server.factory = (
                doors,
                settings.get("uidplus", False),
                self,
            )
            return server

    listening = reactor.listenTCP(0, Factory(), interface="127.0.0.1")
    sys.stdout.write(f"{listening.getHost().port}\n")
    sys.stdout.flush()
    stdio.StandardIO(UntilTheEnd())
    reactor.run()


if __name__ == "__main__":
    main()
