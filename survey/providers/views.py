"""The provider and whom to write to there."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from survey.access.open_to import open_to
from survey.kernel.errors import Refused
from survey.providers import service
from survey.providers.forms import ProviderForm

blueprint = Blueprint("providers", __name__)


@blueprint.route("/providers", methods=["GET", "POST"])
@open_to("manager")
def list_providers() -> str | Response | tuple[str, int]:
    """All providers; the form adds one, or a contact to a known one."""
    form = ProviderForm()
    problem = None
    if request.method == "POST" and form.validate():
        try:
            found = _save(form)
        except Refused as refused:
            problem = refused
        else:
            flash(f"{found} is saved.")
            return redirect(url_for("providers.list_providers"), 303)
    page = render_template("providers/list_providers.html", providers=service.list_providers(), form=form, problem=problem)
    return (page, 400) if problem else page


def _save(form: ProviderForm) -> str:
    name, person, address = ((field.data or "").strip() for field in (form.name, form.contact_name, form.contact_address))
    if name in {known.name for known in service.list_providers()}:
        return service.add_contact(name, person, address).name
    return service.add_provider(name, [(person, address)] if address else []).name
