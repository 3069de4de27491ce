"""Limits on failed sign-ins, on made-up one-time links and on failed codes of employees.

Nobody's failures may keep the owner of an account out, and nobody may guess for ever. So a browser
in which the account was signed in to before is counted by itself. The tries of all others are
counted by account and network together, by network, and, slowly, by account; whoever is slowed down
for long may have a link mailed to the account's address that makes their browser a known one.

What is counted is kept in memory only, in a fixed number of records.
"""

import ipaddress
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from math import ceil, inf

from flask import current_app

WINDOW = 60.0  # seconds, as all times in this file
LONGEST_BLOCK = 15 * 60.0
FORGOTTEN_AFTER = 60 * 60.0
DAY = 24 * 60 * 60.0
MOST_KEPT = 10_000
MOST_RECORDS = 2**15  # of each kind
CODES_PER_ADDRESS = LINKS_PER_ADDRESS = 30
_EXTENSION, _CODES, _LINKS = "candour_failures", "candour_failed_codes", "candour_failed_links"


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many failed tries pass: in a minute, before a growing delay; and at once, then in a day.

    After `a_day` tries, one more passes whenever that part of a day is over.
    """

    a_minute: float = inf
    a_day: float = inf


OF_BROWSER = Allowance(a_minute=5, a_day=200)
OF_ACCOUNT_AND_NETWORK = Allowance(a_minute=5, a_day=20)
OF_NETWORK = Allowance(a_minute=20)
OF_ACCOUNT = Allowance(a_day=100)  # by all browsers that are not known


@dataclass(frozen=True, slots=True)
class Wait:
    """How long the next try has to wait, in whole seconds; 0 lets it go on.

    `is_lasting`: it is not the first delay, so that waiting may not help against others who try
    as well.
    """

    seconds: int = 0
    is_lasting: bool = False


@dataclass(slots=True)
class _Record:
    """The tries of the last minute, the blocks so far, and how much of a day's tries is used up."""

    tries: list[float] = field(default_factory=list)
    blocked_until: float = 0.0
    blocks: int = 0
    used: float = 0.0
    used_at: float = 0.0

    def refresh(self, allowance: Allowance, now: float) -> None:
        """Forgets what is over: old tries, blocks after an hour of quiet, a part of the day."""
        self.tries = [at for at in self.tries if now - at < WINDOW]
        if not self.tries and now - self.blocked_until > FORGOTTEN_AFTER:
            self.blocks = 0
        if allowance.a_day < inf:
            self.used = max(0.0, self.used - (now - self.used_at) * allowance.a_day / DAY)
        self.used_at = now

    def wait(self, allowance: Allowance, now: float) -> Wait:
        """How long the next try has to wait."""
        over = self.used + 1 - allowance.a_day
        for_a_day = over * DAY / allowance.a_day if over > 0 else 0.0
        seconds = max(self.blocked_until - now, for_a_day, 0.0)
        return Wait(ceil(seconds), seconds > 0 and (self.blocks > 1 or for_a_day > 0))

    def count(self, allowance: Allowance, now: float) -> None:
        """Counts a try, after which a delay may follow."""
        if allowance.a_day < inf:
            self.used += 1
        if allowance.a_minute == inf:
            return
        self.tries.append(now)
        if len(self.tries) >= allowance.a_minute:
            self.blocked_until = now + min(LONGEST_BLOCK, WINDOW * 2**self.blocks)
            self.blocks += 1

    def give_back(self, allowance: Allowance) -> None:
        """Takes the newest try back, and the block that began with it."""
        self.used = max(0.0, self.used - 1)
        if not self.tries:
            return
        was_blocked_by_this_try = len(self.tries) == allowance.a_minute
        self.tries.pop()
        if was_blocked_by_this_try:
            self.blocked_until = 0.0
            self.blocks -= 1


