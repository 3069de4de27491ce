"""Every route, as everybody, with bodies that no browser sends: refused with a sentence."""

import http.client
import re
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from flask import Flask
from waitress import wasyncore

from survey.access.views.bodies import NAMELESS, NOT_WHOLE
from survey.server import create_server
from tests.outside import browser
from tests.project import test_routes
from tests.project.test_routes import AS, World, contents, routes, token
from tests.proofs import sizes

world = test_routes.world

FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=x"
FIELD = 'Content-Disposition: form-data; name="reason"'
UNKNOWN = "Pages take forms only"
TOO_MUCH = "Send less than 64 KiB"


def part(*headers: str, value: str = "because", before: bytes = b"") -> bytes:
    """A body of one part with these headers, behind others."""
    head = "".join(f"{line}\r\n" for line in headers).encode("latin-1", "surrogateescape")
    return before + b"--x\r\n" + head + b"\r\n" + value.encode() + b"\r\n--x--\r\n"


# What is sent, as what, and the answer: its status and words of its sentence.
BROKEN: dict[str, tuple[bytes, str, int, str]] = {
    "a part without a name": (part("Content-Disposition: form-data"), PARTS, 400, NAMELESS),
    "a part with an empty name": (
        part('Content-Disposition: form-data; name=""'),
        PARTS,
        400,
        NAMELESS,
    ),
    "a nameless part behind a good one": (
        part(
            "Content-Disposition: form-data",
            before=b"--x\r\n" + FIELD.encode() + b"\r\n\r\nbecause\r\n",
        ),
        PARTS,
        400,
        NAMELESS,
    ),
    "a file without a name": (
        part('Content-Disposition: form-data; filename="staff.csv"'),
        PARTS,
        400,
        NAMELESS,
    ),
    "a part without a disposition": (part("Content-Type: text/plain"), PARTS, 400, NOT_WHOLE),
    "a part without headers": (part(), PARTS, 400, NOT_WHOLE),
    "a header without a colon": (part("rubbish"), PARTS, 400, NOT_WHOLE),
    "a name in no encoding": (
        part(
            "Content-Disposition: form-data",
            before=b'--x\r\nContent-Disposition: form-data; name="\xff\xfe"\r\n\r\n1\r\n',
        ),
        PARTS,
        400,
        "",
    ),
    "a header that goes on for ever": (
        b"--x\r\nContent-Disposition: form-data; name=" + b"a" * 60_000,
        PARTS,
        400,
        NOT_WHOLE,
    ),
    "a body that is cut off": (
        b"--x\r\n" + FIELD.encode() + b"\r\n\r\nbeca",
        PARTS,
        400,
        NOT_WHOLE,
    ),
    "another boundary": (part(FIELD), "multipart/form-data; boundary=y", 400, NOT_WHOLE),
    "no boundary": (part(FIELD), "multipart/form-data", 400, NOT_WHOLE),
    "an empty boundary": (part(FIELD), 'multipart/form-data; boundary=""', 400, NOT_WHOLE),
    "a boundary in no encoding": (
        part(FIELD),
        "multipart/form-data; boundary=\xff",
        400,
        NOT_WHOLE,
    ),
    "a boundary alone": (b"--x", PARTS, 400, NOT_WHOLE),
    "1,500 parts": (
        b"".join(
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' for _ in range(1_500)
        )[:64_000]
        + b"--x--\r\n",
        PARTS,
        413,
        TOO_MUCH,
    ),
    "a nameless field": (b"=because", FORM, 400, NAMELESS),
    "a nameless field behind a good one": (b"reason=because&=x", FORM, 400, NAMELESS),
    "a form in no encoding": (b"reason=\xff\xfe", FORM, 400, NOT_WHOLE),
    "plain text": (b"reason=because", "text/plain", 415, UNKNOWN),
    "JSON": (b'{"reason": 1}', "application/json", 415, UNKNOWN),
    "XML": (b"<reason/>", "text/xml; charset=utf-16", 415, UNKNOWN),
    "other parts": (part(FIELD), "multipart/mixed; boundary=x", 415, UNKNOWN),
    "an unknown type": (b"x", "\xff\xfe;=;;", 415, UNKNOWN),
    "no type": (b"x", "", 415, UNKNOWN),
}
# What is no fault of a form: a page of its own answers, as it does without it.
ODD: dict[str, tuple[bytes, str]] = {
    "a NUL in a name": (part('Content-Disposition: form-data; name="a\0b"'), PARTS),
    "the same name twice": (b"reason=1&reason=2&csrf_token=&csrf_token=", FORM),
    "another charset": (part(FIELD, "Content-Type: text/plain; charset=utf-7"), PARTS),
    "a charset that is none": (part(FIELD, "Content-Type: text/plain; charset=\0"), PARTS),
    "a charset of the form": (b"reason=1", f"{FORM}; charset=ebcdic"),
    "a name by RFC 2231": (part("Content-Disposition: form-data; name*=utf-8''a%ff"), PARTS),
    "a length in a part": (part(FIELD, "Content-Length: -9"), PARTS),
    "a file name that leads away": (
        part('Content-Disposition: form-data; name="file"; filename="../\0/x"'),
        PARTS,
    ),
}


