"""What a long job is: its kind is a word that its own code chose, and numbers say how far it is.

Nothing in it names anybody.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class LongJobState(StrEnum):
    """The states of a long job."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LongJob:
    """A long job as it is stored: what is done to which subject, its state and how far it is.

    `kind` is what is done, `subject` what it is done to, such as a wave's slug; `says` is the
    sentence to go with the numbers, which says why when the job failed; `actor` who asked for it.
    """

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
        """Whether the job waits or runs, so has not ended."""
        return self.state in {LongJobState.WAITING, LongJobState.RUNNING}
