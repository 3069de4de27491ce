"""Answers of one size are compared with unpadded ones on a real server, and the page gets it."""

import json

from tests.load.padding import run
from tests.load.pages import BENCHMARKS, PART, of_one_size
from tests.proofs import proof


@proof("benchmarks")
def test_a_padded_answer_is_compared_with_a_plain_one() -> None:
    (line,) = [json.loads(json.dumps(line)) for line in run(pairs=20)]
    assert line["id"] == "padding"
    assert line["median"] > 0
    assert line["ratio"] == round(line["median"] / line["floor"], 3)
    page = BENCHMARKS.read_text()
    written = of_one_size(page, [line])
    assert f"| {line['ratio']:.3f} | 1.05 |" in written
    assert PART.sub("", written) == PART.sub("", page)
