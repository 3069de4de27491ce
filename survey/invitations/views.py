"""The pages that correct addresses, and that decide on those that wait for a second manager."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from survey.access.rules.open_to import open_to
from survey.access.service.current import current_actor, current_role
from survey.access.service.programs import tell_program
from survey.invitations.forms import AddressForm
from survey.invitations.service import corrections
from survey.kernel.errors import NotFound, Refused
from survey.people.rules.staff_list import PersonId
from survey.people.service.directory import find_person

blueprint = Blueprint("invitations", __name__)


@blueprint.route("/people/<person_id>/address", methods=["GET", "POST"])
@open_to("manager")
def correct_address(person_id: str) -> str | tuple[str, int] | Response:
    """Shows a form and what it would do; when sent, corrects the address or proposes it.

    What that means for open waves is the same whether they have answered or not, and looks so.
    """
    person = find_person(PersonId(person_id))
    if person is None:
        raise NotFound("person", "Nobody in the directory has this id. They may have left.")
    form = AddressForm()
    refusal = None
    problems = form.email.errors if form.is_submitted() and not form.validate() else ()
    if form.is_submitted() and not problems:
        try:
            correction = corrections.correct_invited_address(
                person.email,
                form.email.data,
                actor=current_actor(),
                is_administrator=_is_administrator(),
            )
        except Refused as refused:
            tell_program(refused)
            problems, refusal = (refused.sentence,), refused
        else:
            flash(correction.says)
            return redirect(url_for("people.list_people", department=person.department), 303)
    page = render_template(
        "invitations/correct_address.html",
        person=person,
        form=form,
        problems=problems,
        refusal=refusal,
        invited_to=corrections.open_invitations(person.id),
        may_alone=_is_administrator(),
    )
    return page, 400 if problems else 200


@blueprint.get("/people/addresses")
@open_to("manager")
def proposals() -> str:
    """Lists the new addresses that wait for a second manager, with a button for each decision."""
    return _proposals_page()


@blueprint.post("/people/addresses/<proposal_id>")
@open_to("manager")
def decide(proposal_id: str) -> Response | tuple[str, int]:
    """Confirms or refuses a new address, as the pressed button says."""
    try:
        if request.form.get("decision") == "confirm":
            correction = corrections.confirm_proposal(
                proposal_id, actor=current_actor(), is_administrator=_is_administrator()
            )
            flash(correction.says)
        else:
            refused_one = corrections.refuse_proposal(proposal_id, actor=current_actor())
            flash(f"The address of {refused_one.person.name} stays {refused_one.person.email}.")
    except NotFound:
        raise
    except Refused as refused:
        tell_program(refused)
        return _proposals_page(refused), 400
    return redirect(url_for("invitations.proposals"), 303)


def _proposals_page(problem: Refused | None = None) -> str:
    """The page with what waits, and why the last decision was not carried out, if so."""
    return render_template(
        "invitations/proposals.html",
        proposals=corrections.list_proposals(),
        own=None if _is_administrator() else current_actor(),
        problem=problem,
    )


def _is_administrator() -> bool:
    """Whether the signed-in user is an administrator, who needs no second manager."""
    return current_role() == "admin"
