"""Asking web servers.

Imported by the functions that need it: its library holds some MiB that sending does without.
"""

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, RequestException, Session
from requests.adapters import HTTPAdapter
from requests.exceptions import SSLError
from requests.utils import get_environ_proxies

from survey.config import Config
from survey.kernel.hosts import is_loopback
from survey.mail.smtp.rules.grants import NoToken


class Untrusted(Exception):
    """Raised when a web server has a certificate that this machine does not trust."""


def base_url_leads_here(config: Config) -> bool:
    """Asks the address in mails (`/healthz`) whether this program answers there.

    Raises `Untrusted`, or OSError where it cannot be reached.
    """
    url = f"{config.base_url}/healthz"
    try:
        with Session() as session:
            session.trust_env = False
            session.mount("https://", Verified(config.mail_ca_file))
            with session.get(url, timeout=5.0, allow_redirects=False, stream=True) as response:
                return response.status_code == 200 and b'"alive"' in response.raw.read(1000)
    except SSLError:
        raise Untrusted from None
    except (RequestException, NoToken) as error:
        raise OSError("cannot be reached") from error


def proxies_for(url: str) -> dict[str, str]:
    """The proxies that the system sets for this address, by scheme; none for this machine."""
    if is_loopback(urlsplit(url).hostname or ""):
        return {}
    return dict(get_environ_proxies(url))


class Verified(HTTPAdapter):
    """Makes `requests` check certificates as mail does, not by its built-in list.

    By the system's authorities, and by those in `ca_file`. Raises `NoToken` when that file holds no
    certificate.
    """

    def __init__(self, ca_file: Path | None) -> None:
        self.context = ssl.create_default_context()
        try:
            if ca_file:
                self.context.load_verify_locations(ca_file)
        except OSError:
            reason = "the file of trusted authorities holds no certificate that can be read"
            raise NoToken(reason, must_look=True) from None
        super().__init__()

    def build_connection_pool_key_attributes(
        self,
        request: PreparedRequest,
        verify: bool | str,  # noqa: FBT001 - the library's own
        cert: str | tuple[str, str] | None = None,
    ) -> tuple[Any, Any]:
        """Makes the connection use our context, which verifies certificates."""
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"ssl_context": self.context, "cert_reqs": "CERT_REQUIRED"}

    def cert_verify(self, conn: object, url: str, verify: object, cert: object) -> None:
        """Does nothing, so that the library does not replace our context's authorities."""
