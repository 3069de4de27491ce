"""Failed sign-ins: a few a minute per account and per address, in memory only."""

import time
from collections import OrderedDict

PER_ACCOUNT, PER_ADDRESS = 5, 20
WINDOW = 60.0
MOST_KEPT = 10_000


class FailureLimit:
    """Counts failures in a sliding minute; what is kept is bounded, and forgotten with the process."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def seconds_to_wait(self, account: str, address: str, clock: float | None = None) -> int:
        """0 when another try is allowed, else how long to wait."""
        moment = time.monotonic() if clock is None else clock
        waits = [self._wait(f"account {account}", PER_ACCOUNT, moment), self._wait(f"address {address}", PER_ADDRESS, moment)]
        return max(waits)

    def failed(self, account: str, address: str, clock: float | None = None) -> None:
        """Notes a failure."""
        moment = time.monotonic() if clock is None else clock
        for key in (f"account {account}", f"address {address}"):
            recent = [at for at in self._failures.pop(key, []) if moment - at < WINDOW]
            self._failures[key] = [*recent, moment][-PER_ADDRESS:]
            while len(self._failures) > MOST_KEPT:
                self._failures.popitem(last=False)

    def _wait(self, key: str, allowed: int, moment: float) -> int:
        recent = [at for at in self._failures.get(key, []) if moment - at < WINDOW]
        return 0 if len(recent) < allowed else int(WINDOW - (moment - recent[-allowed])) + 1
