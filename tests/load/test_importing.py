"""The import is measured on a real database, beside a floor that does the same, while somebody else
writes, and its table is written.
"""

import json

from tests.load.importing import run
from tests.load.pages import BENCHMARKS, PART, imported
from tests.proofs import proof


@proof("benchmarks")
def test_a_short_and_a_long_import_are_measured_and_every_line_is_complete() -> None:
    lines = [json.loads(json.dumps(line)) for line in run(sizes=(1_000, 6_000), rounds=1)]
    assert [line["id"] for line in lines] == ["P8-1000", "P8-6000"]
    assert [line["most"] for line in lines] == [0.1, None]
    assert all(0 < line["min"] <= line["median"] and line["floor"] > 0 for line in lines)
    assert lines[1]["longest wait of others"] > 0
    page = imported(BENCHMARKS.read_text(), lines)
    (table,) = [part[0] for part in PART.finditer(page) if part["names"] == "import"]
    assert all(line["what"] in table for line in lines)
