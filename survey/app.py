"""The application factory: the only file that knows every concept."""

from pathlib import Path

from flask import Flask

from survey.config import Config
from survey.database import db, migrate

_HERE = Path(__file__).parent
# In a checkout the folder stands beside the package; in an installed wheel, inside it.
TEMPLATES = next(path for path in (_HERE / "templates", _HERE.parent / "templates") if path.is_dir())


def create_app(config: Config) -> Flask:
    """The application for these settings: database, sign-in, mail and every concept's pages."""
    app = Flask(__name__, template_folder=str(TEMPLATES), static_folder=str(_HERE / "static"))
    app.config.from_mapping(
        SECRET_KEY=config.secret_key,
        SQLALCHEMY_DATABASE_URI=config.database_url,
        MAX_CONTENT_LENGTH=64 * 1024,
        CANDOUR=config,
    )
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    db.init_app(app)
    migrate.init_app(app)
    return app
