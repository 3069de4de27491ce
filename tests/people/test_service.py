"""The directory: a file is taken whole or not at all, and nobody is lost by accident."""

import pytest
from flask import Flask

from survey.access.service import audit
from survey.kernel.errors import Refused
from survey.people.rules.staff_list import read_staff_list
from survey.people.service.directory import (
    FAULTS_LISTED,
    ImportResult,
    correct_address,
    departments,
    find_person,
    import_people,
    list_people,
    people_in,
    preview_import,
    remove_person,
)
from tests.cast import staff_csv
from tests.proofs import on_postgresql, sizes

HEADING = b"email,name,department\n"
MANY = 100_000


def addresses() -> set[str]:
    return {person.email for person in list_people()}


def numbers(result: ImportResult) -> tuple[int, int, int, int, int]:
    return result.added, result.changed, result.unchanged, len(result.missing), result.removed


def entries() -> int:
    return len(audit.list_entries())


def test_the_same_file_twice_changes_nothing(app: Flask) -> None:
    first = import_people(staff_csv({"Sales": 3, "Büro": 2}))
    people, written = list_people(), entries()
    again = import_people(staff_csv({"Sales": 3, "Büro": 2}))
    assert (numbers(first), numbers(again)) == ((5, 0, 0, 0, 0), (0, 0, 5, 0, 0))
    assert (list_people(), entries()) == (people, written)


def test_a_file_with_one_bad_row_stores_none(app: Flask) -> None:
    import_people(staff_csv({"Sales": 2}))
    before, written = list_people(), entries()
    with pytest.raises(
        Refused, match=r"1 of 3 rows needs a correction\. Nothing has been changed"
    ) as refused:
        import_people(
            HEADING
            + b"new@northwind.example,New,Sales\nada@northwind.example,Ada,Moved\nbad,Bad,Sales\n"
        )
    assert refused.value.details == (
        "row 4, email: bad. Not a mail address: it has no “@”. Write it like name@company.example.",
    )
    assert (list_people(), entries()) == (before, written)


def test_a_refusal_lists_200_faults_and_counts_the_others(app: Flask) -> None:
    with pytest.raises(Refused) as refused:
        import_people(HEADING + b"".join(b"bad%d,Bad,Sales\n" % number for number in range(250)))
    assert len(refused.value.details) == FAULTS_LISTED + 1
    assert refused.value.details[-1] == "and 50 more"


def test_a_dry_run_says_what_would_happen_and_stores_nothing(app: Flask) -> None:
    import_people(staff_csv({"Sales": 3}))
    before, written = list_people(), entries()
    content = (
        HEADING + b"ada@northwind.example,Ada Berg,Finance\nc2@northwind.example,Colleague"
        b" 2,Sales\nnew@northwind.example,New,Sales\n"
    )
    tried = import_people(content, dry_run=True, remove_missing=True)
    assert (numbers(tried), tried.moved) == ((1, 1, 1, 1, 1), 1)
    assert (list_people(), entries()) == (before, written)
    with pytest.raises(Refused, match="1 of 1 rows"):
        import_people(HEADING + b"bad,Bad,Sales\n", dry_run=True)
    assert import_people(content, remove_missing=True) == tried


def test_people_missing_from_the_file_stay_unless_told_otherwise(app: Flask) -> None:
    import_people(staff_csv({"Sales": 3}))
    only_ada = staff_csv({"Sales": 1})
    assert numbers(import_people(only_ada)) == (0, 0, 1, 2, 0)
    assert numbers(import_people(only_ada.replace(b"Ada Berg", b"Ada Wolf"))) == (0, 1, 0, 2, 0)
    assert len(addresses()) == 3
    assert numbers(import_people(only_ada, remove_missing=True)) == (0, 1, 0, 2, 2)
    assert addresses() == {"ada@northwind.example"}


def test_columns_that_a_file_lacks_stay_as_they_are(app: Flask) -> None:
    import_people(
        b"email,name,department,site,language,leader\nada@northwind.example,Ada,Sales,Leeds,en-GB,yes\n"
    )
    import_people(b"email,name,department,language\nADA@northwind.example,Ada Berg,Finance,\n")
    (ada,) = list_people()
    assert (ada.name, ada.department, ada.site, ada.language, ada.leader) == (
        "Ada Berg",
        "Finance",
        "Leeds",
        "",
        True,
    )


def test_a_formula_is_stored_as_it_is(app: Flask) -> None:
    import_people(HEADING + b'ada@northwind.example,"=HYPERLINK(""http://x"")",-\n')
    assert [(ada.name, ada.department) for ada in list_people()] == [
        ('=HYPERLINK("http://x")', "-")
    ]


