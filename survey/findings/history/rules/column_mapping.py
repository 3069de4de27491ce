"""The two small files beside a file of past answers: what its columns mean, and group sizes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from survey.kernel.errors import Refused
from survey.questionnaires.rules import QuestionId

LONGEST_GROUP = 80  # characters of a group's name


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """How the file's columns become questions: renamed, ignored, words turned into points.

    `group` is the column that names the reporting group. `columns` gives a question's id for a
    column's name, `values` the points of words by question id; None stands for no answer.
    """

    group: str = "group"
    columns: Mapping[str, QuestionId] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, int | None]] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()


def read_mapping(content: Any) -> ColumnMapping:  # noqa: ANN401 - whatever JSON held
    """The mapping that JSON content holds; refuses unknown keys and parts of a wrong form."""
    if not isinstance(content, dict) or set(content) - {"group", "columns", "values", "ignore"}:
        raise Refused(
            "mapping-unreadable",
            "The mapping must be a JSON object with group, columns, values and ignore, and nothing"
            " else.",
        )
    mapping = ColumnMapping(**content)
    faults = [rule for rule, is_kept in _mapping_rules(mapping) if not is_kept]
    if faults:
        raise Refused(
            "mapping-faulty",
            "The mapping file is not of the right form. Nothing was stored.",
            details=tuple(faults),
        )
    return replace(mapping, ignore=tuple(mapping.ignore))


def read_groups(content: Any) -> dict[str, int]:  # noqa: ANN401 - whatever JSON held
    """The number of people invited per group, from a groups file's content.

    Refuses anything but positive whole numbers, and names that are empty, long or not printable.
    """
    if not isinstance(content, dict) or not content or not all(map(_is_group, content.items())):
        raise Refused(
            "group-sizes-unreadable",
            "The groups file must be a JSON object of names and numbers invited, for example"
            ' {"Sales": 20, "Service": 15}.',
        )
    return dict(content)


def _mapping_rules(mapping: ColumnMapping) -> Iterator[tuple[str, bool]]:
    """For each part of a mapping, a sentence on what it must be, and whether it is that."""
    columns, values, ignore = mapping.columns, mapping.values, mapping.ignore
    yield 'group: the name of a column, for example "Department".', isinstance(mapping.group, str)
    yield (
        'columns: an object of column names and question ids, for example {"Q1 overall": "OVR1"}.',
        isinstance(columns, dict) and _are_strings(columns.values()),
    )
    yield (
        (
            'values: an object of words and points for each question id, for example {"OVR1":'
            ' {"Satisfied": 4, "n/a": null}}.'
        ),
        isinstance(values, dict) and all(_is_points(points) for points in values.values()),
    )
    yield (
        'ignore: a list of column names, for example ["Email", "IP"].',
        isinstance(ignore, list | tuple) and _are_strings(ignore),
    )


def _are_strings(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _is_points(points: object) -> bool:
    """Whether `points` gives a whole number, or None for no answer, for every word."""
    return isinstance(points, dict) and all(
        code is None or type(code) is int for code in points.values()
    )


def _is_group(entry: tuple[str, object]) -> bool:
    """Whether this is a printable name of 1 to 80 characters, and a positive whole number."""
    name, invited = entry
    is_plain_name = name == name.strip() and name.isprintable() and 0 < len(name) <= LONGEST_GROUP
    return is_plain_name and type(invited) is int and invited > 0
