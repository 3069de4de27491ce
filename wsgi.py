"""The WSGI entry point for any production server: `granian --interface wsgi wsgi:app`."""

from survey.app import create_app
from survey.config import Config

app = create_app(Config.from_environment())
