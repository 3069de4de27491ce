"""Assigning people to thirds at random, evenly within each department."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from random import Random

from survey.people.rules.staff_list import PersonId
from survey.waves.rules.thirds import THIRDS


def assign_thirds(
    people: Sequence[tuple[PersonId, str]], assigned_before: Mapping[PersonId, int], source: Random
) -> dict[PersonId, int]:
    """Draws a third (1 to 3) for each of `people` (id, department) who has none; gives only these.

    Everybody gets the smallest third; of equal ones that with the fewest people of the department;
    what is still open is drawn from `source`. So of a whole company assigned at once neither the
    thirds nor a department's parts of them differ by more than one person. `assigned_before` are
    the thirds of people who have one.

    >>> people = [("a", "Sales"), ("b", "Sales"), ("c", "Sales"), ("d", "Legal")]
    >>> thirds = assign_thirds(people, {"d": 2, "gone": 1}, Random(1))
    >>> sorted(thirds), thirds["a"] != thirds["b"]
    (['a', 'b', 'c'], True)
    """
    department_of = dict(people)
    sizes: Counter[int] = Counter()
    sizes_within: dict[str, Counter[int]] = {name: Counter() for name in department_of.values()}
    for person_id, third in assigned_before.items():
        if person_id in department_of:
            sizes[third] += 1
            sizes_within[department_of[person_id]][third] += 1

    assigned: dict[PersonId, int] = {}
    newcomers = [person for person in people if person[0] not in assigned_before]
    newcomers.sort(key=itemgetter(1))
    for department, group in groupby(newcomers, key=itemgetter(1)):
        within = sizes_within[department]
        joining = list(group)
        for person_id, _ in source.sample(joining, len(joining)):
            third = _smallest_third(sizes, within, source)
            assigned[person_id] = third
            sizes[third] += 1
            within[third] += 1
    return assigned


def _smallest_third(sizes: Counter[int], within: Counter[int], source: Random) -> int:
    """The smallest third; of equal ones the smallest within the department; else one drawn."""
    thirds = range(1, THIRDS + 1)
    return min(thirds, key=lambda third: (sizes[third], within[third], source.random()))
