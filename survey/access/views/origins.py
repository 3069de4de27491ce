"""From which pages a form may be sent: our own, besides the token that Flask-WTF asks for.

Every present browser says by `Sec-Fetch-Site` whether a request was begun by a page of ours; older
ones and programs do not, and are judged by the token, and by `Origin` or `Referer` if they send
one. Looking at a page (GET) is never refused: a link in a mail comes from elsewhere.
"""

from urllib.parse import urlsplit

from flask import request

_LOOKS = {"GET", "HEAD", "OPTIONS"}
_OURS = {"same-origin", "none"}  # "none": the person themselves, as by a bookmark
_ELSEWHERE = "cross-site"


def is_sent_from_elsewhere(base_url: str) -> bool:
    """Whether another site's page has sent this form, as far as the browser tells.

    A page of the same site, as `same-site` says, is ours only if it is of our own origin.
    """
    if request.method in _LOOKS:
        return False
    said = request.headers.get("Sec-Fetch-Site", "").strip().lower()
    if said in _OURS:
        return False
    headers = request.headers
    origin = _origin_of(headers.get("Origin") or headers.get("Referer", ""))
    if said == _ELSEWHERE:
        return True
    own = {_origin_of(base_url), _origin_of(request.host_url)}
    if said:  # same-site, or a word of browsers to come: only what is known to be ours
        return origin not in own
    # "null": a browser without Sec-Fetch-Site, on a page that tells no other its address.
    return bool(origin) and origin not in own | {"null"}


def _origin_of(address: str) -> str:
    """The scheme, host and port of an address; where there are none, the address itself."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return address
    return f"{parts.scheme}://{parts.netloc}".lower() if parts.netloc else address
