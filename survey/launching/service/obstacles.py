"""All reasons why a wave cannot open, gathered, so that nobody meets them one by one."""

from collections.abc import Iterator
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
            self._refusals += several.causes
        except Refused as refused:
            self._refusals.append(refused)

    def raise_all(self, slug: str) -> None:
        """Raises the only refusal as it is, or several as one; does nothing where there is none."""
        if len(self._refusals) == 1:
            raise self._refusals[0]
        if self._refusals:
            raise SeveralRefusals(
                f"{slug} does not open yet. Nothing was sent. These are all the reasons.",
                tuple(self._refusals),
            )
