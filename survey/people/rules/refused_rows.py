"""Writes the faulty rows of a staff list as a CSV file to correct."""

import csv
import io

from survey.people.rules.staff_list import StaffList

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def refused_rows(staff: StaffList) -> str:
    """The faulty rows of a staff list as CSV text, each with its number and what to do.

    No cell can act as a formula (OWASP, CSV injection).
    """
    remedies: dict[int, list[str]] = {}
    for fault in staff.faults:
        remedies.setdefault(fault.row, []).append(f"{fault.column}: {fault.remedy}")
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["row", "what to do", *staff.columns])
    for row, cells in staff.refused.items():
        writer.writerow([row, " ".join(remedies[row]), *map(harmless, cells)])
    return text.getvalue()


def harmless(cell: str) -> str:
    """A cell with an apostrophe before a formula sign, so that no spreadsheet calculates it.

    >>> harmless("=1+1"), harmless("Ada")
    ("'=1+1", 'Ada')
    """
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
