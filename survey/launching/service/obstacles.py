"""All reasons why a wave cannot open, gathered, so that nobody meets them one by one."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from survey.kernel.errors import Refused, SeveralRefusals


class Obstacles:
    """Gathers refusals, and raises them together."""

    def __init__(self) -> None:
        self._refusals: list[Refused] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Runs a block and keeps its refusal instead of raising it."""
        try:
            yield
        except SeveralRefusals as several:
            self._note(several.causes)
        except Refused as refused:
            self._note([refused])

    def _note(self, refusals: Iterable[Refused]) -> None:
        """Keeps refusals, one of each sentence: two checks can meet the same obstacle."""
        known = {refused.sentence for refused in self._refusals}
        self._refusals += [refused for refused in refusals if refused.sentence not in known]

    def raise_all(self, slug: str) -> None:
        """Raises the only refusal as it is, or several as one; does nothing where there is none."""
        if len(self._refusals) == 1:
            raise self._refusals[0]
        if self._refusals:
            raise SeveralRefusals(
                f"{slug} does not open yet. Nothing was sent. These are all the reasons.",
                tuple(self._refusals),
            )
