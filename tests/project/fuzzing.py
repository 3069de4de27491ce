"""Random requests, most of which no browser would send, over all pages of a world."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from random import Random
from urllib.parse import quote, unquote_to_bytes

from sqlalchemy import Text, select

from survey.database import Base, db
from tests.project.test_bodies import BROKEN, ODD
from tests.project.test_routes import World

FITTING: dict[str, object] = dict(
    pair.split("=")
    for pair in [
        "email=new@northwind.example",
        "role=viewer",
        "name=Northwind",
        "contact_name=Olaf",
        "contact_email=olaf@x.example",
        "contact_address=olaf@x.example",
        "comments_read_by=Head",
        "host=x",
        "several_zones=y",
        "opens=2027-02-01T09:00",
        "days=14",
        "timezone=Europe/London",
        "audience=all",
        "provider=brightline-it",
        "questionnaire=quarterly_8",
        "cadence=quarterly",
        "reason=flood",
        "contact=x",
        "token=x",
        "OVR1=4",
        "EFF2=1",
        "OPN1=words",
        "password=p",
        "new_password=p",
        "again=p",
        "comment=x",
        "decision=release",
        "text=words",
        "show=held",
        "do=send",
        "comments=y",
        "groups=y",
        "public=x",
        "reply=agreed",
        "received=2027-02-09",
        "none=y",
        "side=client",
        "what=call",
        "owner=Dana",
        "due=2027-03-31",
        "opening=x",
        "changes=x",
        "strength=OVR1",
        "problem=RES1",
        "correction=x",
        "seen=x",
        "next=/",
        "carried=x",
        "remove_missing=y",
        "department=Sales",
        "what=x",
        "remember=y",
    ]
)
NAMES = sorted(FITTING)
RUBBISH = (
    *(
        "",
        " ",
        "0",
        "-1",
        "4",
        "5",
        "9" * 400,
        "1e308",
        "NaN",
        "\0",
        "a\0b",
        "\r\nBcc: all@northwind.example",
        "\u202e\u2066x",
        "\ufffe",
        "🦆" * 50,
    ),
    *(
        "=cmd()",
        "'; DROP TABLE person;--",
        "<script>alert(1)</script>",
        "{{ 7*7 }}",
        "%s%n",
        "../../etc/passwd",
        "//evil.example",
        "x" * 9000,
    ),
    *(
        "0001-01-01T00:00",
        "9999-12-31T23:59",
        "2027-02-30T09:00",
        "Europe/London",
        "../UTC",
        "Mars/" + "x" * 300,
        "all",
        "Sales,Legal",
        "quarterly",
    ),
    *(
        "viewer",
        "admin",
        "manager@northwind.example",
        "new@northwind.example",
        "quarterly_8",
        "brightline-it",
        "Brightline IT",
        "Otto <otto@x.example>",
    ),
)
BYTES = (
    b"",
    b"\xff\xfe",
    b"%ed%a0%80",
    b"&&&==",
    b"a=%zz",
    b"{",
    b'{"email": 1}',
    b"[" * 3000,
    b"--x\r\n",
    bytes(range(256)),
    b"=" * 70_000,
)
TYPES = (
    "application/json",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "text/plain",
    "application/x-www-form-urlencoded",
    "",
)
FILES = (
    b"",
    b"email,name,department\nada@x.example,Ada,Sales\n",
    b"\xff\xfe\x00",
    b"email;name\n" + b"x" * 9000,
    b'"' * 99,
    b"a,b\0c\n",
)
METHODS = ("GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "BREW")
SPICE = ("/", "//", "%00", "%ff", "%ed%a0%80", "/..%2f", ";x", "%23code", "\u202e", "." * 300)
HOSTS = ("localhost", "127.0.0.1", "evil.example", "", "[::1", "localhost:99999", "LOCALHOST.")
SITES = ("same-origin", "same-site", "cross-site", "none", "x")
ORIGINS = ("http://localhost", "https://evil.example", "null", "http://[::1", "")
ACCEPTED = (
    *("application/json", "application/problem+json", "text/html", "*/*;q=x", "text/css", ""),
    *("image/*, text/html;q=0", "a/b;" * 500),
)
LANGUAGES = ("de", "en-GB, de;q=0.9", "xx-" + "x" * 500, "de;q=NaN", "*", "\xff")
RANGES = (
    "bytes=0-0",
    "bytes=9-1",
    "bytes=-",
    "bytes=" + "1-2," * 300,
    "lines=1",
    "bytes=9" + "9" * 99,
)
DATES = ("Mon, 01 Jan 0001 00:00:00 GMT", "Thu, 99 Jan 2099 00:00:00 GMT", "x", "\x01")
TAGS = ('"x"', "*", 'W/"', '"' * 300, "\xfe")
LENGTHS = ("0", "1", "-1", "x", "65536", "9" * 30, " 12 ", "")
HEADERS: Mapping[str, Sequence[str]] = {
    "Host": HOSTS,
    "Sec-Fetch-Site": SITES,
    "Origin": ORIGINS,
    "Referer": (*ORIGINS, "http://localhost/surveys"),
    "Accept": ACCEPTED,
    "Accept-Language": LANGUAGES,
    "Accept-Encoding": ("gzip", "identity;q=0", "x" * 300),
    "Range": RANGES,
    "If-Range": (*DATES, *TAGS),
    "If-Modified-Since": DATES,
    "If-Unmodified-Since": DATES,
    "If-None-Match": TAGS,
    "If-Match": TAGS,
    "Authorization": ("Basic x", "Bearer " + "x" * 99, "Basic \xff", "Digest a=b,,=", ""),
    "X-Forwarded-For": ("203.0.113.9", "x, y, z", "\xff"),
    "X-Forwarded-Host": ("evil.example",),
    "X-Forwarded-Proto": ("https", "gopher"),
    "X-HTTP-Method-Override": ("DELETE", "BREW"),
    "X-CSRFToken": ("x", "a.b.c", "\xff" * 20),
    "X-Requested-With": ("XMLHttpRequest",),
    "User-Agent": ("", "x" * 5000, "\x01\x02"),
    "Authentication-Token": ("x", "W10.x.y"),
    "Expect": ("100-continue", "x"),
    "Content-Encoding": ("gzip", "br"),
    "Content-Length": LENGTHS,
    "Transfer-Encoding": ("chunked", "gzip"),
    "Connection": ("close, x", "upgrade"),
    "Upgrade": ("websocket",),
    "Date": DATES,
}


def real_ids() -> list[str]:
    """All that names a row of any table: what a path may hold although it is of another kind."""
    found: set[str] = set()
    for table in Base.metadata.sorted_tables:
        texts = [column for column in table.primary_key if isinstance(column.type, Text)]
        for column in texts:
            found |= set(db.session.scalars(select(column).limit(20)))
    return sorted(found)


@dataclass(frozen=True, slots=True)
class Page:
    """A route: its addresses with all samples, and whether it takes forms."""

    addresses: tuple[str, ...]
    takes_forms: bool


def pages_of(world: World) -> list[Page]:
    """All routes, always in the same order."""
    rules = sorted(world.app.url_map.iter_rules(), key=repr)
    return [Page(tuple(world.addresses(rule)), "POST" in (rule.methods or ())) for rule in rules]


def random_request(
    source: Random, pages: Sequence[Page], csrf: str, ids: Sequence[str]
) -> dict[str, object]:
    """One request: a page's own or a stranger thing, with headers and bodies of all kinds."""
    wanted = _plain_request(source, pages, csrf)
    environ = dict(wanted["environ_overrides"])  # type: ignore[call-overload]
    if source.random() < 0.1:
        environ["PATH_INFO"] = _other_path(source, str(environ["PATH_INFO"]), ids)
    if source.random() < 0.1:
        wanted["query_string"] = f"{wanted['query_string']}&{quote(source.choice(RUBBISH), '=&')}"
    if source.random() < 0.1:
        body, kind = source.choice(
            [*((body, kind) for body, kind, _, _ in BROKEN.values()), *ODD.values()]
        )
        wanted |= {"data": body, "content_type": kind}
    headers = {name: source.choice(HEADERS[name]) for name in _some_headers(source)}
    if "Content-Length" in headers:
        environ["CONTENT_LENGTH"] = headers.pop("Content-Length")
    if source.random() < 0.03:
        headers["Cookie"] = source.choice(
            ("candour=x", "candour=" + "x" * 4000, "candour-browser=a.b.c.d~x", "=;==;\xff", "a")
        )
    return wanted | {"environ_overrides": environ, "headers": headers}