class FailureLimit:
    """Limits failed sign-ins by `Allowance`, with delays of 1, 2, 4, 8, at most 15 minutes.

    A try counts as failed from its beginning until `forgive` says otherwise, so that fifty at once
    are not let through. Known and unknown accounts are counted alike. What is kept is forgotten
    with the process. Records are found by a salted hash, so that their number is fixed and nobody
    can push a record out; two names may share one.
    """

    def __init__(self) -> None:
        self._records: dict[tuple[str, int], _Record] = {}
        self._lock = threading.Lock()
        self.clock = time.monotonic  # tests set it forward

    def attempt(
        self, account: str, address: str, now: float | None = None, *, browser: str | None = None
    ) -> Wait:
        """Counts a try and gives no wait; while blocked, gives the wait and counts nothing.

        `browser`: what the account's known browser is called; None for one that is not known.
        `now`: seconds on a clock that only goes forward; the machine's own unless given.
        """
        now = self.clock() if now is None else now
        with self._lock:
            counted = self._records_for(account, address, browser)
            for record, allowance in counted:
                record.refresh(allowance, now)
            longest = max((r.wait(allowance, now) for r, allowance in counted), key=_seconds)
            if longest.seconds > 0:
                return longest
            for record, allowance in counted:
                record.count(allowance, now)
            return Wait()

    def forgive(self, account: str, address: str, *, browser: str | None = None) -> None:
        """Takes back a try that was right.

        Clears the record of this browser, or of this account and network, and gives one try back to
        the network and to the account.
        """
        with self._lock:
            (own, _), *shared = self._records_for(account, address, browser)
            own.tries, own.blocked_until, own.blocks, own.used = [], 0.0, 0, 0.0
            for record, allowance in shared:
                record.give_back(allowance)

    def may_offer(self, account: str) -> bool:
        """Whether a link is due to be mailed to whoever waits: once a day for an account.

        Known and unknown ones are counted alike, so that the time that mailing takes tells nothing
        from the second try on.
        """
        now = self.clock()
        with self._lock:
            offered = self._record("offer", account[:254])
            if offered.blocked_until > now:
                return False
            offered.blocked_until = now + DAY
            return True

    def _records_for(
        self, account: str, address: str, browser: str | None
    ) -> list[tuple[_Record, Allowance]]:
        """The records that a try is counted in, the browser's own first, with what each allows."""
        if browser is not None:
            return [(self._record("browser", browser), OF_BROWSER)]
        network, account = _network(address), account[:254]
        return [
            (self._record("pair", f"{network} {account}"), OF_ACCOUNT_AND_NETWORK),
            (self._record("network", network), OF_NETWORK),
            (self._record("account", account), OF_ACCOUNT),
        ]

    def _record(self, kind: str, name: str) -> _Record:
        """The record of its kind under this name's hash, which is salted anew in every process."""
        return self._records.setdefault((kind, hash(name) % MOST_RECORDS), _Record())


class CodeLimit:
    """Limits failed codes or links: 30 different ones a minute per network address.

    Good ones are never counted, for a whole office shares one address; nor is the same one again,
    for Send is pressed twice.
    """

    def __init__(self, allowed: int = CODES_PER_ADDRESS) -> None:
        self._allowed = allowed
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
            if hashed not in recent and len(recent) >= self._allowed:
                return ceil(WINDOW - (now - min(recent.values())))
            recent.setdefault(hashed, now)
            while len(self._failed) > MOST_KEPT:
                self._failed.popitem(last=False)
            return 0


def code_limit() -> CodeLimit:
    """The application's one limit on failed codes of employees, created on first use."""
    limit: CodeLimit = current_app.extensions.setdefault(_CODES, CodeLimit(CODES_PER_ADDRESS))
    return limit


def link_limit() -> CodeLimit:
    """The application's one limit on made-up one-time links, created on first use."""
    limit: CodeLimit = current_app.extensions.setdefault(_LINKS, CodeLimit(LINKS_PER_ADDRESS))
    return limit


def sign_in_limit() -> FailureLimit:
    """The application's one limit on failed sign-ins, created on first use."""
    limit: FailureLimit = current_app.extensions.setdefault(_EXTENSION, FailureLimit())
    return limit


def _seconds(wait: Wait) -> tuple[int, bool]:
    """By what two waits are compared."""
    return wait.seconds, wait.is_lasting


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
