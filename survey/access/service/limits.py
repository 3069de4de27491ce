"""Failed sign-ins: a few a minute per account and per address, then a growing delay; and failed codes of employees.

In memory only, and bounded.
"""

import ipaddress
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from math import ceil

from flask import current_app

PER_ACCOUNT, PER_ADDRESS = 5, 20
WINDOW = 60.0
LONGEST_BLOCK = 15 * 60.0
FORGOTTEN_AFTER = 60 * 60.0
MOST_KEPT = 10_000
CODES_PER_ADDRESS = 30
_EXTENSION, _CODES = "candour_failures", "candour_failed_codes"


@dataclass(slots=True)
class _Record:
    tries: list[float] = field(default_factory=list)
    blocked_until: float = 0.0
    blocks: int = 0


class FailureLimit:
    """Lets 5 tries a minute through per account and 20 per network address, then none for 1, 2, 4, 8, at most 15 minutes.

    A try counts as failed from its beginning until `forgive` says otherwise, so that fifty at once are not let through.
    What is kept is forgotten with the process, and after an hour of quiet.
    """

    def __init__(self) -> None:
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._lock = threading.Lock()

    def attempt(self, account: str, address: str, clock: float | None = None) -> int:
        """0 when this try may go on; else the whole seconds to wait, and the try has not been counted."""
        moment = time.monotonic() if clock is None else clock
        with self._lock:
            records = [
                (self._record(key, moment), allowed) for key, allowed in _keys(account, address)
            ]
            wait = max(record.blocked_until - moment for record, _ in records)
            if wait > 0:
                return ceil(wait)
            for record, allowed in records:
                record.tries.append(moment)
                if len(record.tries) >= allowed:
                    record.blocked_until = moment + min(LONGEST_BLOCK, WINDOW * 2**record.blocks)
                    record.blocks += 1
            return 0

    def forgive(self, account: str, address: str) -> None:
        """The try was right: the account starts afresh, and the address gets this one try back."""
        with self._lock:
            (of_account, _), (of_address, allowed) = _keys(account, address)
            self._records.pop(of_account, None)
            record = self._records.get(of_address)
            if record and record.tries:
                record.tries.pop()
                if len(record.tries) == allowed - 1:  # it was this very try that closed the door
                    record.blocked_until, record.blocks = 0.0, record.blocks - 1

    def _record(self, key: str, clock: float) -> _Record:
        record = self._records.pop(key, None) or _Record()
        record.tries = [at for at in record.tries if clock - at < WINDOW]
        if not record.tries and clock - record.blocked_until > FORGOTTEN_AFTER:
            record.blocks = 0
        self._records[key] = record
        while len(self._records) > MOST_KEPT:
            self._records.popitem(last=False)
        return record


class CodeLimit:
    """Lets 30 different failed codes a minute through per network address.

    Good codes are never counted, for a whole office shares one address; nor is the same code again, for Send is pressed twice.
    """

    def __init__(self) -> None:
        self._failed: OrderedDict[str, dict[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def fail(self, address: str, code: str, clock: float | None = None) -> int:
        """Notes a failed code; 0 while the address may go on, else the whole seconds to wait, and nothing is noted."""
        moment = time.monotonic() if clock is None else clock
        mark = hash(code)  # salted anew in every process: it leads back to nothing
        with self._lock:
            key = _network(address)
            recent = {
                known: at for known, at in self._failed.pop(key, {}).items() if moment - at < WINDOW
            }
            self._failed[key] = recent
            if mark not in recent and len(recent) >= CODES_PER_ADDRESS:
                return ceil(WINDOW - (moment - min(recent.values())))
            recent.setdefault(mark, moment)
            while len(self._failed) > MOST_KEPT:
                self._failed.popitem(last=False)
            return 0


def code_limit() -> CodeLimit:
    """The limit on employees' codes of this application."""
    limit: CodeLimit = current_app.extensions.setdefault(_CODES, CodeLimit())
    return limit


def sign_in_limit() -> FailureLimit:
    """The limit of this application."""
    limit: FailureLimit = current_app.extensions.setdefault(_EXTENSION, FailureLimit())
    return limit


def _keys(account: str, address: str) -> tuple[tuple[str, int], tuple[str, int]]:
    return (f"account {account[:254]}", PER_ACCOUNT), (f"address {_network(address)}", PER_ADDRESS)


def _network(address: str) -> str:
    """An IPv6 customer has a whole /64 of addresses: they count as one."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if (
        ip.version == 4 or ip.ipv4_mapped
    ):  # a socket for both shows an IPv4 customer as ::ffff:203.0.113.7
        return address
    return str(ipaddress.ip_network((ip, 64), strict=False))
