"""Dealing people into thirds at random, evenly within each department."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from random import Random

from survey.waves.rules.thirds import THIRDS


def assign_thirds(
    people: Sequence[tuple[str, str]], known: Mapping[str, int], source: Random
) -> dict[str, int]:
    """A third for each of these (id, department) who has none yet: the smallest, of equal ones that with the fewest of the department.

    What is left open is drawn. So of a whole company dealt at once neither the thirds nor a department's parts differ by more than one.

    >>> found = assign_thirds([("a", "Sales"), ("b", "Sales"), ("c", "Sales"), ("d", "Legal")], {"d": 2, "gone": 1}, Random(1))
    >>> sorted(found), found["a"] != found["b"]
    (['a', 'b', 'c'], True)
    """
    department_of = dict(people)
    sizes = Counter(third for person, third in known.items() if person in department_of)
    dealt: dict[str, int] = {}
    fresh = sorted((one for one in people if one[0] not in known), key=lambda one: one[1])
    for department, listed in groupby(fresh, key=lambda one: one[1]):
        own = Counter(
            third for person, third in known.items() if department_of.get(person) == department
        )
        joining = list(listed)
        for person, _ in source.sample(joining, len(joining)):
            third = min(
                range(1, THIRDS + 1), key=lambda third: (sizes[third], own[third], source.random())
            )
            dealt[person] = third
            sizes[third] += 1
            own[third] += 1
    return dealt
