"""Limits on failed sign-ins and on failed codes of employees.

A few sign-ins may fail a minute per account and per network address, then a growing delay follows.
What is counted is kept in memory only, and is bounded.
"""

import ipaddress
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from math import ceil

from flask import current_app

PER_ACCOUNT, PER_ADDRESS = 5, 20  # failed tries in one window
WINDOW = 60.0  # seconds, as all times in this file
LONGEST_BLOCK = 15 * 60.0
FORGOTTEN_AFTER = 60 * 60.0
MOST_KEPT = 10_000
CODES_PER_ADDRESS = 30
_EXTENSION, _CODES = "candour_failures", "candour_failed_codes"


@dataclass(slots=True)
class _Record:
    """One account's or address's tries of the last minute, and its blocks so far."""

    tries: list[float] = field(default_factory=list)
    blocked_until: float = 0.0
    blocks: int = 0


class FailureLimit:
    """Limits failed sign-ins: 5 a minute per account and 20 per network address.

    Then no try goes on for 1, 2, 4, 8, at most 15 minutes. A try counts as failed from its
    beginning until `forgive` says otherwise, so that fifty at once are not let through. What is
    kept is forgotten with the process, and after an hour without a try.
    """

    def __init__(self) -> None:
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._lock = threading.Lock()

    def attempt(self, account: str, address: str, now: float | None = None) -> int:
        """Counts a try and gives 0; while blocked, gives the seconds to wait and counts nothing.

        Seconds are whole. `now`: seconds on a clock that only goes forward; the machine's own
        unless given.
        """
        now = time.monotonic() if now is None else now
        with self._lock:
            limits = [
                (self._fresh_record(key, now), allowed) for key, allowed in _keys(account, address)
            ]
            wait = max(record.blocked_until - now for record, _ in limits)
            if wait > 0:
                return ceil(wait)
            for record, allowed in limits:
                record.tries.append(now)
                if len(record.tries) >= allowed:
                    record.blocked_until = now + min(LONGEST_BLOCK, WINDOW * 2**record.blocks)
                    record.blocks += 1
            return 0

    def forgive(self, account: str, address: str) -> None:
        """Takes back a try that was right: clears the account, gives the address this try back."""
        with self._lock:
            (account_key, _), (address_key, allowed) = _keys(account, address)
            self._records.pop(account_key, None)
            record = self._records.get(address_key)
            if record is None or not record.tries:
                return
            record.tries.pop()
            was_blocked_by_this_try = len(record.tries) == allowed - 1
            if was_blocked_by_this_try:
                record.blocked_until = 0.0
                record.blocks -= 1

    def _fresh_record(self, key: str, now: float) -> _Record:
        """The record of an account or address, without old tries; a new one if there is none.

        It becomes the newest; beyond `MOST_KEPT` records the oldest are dropped.
        """
        record = self._records.pop(key, None) or _Record()
        record.tries = [at for at in record.tries if now - at < WINDOW]
        if not record.tries and now - record.blocked_until > FORGOTTEN_AFTER:
            record.blocks = 0
        self._records[key] = record
        while len(self._records) > MOST_KEPT:
            self._records.popitem(last=False)
        return record


class CodeLimit:
    """Limits failed codes of employees: 30 different ones a minute per network address.

    Good codes are never counted, for a whole office shares one address; nor is the same code again,
    for Send is pressed twice.
    """

    def __init__(self) -> None:
        self._failed: OrderedDict[str, dict[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def fail(self, address: str, code: str, now: float | None = None) -> int:
        """Counts a failed code and gives 0; at the limit gives the seconds to wait, counts nothing.

        Seconds are whole. `now`: seconds on a clock that only goes forward; the machine's own
        unless given.
        """
        now = time.monotonic() if now is None else now
        hashed = hash(code)  # salted anew in every process: it leads back to nothing
        with self._lock:
            key = _network(address)
            failed = self._failed.pop(key, {})
            recent = {known: at for known, at in failed.items() if now - at < WINDOW}
            self._failed[key] = recent
            if hashed not in recent and len(recent) >= CODES_PER_ADDRESS:
                return ceil(WINDOW - (now - min(recent.values())))
            recent.setdefault(hashed, now)
            while len(self._failed) > MOST_KEPT:
                self._failed.popitem(last=False)
            return 0


def code_limit() -> CodeLimit:
    """The application's one limit on failed codes of employees, created on first use."""
    limit: CodeLimit = current_app.extensions.setdefault(_CODES, CodeLimit())
    return limit


def sign_in_limit() -> FailureLimit:
    """The application's one limit on failed sign-ins, created on first use."""
    limit: FailureLimit = current_app.extensions.setdefault(_EXTENSION, FailureLimit())
    return limit


def _keys(account: str, address: str) -> tuple[tuple[str, int], tuple[str, int]]:
    """The keys of the account and of the address, each with the tries a minute it allows."""
    return (f"account {account[:254]}", PER_ACCOUNT), (f"address {_network(address)}", PER_ADDRESS)


def _network(address: str) -> str:
    """What tries are counted by: an IPv4 address itself, but the /64 network of an IPv6 one.

    An IPv6 customer has a whole /64 of addresses, which count as one.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    # A socket for both versions shows an IPv4 customer as ::ffff:203.0.113.7.
    if ip.version == 4 or ip.ipv4_mapped:
        return address
    return str(ipaddress.ip_network((ip, 64), strict=False))
