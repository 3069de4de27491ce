"""The page that corrects an address, which ends codes and queues new invitations."""

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from survey.access.rules.open_to import open_to
from survey.access.service.current import current_actor
from survey.access.service.programs import tell_program
from survey.invitations.forms import AddressForm
from survey.invitations.service import personal_data
from survey.kernel.errors import NotFound, Refused
from survey.people.rules.staff_list import PersonId
from survey.people.service.directory import find_person

blueprint = Blueprint("invitations", __name__)


@blueprint.route("/people/<person_id>/address", methods=["GET", "POST"])
@open_to("manager")
def correct_address(person_id: str) -> str | tuple[str, int] | Response:
    """Shows a form; when sent, changes the address, ends codes and queues fresh invitations.

    What that means for open waves happens whether they have answered or not, and looks the same.
    """
    person = find_person(PersonId(person_id))
    if person is None:
        raise NotFound("person", "Nobody in the directory has this id. They may have left.")
    form = AddressForm()
    refusal = None
    problems = form.email.errors if form.is_submitted() and not form.validate() else ()
    if form.is_submitted() and not problems:
        try:
            corrected = personal_data.correct_invited_address(
                person.email, form.email.data, actor=current_actor()
            )
        except Refused as refused:
            tell_program(refused)
            problems, refusal = (refused.sentence,), refused
        else:
            flash(f"{corrected.name} is now {corrected.email}.")
            return redirect(url_for("people.list_people", department=person.department), 303)
    page = render_template(
        "invitations/correct_address.html",
        person=person,
        form=form,
        problems=problems,
        refusal=refusal,
    )
    return page, 400 if problems else 200
