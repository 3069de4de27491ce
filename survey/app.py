"""The application factory: the only file that knows every room's pages."""

from pathlib import Path

from flask import Flask

from survey.access.service.notices import register_names, register_notices
from survey.access.views import pages as access
from survey.access.views.setup import init_access
from survey.accountability import views as accountability
from survey.answering import views as answering
from survey.config import Config
from survey.console.service.accounts import (
    browser_letter_type,
    link_letter_type,
    names_known_here,
    password_letter_type,
    queue_account_letter,
)
from survey.console.views import comments, wave_mail
from survey.console.views import waves as console
from survey.counting import views as counting
from survey.database import db, migrate
from survey.findings import views as findings
from survey.findings.anchors import views as audit_log
from survey.findings.service.letter_types import findings_letter_type
from survey.followups import views as followups
from survey.followups.service.letter_types import follow_up_letter_type
from survey.health import views as health
from survey.invitations import views as invitations
from survey.invitations.service.letter_types import invitation_letter_type, reminder_letter_type
from survey.invitations.service.notices import address_notice_letter_type
from survey.invitations.service.rights import rights_watch
from survey.jobs.child_process import FACTORY
from survey.kernel.plurals import FILTERS
from survey.launching import views as launching
from survey.mail import views as mail
from survey.mail.service import alarm_letter_type, register_letter_type
from survey.organisation import views as organisation
from survey.people import views as people
from survey.people.service.watching import watch_directory
from survey.providers import views as providers
from survey.questionnaires import views as questionnaires
from survey.vault import views as vault
from survey.waves import views as waves

PAGES = (
    health,
    access,
    mail,
    people,
    providers,
    organisation,
    questionnaires,
    waves,
    vault,
    invitations,
    launching,
    answering,
    counting,
    findings,
    audit_log,
    accountability,
    followups,
    console,
    wave_mail,
    comments,
)
LETTERS = (
    invitation_letter_type,
    reminder_letter_type,
    address_notice_letter_type,
    findings_letter_type,
    follow_up_letter_type,
    alarm_letter_type,
    link_letter_type,
    password_letter_type,
    browser_letter_type,
)
LARGEST_FORM = 64 * 1024
_HERE = Path(__file__).parent
# In a checkout the folder stands beside the package; in an installed wheel, inside it.
TEMPLATES = next(
    path for path in (_HERE / "templates", _HERE.parent / "templates") if path.is_dir()
)


def create_app(config: Config) -> Flask:
    """Makes the application for these settings: database, sign-in, all pages and letter types.

    Makes the folder of the SQLite database, but no database.
    """
    app = Flask(__name__, template_folder=str(TEMPLATES), static_folder=str(_HERE / "static"))
    app.config.from_mapping(
        SECRET_KEY=config.secret_key,
        SQLALCHEMY_DATABASE_URI=config.database_url,
        MAX_CONTENT_LENGTH=LARGEST_FORM,
        MAX_FORM_MEMORY_SIZE=LARGEST_FORM,
        CANDOUR=config,
    )
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.jinja_env.filters |= {function.__name__: function for function in FILTERS}
    if config.database_file:
        config.database_file.parent.mkdir(parents=True, exist_ok=True)
    app.extensions[FACTORY] = create_app
    db.init_app(app)
    migrate.init_app(app)
    init_access(app, config)
    for views in PAGES:
        app.register_blueprint(views.blueprint)
    register_notices(app, queue_account_letter)
    register_names(app, names_known_here)
    for letter_type in LETTERS:
        register_letter_type(app, letter_type(config))
    watch_directory(rights_watch())
    return app