def _some_headers(source: Random) -> list[str]:
    """The names of none to three headers."""
    return source.sample(sorted(HEADERS), source.choice((0, 0, 0, 0, 0, 1, 1, 2, 3)))


def _other_path(source: Random, path: str, ids: Sequence[str]) -> str:
    """A path in which one part is the name of some row, or rubbish."""
    parts = path.split("/")
    part = source.choice(ids) if source.random() < 0.7 else source.choice(RUBBISH)
    parts[source.randrange(1, len(parts) + 1) - 1] = part.encode().decode("latin-1")
    changed = "/".join(parts)
    return changed if changed.startswith("/") else "/" + changed


def _plain_request(source: Random, pages: Sequence[Page], csrf: str) -> dict[str, object]:
    """A request to a page, with values that fit its form or with rubbish."""
    page = source.choice(pages)
    address = source.choice(page.addresses) + (
        source.choice(SPICE) if source.random() < 0.15 else ""
    )
    method = (
        source.choice(METHODS) if source.random() < 0.15 else "POST" if page.takes_forms else "GET"
    )
    values = ["%00", "x", "%ff", "//evil.example", "%F0%9F%A6%86"]
    query = "&".join(
        f"{source.choice(NAMES)}={source.choice(values)}" for _ in range(source.randint(0, 2))
    )
    path = unquote_to_bytes(address).decode("latin-1")  # as a server hands it over
    environ = {
        "PATH_INFO": path,
        "REMOTE_ADDR": f"10.0.{source.randrange(256)}.{source.randrange(256)}",
    }  # no limit stops the walk
    wanted: dict[str, object] = {
        "environ_overrides": environ,
        "query_string": query,
        "method": method,
    }
    if wanted["method"] == "GET":
        return wanted
    if source.random() < 0.2:
        return wanted | {"data": source.choice(BYTES), "content_type": source.choice(TYPES)}
    names = source.sample(
        sorted(FITTING), source.randint(0, 3) if source.random() < 0.7 else len(FITTING)
    )
    data: dict[str, object] = FITTING | {
        name: [source.choice(RUBBISH) for _ in range(source.choice([1, 1, 1, 3]))] for name in names
    }
    if source.random() < 0.2:
        data["file"] = (
            BytesIO(source.choice(FILES)),
            source.choice(["staff.csv", "", "../x\0.csv"]),
        )
    return wanted | {"data": data | ({"csrf_token": csrf} if source.random() < 0.9 else {})}
