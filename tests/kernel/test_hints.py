"""The table of what follows a refusal."""

from survey.kernel.errors import NotFound, Refused
from survey.kernel.hints import BY_ADMINISTRATOR, HINTS, Link, link_for_page, words_for_command


def test_the_table_is_sorted_by_code() -> None:
    assert list(HINTS) == sorted(HINTS)


def test_what_has_no_page_is_left_to_an_administrator() -> None:
    assert link_for_page(Refused("import-stopped", "Stopped.")) == Link(BY_ADMINISTRATOR)
    assert link_for_page(NotFound("user", "Nobody of this address may sign in.")) is None


def test_who_interrupts_reads_how_to_go_on_and_nothing_where_nothing_is_to_be_done() -> None:
    again = Refused("interrupted", "Stopped.", again="Again: candour people import staff.csv")
    assert words_for_command(again) == "Stopped. Again: candour people import staff.csv"
    assert words_for_command(Refused("interrupted", "Stopped.", again="")) == "Stopped."