def test_a_file_may_not_tear_a_department_in_two_by_another_spelling(app: Flask) -> None:
    import_people(staff_csv({"Sales": 3}))
    joiner = HEADING + b"new@northwind.example,New,SALES\n"
    with pytest.raises(Refused, match="Spell departments as Candour has them") as refused:
        import_people(joiner)
    assert refused.value.details == ("“SALES” in the file is “Sales” for 3 who are not in it.",)
    with pytest.raises(Refused, match="Spell departments"):
        preview_import(read_staff_list(joiner))
    assert departments() == {"Sales": 3}
    import_people(staff_csv({"SALES": 3}))
    assert departments() == {"SALES": 3}
    import_people(HEADING + b"new@northwind.example,New,sales\n", remove_missing=True)
    assert departments() == {"sales": 1}


@on_postgresql("databases")
@pytest.mark.parametrize("many", sizes("scale", 3000, MANY))
def test_many_people_come_and_go(app: Flask, many: int) -> None:
    content = HEADING + b"".join(
        b"p%d@northwind.example,Person %d,Department %d\n" % (n, n, n % 40) for n in range(many)
    )
    heard: list[tuple[int, int]] = []
    assert numbers(import_people(content, progress=lambda *done: heard.append(done))) == (
        many,
        0,
        0,
        0,
        0,
    )
    assert heard[-1] == (many, many)
    assert heard == sorted(set(heard))
    assert numbers(import_people(content)) == (0, 0, many, 0, 0)
    assert sum(departments().values()) == many
    rest = import_people(
        HEADING + b"p1@northwind.example,Person One,Department 1\n",
        remove_missing=True,
        repeated=many - 1,
    )
    assert numbers(rest) == (0, 1, 0, many - 1, many - 1)
    assert addresses() == {"p1@northwind.example"}


def test_an_import_tells_the_log_numbers_and_no_names(app: Flask) -> None:
    import_people(staff_csv({"Sales": 2}), actor="mira@northwind.example")
    entry = max(audit.list_entries(), key=lambda entry: entry.number)
    assert (entry.who, entry.what, entry.facts["added"], entry.facts["people"]) == (
        "mira@northwind.example",
        "people imported",
        2,
        2,
    )
    assert "ada@" not in str(entry.facts)


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ("c2@northwind.example", "somebody else's address"),
        ("ada", "no “@”"),
        ("ada@northwind.example\nBcc: x@y.example", "Remove the line break"),
        ("", "Fill in the address"),
    ],
)
def test_a_wrong_correction_is_refused_and_changes_nothing(
    app: Flask, new: str, message: str
) -> None:
    import_people(staff_csv({"Sales": 2}))
    with pytest.raises(Refused, match=message):
        correct_address("ada@northwind.example", new)
    assert addresses() == {"ada@northwind.example", "c2@northwind.example"}


def test_an_address_is_corrected_and_the_person_stays_the_same(app: Flask) -> None:
    import_people(staff_csv({"Sales": 2}))
    before = people_in("all")[0]
    after = correct_address(" ADA@northwind.example ", "Ada.Berg@Northwind.example")
    assert (after.id, after.email) == (before.id, "ada.berg@northwind.example")
    assert correct_address("ada.berg@northwind.example", "ada.berg@northwind.example") == after
    with pytest.raises(Refused, match="Nobody in the directory"):
        correct_address("ada@northwind.example", "x@northwind.example")


def test_a_removed_person_is_gone_and_cannot_be_removed_twice(app: Flask) -> None:
    import_people(staff_csv({"Sales": 2}))
    gone = remove_person("Ada@northwind.example")
    assert find_person(gone.id) is None
    with pytest.raises(Refused, match="Nobody in the directory"):
        remove_person("ada@northwind.example")


@pytest.mark.parametrize(
    ("audience", "size"),
    [("all", 6), (" ALL ", 6), ("sales", 3), ("Sales,Legal", 4), ('Legal, "R, D"', 3), ("R, D", 2)],
)
def test_an_audience_finds_its_people(app: Flask, audience: str, size: int) -> None:
    import_people(staff_csv({"Sales": 3, "Legal": 1, '"R, D"': 2}))
    assert len(people_in(audience)) == size


@pytest.mark.parametrize("audience", ["Marketing", "", ",", "Sales,Nobody", "\x00"])
def test_an_audience_of_nobody_names_the_departments_there_are(app: Flask, audience: str) -> None:
    import_people(staff_csv({"Sales": 3, "Legal": 1}))
    with pytest.raises(Refused, match="Departments: Legal, Sales"):
        people_in(audience)
