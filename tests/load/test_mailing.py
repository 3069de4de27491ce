"""The race of letters runs, both ways hand over the same, and its table is written."""

import json

from tests.load.mailing import run
from tests.load.pages import BENCHMARKS, PART, sent
from tests.proofs import proof


@proof("benchmarks")
def test_both_servers_give_one_complete_line_each_and_a_table() -> None:
    lines = [json.loads(json.dumps(line)) for line in run(block=20, rounds=1)]
    assert [(line["bound"], line["most"]) for line in lines] == [(0.9, 0), (0.0, 4)]
    for line in lines:
        assert line["value"] > 0
        assert line["floor"] > 0
        assert line["committing_floor"] > 0
        assert line["processor_ratio"] > 0
        assert line["processor_by_hand"] > 0
        assert line["n"] == 20
    page = sent(BENCHMARKS.read_text(), lines)
    (table,) = [part[0] for part in PART.finditer(page) if part["names"] == "mail"]
    assert all(line["what"] in table for line in lines)
