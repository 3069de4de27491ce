"""The WSGI entry point for any production server: `granian --interface wsgi wsgi:app`."""

from survey.app import create_app
from survey.config import Config
from survey.kernel.files import keep_new_files_private
from survey.kernel.memory import protect_memory

keep_new_files_private()
protect_memory()
app = create_app(Config.from_environment())
