"""The one way of saying no."""

from survey.kernel.errors import Refused


def test_a_refusal_carries_one_sentence_and_its_details() -> None:
    refused = Refused("rows-faulty", "Two rows are wrong.", details=("line 3: no address", "line 9: twice"))
    assert str(refused) == refused.sentence == "Two rows are wrong."
    assert refused.details == ("line 3: no address", "line 9: twice")


def test_a_refusal_needs_no_details() -> None:
    assert Refused("wave-running", "A wave is running until 19 January 2026.").details == ()
