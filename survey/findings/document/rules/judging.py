"""All comparisons of a report, collected while it is made and then judged in three families."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from survey import statistics as st
from survey.findings.document.rules.document import Judgement
from survey.statistics.verdicts import Direction, direction
from survey.waves.rules.waves import CONFIDENCE

DetectableIn = Callable[[int], st.Detectable]


class VerdictWords(Enum):
    """What a comparison's verdict is called where it is up, down or unclear."""

    TREND = "clearly up", "clearly down", "no clear trend"
    CHANGE = "clear change", "clear change", "no clear change"
    DIFFERENCE = "clear difference", "clear difference", "no clear difference"


_WORDS_BY_KIND: Final = {
    st.Comparing.TREND: VerdictWords.TREND,
    st.Comparing.CHANGE: VerdictWords.CHANGE,
    st.Comparing.YEAR: VerdictWords.CHANGE,
    st.Comparing.YEAR_AGO: VerdictWords.CHANGE,
    st.Comparing.GROUP: VerdictWords.DIFFERENCE,
}


@dataclass(frozen=True, slots=True)
class PendingComparison:
    """One comparison without a verdict yet, and the block to write the verdict into.

    `block` is its place in the document. `detectable` gives the moves that would probably have been
    found, in a family of so many members. `answers` are those of both sides.
    """

    block: Judgement
    compared: st.Compared
    difference: st.Difference
    answers: tuple[int, int]
    detectable: DetectableIn


@dataclass(frozen=True, slots=True)
class ReportComparisons:
    """All comparisons of one report. Which are made, no result decides."""

    pending: list[PendingComparison] = field(default_factory=list)

    def judge(self) -> None:
        """Writes family, q-value, direction, verdict and what was detectable into every block."""
        families = st.assign_families([each.compared for each in self.pending])
        p_values = [each.difference.p_value for each in self.pending]
        q_values = st.adjust_by_family(p_values, families)
        sizes = st.family_sizes(families)
        for each, family, q_value in zip(self.pending, families, q_values, strict=True):
            _write_judgement(each, family, q_value, sizes[family])


def unjudged(difference: st.Difference) -> Judgement:
    """The block of a comparison until it is judged: its numbers, and nothing clear."""
    judgement: Judgement = {
        "shown": True,
        "estimate": difference.estimate,
        "low": difference.low,
        "high": difference.high,
        "p_value": difference.p_value,
        "family": int(st.Family.EXPLORATION),
        "direction": Direction.UNCLEAR.value,
        "verdict": "",
        "detectable": None,
    }
    if difference.is_mix_moved:
        judgement["mix_changed"] = True
    return judgement


def half_width_detectable(
    difference: st.Difference,
    before: float,
    ends: tuple[float, float],
    degrees: int | None = None,
) -> DetectableIn:
    """Moves that would have shown by the width of a difference's range, each where possible.

    `before` is the value compared with, `ends` are those of its scale, `degrees` those of the
    t-test that judges it too.
    """
    half = (difference.high - difference.low) / 2

    def detectable(members: int) -> st.Detectable:
        size = st.detectable_factor(members, CONFIDENCE, degrees) * half
        return st.possible_moves(before, size, *ends)

    return detectable


def share_detectable(
    before: float, answers: tuple[float, float], degrees: int | None = None
) -> DetectableIn:
    """Moves of a share that would have shown, solved exactly (`st.detectable_moves`).

    `before` is the share compared with, `answers` are the effective numbers, the later first.
    """

    def detectable(members: int) -> st.Detectable:
        return st.detectable_moves(before, answers, members, CONFIDENCE, degrees)

    return detectable


def _write_judgement(
    pending: PendingComparison, family: st.Family, q_value: float, members: int
) -> None:
    """Writes what one comparison says into its block."""
    block = pending.block
    judged = direction(pending.difference, q_value, pending.answers)
    moves = pending.detectable(members)
    possible = [move for move in (moves.rise, moves.fall) if move is not None]
    block["family"] = int(family)
    block["comparisons"] = members
    if family is not st.Family.HEADLINE:
        block["q_value"] = q_value
    block["direction"] = judged.value
    block["verdict"] = _verdict_in_words(pending.compared.what, judged)
    block["detectable"] = max(possible, default=None)
    block["detectable_rise"] = moves.rise
    block["detectable_fall"] = moves.fall


def _verdict_in_words(what: st.Comparing, judged: Direction) -> str:
    """The verdict of a comparison of this kind."""
    up, down, unclear = _WORDS_BY_KIND[what].value
    return {Direction.UP: up, Direction.DOWN: down, Direction.UNCLEAR: unclear}[judged]
