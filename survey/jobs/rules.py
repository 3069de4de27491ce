"""What a long work is: kinds are words of whoever does it, numbers say how far it is, and nothing in it names anybody."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class LongJobState(StrEnum):
    """The life of a long work."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LongJob:
    """One long work: what it is about, how far it is, and the sentence to go with it, which says why when it failed."""

    kind: str
    subject: str
    state: LongJobState
    done: int
    total: int
    says: str
    actor: str
    changed_at: datetime

    @property
    def is_under_way(self) -> bool:
        """Whether it still has to come to its end."""
        return self.state in {LongJobState.WAITING, LongJobState.RUNNING}
