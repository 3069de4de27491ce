"""When a number is not shown, and which groups are counted together. Only counts and names decide."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from survey.statistics.values import Interval

SHARE_FROM, DETAIL_FROM = 5, 10
COMPARED_FROM = 10
THEME_FROM = 5
DRIVERS_FROM, RANKED_FROM = 100, 200
WIDEST = 0.5  # of the scale: a wider range says too little to be printed


@dataclass(frozen=True, slots=True)
class Merged:
    """Groups counted as one: the name they are published under, people invited, answers, and the groups it holds."""

    name: str
    invited: int
    answers: int
    members: tuple[str, ...] = field(default=())


def joined_group_name(names: Sequence[str]) -> str:
    """Names in order as a person lists them.

    >>> joined_group_name(["Legal", "Finance", "Board"])
    'Board, Finance and Legal'
    """
    *first, last = sorted(names)
    return f"{', '.join(first)} and {last}" if first else last


def merge_to_invited(groups: Sequence[tuple[str, int]], minimum: int = 8) -> tuple[Merged, ...]:
    """The partition to freeze at launch: while a group has fewer than `minimum` invited, it joins the smallest other.

    >>> [(g.name, g.invited) for g in merge_to_invited([("Sales", 20), ("Legal", 3), ("Board", 2), ("Service", 15)])]
    [('Board, Legal and Service', 20), ('Sales', 20)]
    """
    return _merge(
        [Merged(name, invited, 0, (name,)) for name, invited in groups], minimum, by="invited"
    )


def merge_small(
    groups: Sequence[tuple[str, int, int]], minimum: int = SHARE_FROM
) -> tuple[Merged, ...]:
    """The groups to publish after counting: while one has fewer than `minimum` answers, it joins the smallest other.

    >>> [(g.name, g.answers) for g in merge_small([("Sales", 20, 14), ("Service", 15, 9), ("Finance", 9, 4), ("Legal", 8, 3)])]
    [('Finance and Legal', 7), ('Sales', 14), ('Service', 9)]
    """
    return _merge(
        [Merged(name, invited, answers, (name,)) for name, invited, answers in groups],
        minimum,
        by="answers",
    )


def hidden_cells(answers: Sequence[tuple[str, int]], threshold: int) -> frozenset[str]:
    """The groups to hide on one question: those below the threshold, and further ones until together they reach it.

    >>> sorted(hidden_cells([("A", 14), ("B", 12), ("C", 9)], 10))
    ['B', 'C']
    """
    ranked = sorted(answers, key=lambda cell: (cell[1], cell[0]))
    small = [cell for cell in ranked if cell[1] < threshold]
    if not small:
        return frozenset()
    hidden, rest = small, ranked[len(small) :]
    while rest and (len(hidden) < 2 or sum(count for _, count in hidden) < threshold):
        hidden, rest = [*hidden, rest[0]], rest[1:]
    return frozenset(name for name, _ in hidden)


def neighbouring_band(counts: Sequence[int], first_code: int) -> str | None:
    """The words for answers that all lie on two neighbouring points, or None where they spread further.

    A unanimous answer reads like the mixed case: 5 and 4 both as "all 4 or 5", 1 as "all 1 or 2". The two points of a unanimous answer
    never straddle the edge of the two best: 3 reads "all 2 or 3", for beside a share of 0 % "all 3 or 4" would say that all are 3.

    >>> neighbouring_band((0, 0, 0, 0, 6), 1), neighbouring_band((0, 0, 7, 0, 0), 1), neighbouring_band((0, 3, 0, 4, 0), 1)
    ('all 4 or 5', 'all 2 or 3', None)
    """
    used = [at for at, count in enumerate(counts) if count]
    if not used or used[-1] - used[0] > 1:
        return None
    low = used[0]
    if len(used) == 1 and low and low != len(counts) - 2:
        low -= 1
    return f"all {first_code + low} or {first_code + low + 1}"


def too_wide(interval: Interval, width: float) -> bool:
    """Whether a range is wider than half its scale (`width`), so that it says too little to be printed.

    >>> too_wide(Interval(0.7, 0.4, 0.9, 0.95, ""), 1.0), too_wide(Interval(0.7, 0.15, 0.9, 0.95, ""), 1.0)
    (False, True)
    """
    return interval.high - interval.low > width * WIDEST + 1e-9


def may_compare(first: int, second: int) -> bool:
    """Whether two numbers of answers are enough for a change or a comparison: 10 on both sides.

    >>> may_compare(10, 42), may_compare(9, 42)
    (True, False)
    """
    return min(first, second) >= COMPARED_FROM


def shared_by_enough(comments: int) -> bool:
    """Whether so many comments make a theme: at least five people said it.

    >>> shared_by_enough(5), shared_by_enough(4)
    (True, False)
    """
    return comments >= THEME_FROM


def _merge(groups: list[Merged], minimum: int, *, by: str) -> tuple[Merged, ...]:
    left = list(groups)
    while len(left) > 1:
        left.sort(key=lambda group: (getattr(group, by), group.name))
        if getattr(left[0], by) >= minimum:
            break
        a, b, *rest = left
        members = tuple(sorted((*a.members, *b.members)))
        left = [
            Merged(
                joined_group_name(members), a.invited + b.invited, a.answers + b.answers, members
            ),
            *rest,
        ]
    return tuple(sorted(left, key=lambda group: group.name))
