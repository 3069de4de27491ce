"""Sign-in, roles, the audit log, and who may open which page."""

import sys

# Flask-Security imports authlib's web client wherever authlib is installed, which holds 35 MiB;
# nobody signs in through another site here.
sys.modules.setdefault("authlib.integrations.flask_client", None)  # type: ignore[arg-type]
