"""The pages of the staff directory: list, import, and removing one person."""

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from survey.access.rules.open_to import open_to
from survey.access.service.current import current_actor
from survey.access.service.programs import tell_program
from survey.jobs.heartbeat import is_beating
from survey.kernel.clock import now
from survey.kernel.errors import NotFound, Refused
from survey.kernel.plurals import how_many
from survey.people.forms import LARGEST_FORM, CarriedFile, UploadForm, carry
from survey.people.rules.refused_rows import refused_rows
from survey.people.rules.staff_list import Person, PersonId, StaffList, read_staff_list
from survey.people.service import directory
from survey.people.service.removals import planned_removal

blueprint = Blueprint("people", __name__)
LISTED_AT_ONCE = 200
_WITH_A_FILE = {"people.preview", "people.confirm", "people.missing", "people.faults"}


@blueprint.url_value_preprocessor
def allow_uploads(endpoint: str | None, values: object) -> None:
    """Raises the size limit of requests to the pages that take a staff list, and of no others.

    It does so before anything (the CSRF check, too) reads the form.
    """
    del values
    if endpoint in _WITH_A_FILE:
        request.max_content_length = LARGEST_FORM
        request.max_form_memory_size = LARGEST_FORM


@blueprint.get("/people")
@open_to("manager")
def list_people() -> str:
    """Shows departments with their numbers, and one department's people, or all if up to 200."""
    departments = directory.departments()
    total = sum(departments.values())
    chosen = request.args.get("department")
    people: tuple[Person, ...] = ()
    if chosen in departments:
        people = directory.list_people(chosen)
    elif total <= LISTED_AT_ONCE:
        people = directory.list_people()
    return render_template(
        "people/list_people.html",
        departments=departments,
        total=total,
        chosen=chosen,
        people=people,
        importing=directory.last_import(),
        is_beating=is_beating(now()),
        as_of=now(),
    )


@blueprint.route("/people/import", methods=["GET", "POST"])
@open_to("manager")
def preview() -> str | tuple[str, int]:
    """Shows the upload form; then the file's faulty rows, or what it would do. Stores nothing."""
    form = UploadForm()
    if not form.validate_on_submit():
        return _upload_page(form), 400 if form.is_submitted() else 200
    try:
        page = _preview_page(form, form.content, form.staff)
    except Refused as refused:
        tell_program(refused)
        return _upload_page(form, refused), 400
    return page, 400 if form.staff.faults else 200


@blueprint.post("/people/import/missing")
@open_to("manager")
def missing() -> str | tuple[str, int]:
    """Lists people who are not in the previewed file, before they are removed. Changes nothing."""
    try:
        return _missing_page(CarriedFile().content())
    except Refused as refused:
        tell_program(refused)
        return _upload_page(UploadForm(formdata=None), refused), 400


@blueprint.post("/people/import/confirm")
@open_to("manager")
def confirm() -> BaseResponse | tuple[str, int]:
    """Imports the file that the preview showed: a short one here, a long one by the timed work.

    Where that is refused, the page before comes back with the file still on it.
    """
    form = CarriedFile()
    try:
        content = form.content()
    except Refused as refused:
        tell_program(refused)
        return _upload_page(UploadForm(formdata=None), refused), 400
    try:
        result = directory.import_people(
            content,
            remove_missing=form.remove_missing.data,
            repeated=form.repeated,
            actor=current_actor(),
            wait=False,
        )
    except Refused as refused:
        tell_program(refused)
        return _page_before(form, content, refused), 400
    job = directory.last_import()
    if job and job.is_under_way:
        flash(
            f"The file is taken. {result.added:,} people are to be added, {result.changed:,}"
            f" changed, {result.removed:,} removed."
        )
    else:
        flash(
            f"{how_many(result.added, 'person')} added, {result.changed:,} changed,"
            f" {result.unchanged:,}"
            f" unchanged, {result.removed:,} removed."
        )
    return redirect(url_for("people.list_people"), 303)


@blueprint.post("/people/import/faults.csv")
@open_to("manager")
def faults() -> Response | tuple[str, int]:
    """Gives the faulty rows of the previewed file as a CSV download, with what to do about each."""
    try:
        text = refused_rows(read_staff_list(CarriedFile().content()))
    except Refused as refused:
        tell_program(refused)
        return _upload_page(UploadForm(formdata=None), refused), 400
    headers = {"Content-Disposition": "attachment; filename=rows-to-correct.csv"}
    return Response(text.encode("utf-8-sig"), mimetype="text/csv", headers=headers)


@blueprint.route("/people/<person_id>/remove", methods=["GET", "POST"])
@open_to("manager")
def remove_person(person_id: str) -> str | BaseResponse | tuple[str, int]:
    """Shows what removing a person means; when the button is pressed, removes them."""
    person = _person_or_404(PersonId(person_id))
    problem = None
    if request.method == "POST":
        try:
            directory.remove_person(person.email, actor=current_actor())
        except Refused as refused:
            tell_program(refused)
            problem = refused
        else:
            flash(f"{person.name} is no longer in the directory.")
            return redirect(url_for("people.list_people"), 303)
    page = render_template("people/remove_person.html", person=person, problem=problem)
    return (page, 400) if problem else page


def _upload_page(form: UploadForm, problem: Refused | None = None) -> str:
    """The page with the upload form, and the refusal of the last file, if it was refused."""
    return render_template(
        "people/preview.html", form=form, staff=None, correction="", problem=problem
    )


def _preview_page(
    form: UploadForm, content: bytes, staff: StaffList, problem: Refused | None = None
) -> str:
    """The page with what a staff list would change, its first faults, and a refusal, if any."""
    return render_template(
        "people/preview.html",
        form=form,
        carried=carry(content),
        staff=staff,
        result=directory.preview_import(staff),
        listed_faults=staff.faults[: directory.FAULTS_LISTED],
        correction=directory.correction_of(staff) if staff.faults else "",
        problem=problem,
    )


def _missing_page(content: bytes, problem: Refused | None = None, typed: str = "") -> str:
    """The page that asks before people are removed who are not in a file.

    After a refused number with the refusal and what was typed. Refuses what is no staff list.
    """
    result = directory.preview_import(read_staff_list(content))
    return render_template(
        "people/missing.html",
        carried=carry(content),
        result=result,
        removal=planned_removal(result.missing),
        listed=result.missing[:LISTED_AT_ONCE],
        problem=problem,
        typed=typed,
    )


def _page_before(form: CarriedFile, content: bytes, problem: Refused) -> str:
    """The page whose button was refused: that of the people to remove, or else the preview."""
    if form.remove_missing.data and problem.code == "removal-not-confirmed":
        return _missing_page(content, problem, form.number.data or "")
    return _preview_again(content, problem)


def _preview_again(content: bytes, problem: Refused) -> str:
    """The preview of a file that was refused, with the refusal; if that fails, the upload page."""
    form = UploadForm(formdata=None)
    try:
        return _preview_page(form, content, read_staff_list(content), problem)
    except Refused as refused:
        return _upload_page(form, refused)


def _person_or_404(person_id: PersonId) -> Person:
    """The person with this id; not found (404) once they have left the directory."""
    person = directory.find_person(person_id)
    if person is None:
        raise NotFound("person", "This person is not in the directory any more.")
    return person
