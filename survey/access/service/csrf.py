"""The protection of forms against requests that another site begins."""

from flask_wtf import CSRFProtect

csrf = CSRFProtect()
