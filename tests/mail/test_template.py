"""A letter written once for many: what fills a slot is data and stays data, in each part."""

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.kernel.errors import Refused
from survey.mail.rules.letter import Letter
from survey.mail.rules.template import Marks, Template

PRINTABLE = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=40)


def template(
    subject: str = "Hello {0}",
    text: str = "{1} and {0}\n{0}\n",
    html: str = '<a title="{0}" href="x#{1}">{0}</a>',
) -> Template:
    marks = Marks("first", "second")
    both = (marks["first"], marks["second"])
    return Template.of(
        marks,
        subject=subject.format(*both),
        text=text.format(*both),
        html=html.format(*both),
        reply_to="dana@northwind.example",
        headers=[("List-Unsubscribe", f"<https://x.example/{both[1]}>"), ("X-Fixed", "as it is")],
    )


def filled(one: Template, first: str = "1st", second: str = "2nd") -> Letter:
    return one.fill("Ada", "ada@northwind.example", {"first": first, "second": second})


def test_every_part_has_its_slots_filled() -> None:
    letter = filled(template())
    assert (letter.to_name, letter.to_address, letter.reply_to) == (
        "Ada",
        "ada@northwind.example",
        "dana@northwind.example",
    )
    assert (letter.subject, letter.text) == ("Hello 1st", "2nd and 1st\n1st\n")
    assert letter.html == '<a title="1st" href="x#2nd">1st</a>'
    assert letter.headers == (
        ("List-Unsubscribe", "<https://x.example/2nd>"),
        ("X-Fixed", "as it is"),
    )


@given(first=PRINTABLE, second=PRINTABLE)
def test_what_fills_a_slot_never_becomes_markup_or_another_slot(first: str, second: str) -> None:
    letter = filled(template(), first, second)
    assert letter.text == f"{second} and {first}\n{first}\n"
    attributes = re.fullmatch('<a title="([^"<>]*)" href="x#([^"<>]*)">([^"<>]*)</a>', letter.html)
    assert attributes
    assert tuple(map(unescape, attributes.groups())) == (first, second, first)


@pytest.mark.parametrize("bad", ["a\nb", "a\r\nBcc: eve@x.example", "\x00", "\u2028", "\ud800"])
def test_a_line_break_fills_no_slot(bad: str) -> None:
    with pytest.raises(ValueError, match="one printable line"):
        filled(template(), bad)


@pytest.mark.parametrize(
    "values", [{}, {"first": "1"}, {"first": "1", "second": "2", "third": "3"}]
)
def test_a_slot_left_out_or_unknown_is_refused(values: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="the slots are first, second"):
        template().fill("Ada", "ada@northwind.example", values)


def test_an_unknown_slot_cannot_be_marked_and_no_text_looks_like_a_mark() -> None:
    marks = Marks("first")
    with pytest.raises(KeyError):
        marks["second"]
    with pytest.raises(ValueError, match="small letters"):
        Marks("First")
    assert Marks("first")["first"] != marks["first"]
    assert marks.cut("slotfirstx {first} %(first)s").slots == ()


def test_a_filled_letter_is_checked_like_any_other() -> None:
    with pytest.raises(Refused, match="its subject has 206 characters"):
        filled(template(), "x" * 200)
    with pytest.raises(Refused, match="Not a mail address"):
        template().fill("Ada", "ada", {"first": "", "second": ""})
