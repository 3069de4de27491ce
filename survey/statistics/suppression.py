"""When a number is not shown, and which groups are counted together; only counts and names decide.

Primary and complementary suppression: Hundepool et al., Statistical Disclosure Control (2012).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

SHARE_FROM, DETAIL_FROM = 5, 10
COMPARED_FROM = 10
THEME_FROM = 5
DRIVERS_FROM, RANKED_FROM = 100, 200
WIDEST = 0.5  # of the scale: a wider range says too little to be printed


@dataclass(frozen=True, slots=True)
class Merged:
    """One or more groups counted as one, with their people and answers together.

    `name` is what they are published under, `members` the names of the groups it holds; `invited`
    and `answers` are theirs together.
    """

    name: str
    invited: int
    answers: int
    members: tuple[str, ...] = field(default=())


def joined_group_name(names: Sequence[str]) -> str:
    """The names in alphabetical order as one text, with commas and “and”.

    >>> joined_group_name(["Legal", "Finance", "Board"])
    'Board, Finance and Legal'
    """
    *first, last = sorted(names)
    return f"{', '.join(first)} and {last}" if first else last


def merge_to_invited(groups: Sequence[tuple[str, int]], minimum: int = 8) -> tuple[Merged, ...]:
    """The groups to freeze at launch, merged until each has at least `minimum` people invited.

    While a group has fewer, it joins the smallest other; one last group stays, however small.
    `groups` are names and people invited.

    >>> groups = [("Sales", 20), ("Legal", 3), ("Board", 2), ("Service", 15)]
    >>> [(group.name, group.invited) for group in merge_to_invited(groups)]
    [('Board, Legal and Service', 20), ('Sales', 20)]
    """
    single = [Merged(name, invited, 0, (name,)) for name, invited in groups]
    return _merge_smallest(single, minimum, by="invited")


def merge_small(
    groups: Sequence[tuple[str, int, int]], minimum: int = SHARE_FROM
) -> tuple[Merged, ...]:
    """The groups to publish after counting, merged until each has at least `minimum` answers.

    While a group has fewer, it joins the smallest other; one last group stays, however small.
    `groups` are names, people invited and answers.

    >>> groups = [("Sales", 20, 14), ("Service", 15, 9), ("Finance", 9, 4), ("Legal", 8, 3)]
    >>> [(group.name, group.answers) for group in merge_small(groups)]
    [('Finance and Legal', 7), ('Sales', 14), ('Service', 9)]
    """
    single = [Merged(name, invited, answers, (name,)) for name, invited, answers in groups]
    return _merge_smallest(single, minimum, by="answers")


def hidden_cells(answers: Sequence[tuple[str, int]], threshold: int) -> frozenset[str]:
    """The groups to hide on one question: those below the threshold, and others to protect them.

    Further ones are hidden, the smallest first, until there are two and together they reach the
    threshold. `answers` are the groups' names and their numbers of answers to the question.

    >>> sorted(hidden_cells([("A", 14), ("B", 12), ("C", 9)], 10))
    ['B', 'C']
    """
    ascending = sorted(answers, key=lambda group: (group[1], group[0]))
    hidden = [group for group in ascending if group[1] < threshold]
    if not hidden:
        return frozenset()
    for group in ascending[len(hidden) :]:
        hidden_answers = sum(count for _, count in hidden)
        if len(hidden) >= 2 and hidden_answers >= threshold:
            break
        hidden.append(group)
    return frozenset(name for name, _ in hidden)


def neighbouring_band(counts: Sequence[int], first_code: int) -> str | None:
    """Words such as “all 4 or 5” if all answers lie on two neighbouring points, else None.

    `counts` are answers per point, `first_code` is the number of the first point.

    A unanimous answer reads like the mixed case: 5 and 4 both as "all 4 or 5", 1 as "all 1 or 2".
    The two points of a unanimous answer never straddle the edge of the two best: 3 reads "all 2 or
    3", for beside a share of 0 % "all 3 or 4" would say that all are 3.

    >>> neighbouring_band((0, 0, 0, 0, 6), 1), neighbouring_band((0, 0, 7, 0, 0), 1)
    ('all 4 or 5', 'all 2 or 3')
    >>> neighbouring_band((0, 3, 0, 4, 0), 1) is None
    True
    """
    used = [point for point, count in enumerate(counts) if count]
    if not used or used[-1] - used[0] > 1:
        return None
    low = used[0]
    is_unanimous = len(used) == 1
    first_of_two_best = len(counts) - 2
    if is_unanimous and low and low != first_of_two_best:
        low -= 1
    return f"all {first_code + low} or {first_code + low + 1}"


def may_compare(first: int, second: int) -> bool:
    """Whether both numbers of answers are at least 10, enough for a comparison.

    >>> may_compare(10, 42), may_compare(9, 42)
    (True, False)
    """
    return min(first, second) >= COMPARED_FROM


def shared_by_enough(comments: int) -> bool:
    """Whether so many comments (at least 5) are enough to make a theme.

    At least five people said it then.

    >>> shared_by_enough(5), shared_by_enough(4)
    (True, False)
    """
    return comments >= THEME_FROM


def _merge_smallest(groups: list[Merged], minimum: int, *, by: str) -> tuple[Merged, ...]:
    """Joins the two smallest groups until none has fewer than `minimum` of what `by` names.

    A last single group stays, however small. The result is sorted by name.
    """
    while len(groups) > 1:
        groups = sorted(groups, key=lambda group: (getattr(group, by), group.name))
        smallest, second, *rest = groups
        if getattr(smallest, by) >= minimum:
            break
        members = tuple(sorted((*smallest.members, *second.members)))
        joined = Merged(
            joined_group_name(members),
            smallest.invited + second.invited,
            smallest.answers + second.answers,
            members,
        )
        groups = [joined, *rest]
    return tuple(sorted(groups, key=lambda group: group.name))