@pytest.mark.parametrize("one_in", sizes("requests", 5, 1))
@pytest.mark.parametrize("role", AS)
def test_no_page_takes_a_body_that_is_no_whole_form(
    world: World, role: str | None, one_in: int
) -> None:
    """Each page all of them; in `make test` each page some, and each of them on some pages."""
    client, before, tried = browser(world.app, role), contents(), 0
    for method in ("GET", "POST"):
        for number, rule in enumerate(routes(world.app, method)):
            address = world.addresses(rule)[0]
            for name in list(BROKEN)[number % one_in :: one_in]:
                body, kind, status, says = BROKEN[name]
                answer = client.open(address, method=method, data=body, content_type=kind)
                said = f"{method} {address} with {name}: {answer.status}"
                assert answer.status_code == status, said
                assert says in answer.text, said
                tried += 1
    assert contents() == before
    assert tried > 2_000 / one_in


@pytest.mark.parametrize("role", AS)
def test_what_is_odd_in_a_form_is_no_fault_of_ours(world: World, role: str | None) -> None:
    client, before = browser(world.app, role), contents()
    csrf = token(client)
    for rule in routes(world.app, "POST"):
        address = world.addresses(rule)[-1]  # what is not there
        for name, (body, kind) in ODD.items():
            answer = client.post(
                address, data=body, content_type=kind, headers={"X-CSRFToken": csrf}
            )
            assert answer.status_code < 500, f"{address} with {name}: {answer.status}"
        if rule.endpoint == "security.logout" and role:
            client = browser(world.app, role)
            csrf = token(client)
    after = contents("audit_entry", "sign_in_link", "user")
    assert after == {name: before[name] for name in after}


def test_an_empty_body_is_an_empty_form_whatever_its_type(world: World) -> None:
    client = browser(world.app, "manager")
    for kind in (FORM, "text/plain", ""):
        assert client.get("/account", content_type=kind).status_code == 200
        answer = client.post("/account/password", content_type=kind)
        assert (answer.status_code, "Please send the form again" in answer.text) == (400, True)


@contextmanager
def serving(app: Flask) -> Iterator[int]:
    """The application behind the product's own server; gives the port."""
    server = create_server(app, "127.0.0.1", 0, proxies=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server.effective_port
    finally:
        server.task_dispatcher.shutdown()
        server.trigger.pull_trigger(lambda: wasyncore.close_all(server._map))
        thread.join(timeout=10)


def first_line(port: int, *lines: bytes, body: bytes = b"") -> int:
    """The status that the server answers to a request of these lines, word for word."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=15)) as connection:
        connection.connect()
        connection.sock.sendall(b"\r\n".join([*lines, b"", b""]) + body)
        found = re.match(rb"HTTP/1\.[01] (\d{3})", connection.sock.recv(4096))
        assert found
        return int(found[1])


def test_through_the_server_too_whatever_the_length_says(world: World) -> None:
    host, form = b"Host: localhost", f"Content-Type: {FORM}".encode()
    parts = f"Content-Type: {PARTS}".encode()
    chunked, end = b"Transfer-Encoding: chunked", b"Connection: close"
    nameless = BROKEN["a part without a name"][0]
    with serving(world.app) as port:
        for path in (b"/sign-in", b"/sign-out", b"/surveys", b"/sign-in/link", b"/stop/x"):
            head = (b"POST " + path + b" HTTP/1.1", host, end)
            length = f"Content-Length: {len(nameless)}".encode()
            in_chunks = f"{len(nameless):x}\r\n".encode() + nameless + b"\r\n0\r\n\r\n"
            assert first_line(port, *head, parts, length, body=nameless) == 400
            assert first_line(port, *head, parts, chunked, body=in_chunks) == 400
            assert first_line(port, *head, form, chunked, body=b"zz\r\nx\r\n0\r\n\r\n") == 400
            assert first_line(port, *head, form, b"Content-Length: x", body=b"a=1") == 400
            assert first_line(port, *head, form, b"Content-Length: -3", body=b"a=1") == 400
            assert first_line(port, *head, parts, b"Content-Length: 12", body=nameless) == 400
            assert first_line(port, *head, parts, b"Content-Length: 0") in {302, 400, 410, 404}
            assert first_line(port, *head, b"Transfer-Encoding: gzip") in {400, 501}
