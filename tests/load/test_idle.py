"""The figures of a process at rest are measured on a real one, and the page gets them."""

import json

from tests.load.idle import run
from tests.load.pages import BENCHMARKS, PART, resting
from tests.proofs import proof


@proof("benchmarks")
def test_a_process_at_rest_is_measured_and_every_line_is_complete() -> None:
    lines = [json.loads(json.dumps(line)) for line in run(rounds=1, seconds=1.0, settle=1.0)]
    assert [line["id"] for line in lines] == ["idle-cpu", "idle-memory", "cold-start"]
    assert all(0 <= line["min"] <= line["median"] <= line["max"] for line in lines)
    assert lines[1]["median"] > 20
    page = BENCHMARKS.read_text()
    written = resting(page, lines)
    assert f"| {lines[1]['median']:.0f} MiB |" in written
    assert PART.sub("", written) == PART.sub("", page)
