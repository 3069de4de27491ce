"""The wheel is complete: installed alone in a clean environment, it serves its pages."""

import http.client
import os
import re
import signal
import site
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = {path.name: path.read_text() for path in (ROOT / "deploy").glob("locked*.txt")}


def run(*command: str | Path, cwd: Path, **environ: str) -> str:
    """What a command prints, started in an environment with nothing of ours in it."""
    clean = {"PATH": os.defpath, "HOME": str(cwd), "LANG": "C.UTF-8", **environ}
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    run(
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        folder,
        ROOT,
        cwd=folder,
    )
    return next(folder.glob("candour-*.whl"))


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment that holds the wheel.

    Its dependencies are those installed here, so that nothing is downloaded.
    """
    folder = tmp_path_factory.mktemp("clean") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    packages = next(folder.glob("lib/python*/site-packages"))
    # A path file inside a folder that a path file names is not read: the editable install of this
    # checkout stays outside.
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    python = folder / "bin" / "python"
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        wheel,
        cwd=folder.parent,
    )
    return folder


@pytest.fixture(scope="module")
def served(clean: Path) -> Iterator[str]:
    """The address of a new, empty installation made and served by the installed program."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    home = clean.parent
    run(clean / "bin" / "candour", "init", cwd=home, CANDOUR_BASE_URL=address)
    server = subprocess.Popen(
        [clean / "bin" / "candour", "serve", "--port", str(port)],
        cwd=home,
        env={"PATH": os.defpath, "HOME": str(home), "CANDOUR_BASE_URL": address},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(address, server)
        yield address
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.communicate()


def wait_for(address: str, server: subprocess.Popen[str]) -> None:
    """Returns when the server answers; fails with what it printed when it ends instead."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if server.poll() is not None:
            pytest.fail(server.communicate()[1])
        try:
            opened(f"{address}/healthz")
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError):
            time.sleep(0.1)
        else:
            return
    pytest.fail("the server did not answer within 30 seconds")


def opened(address: str) -> str:
    """What stands at an address."""
    with urllib.request.urlopen(address, timeout=10) as answer:
        return str(answer.read().decode())


def test_the_installed_code_templates_and_migrations_come_from_the_wheel(clean: Path) -> None:
    ask = (
        "import survey, survey.app, survey.database as d; print(survey.__file__,"
        " survey.app.TEMPLATES, d.MIGRATIONS, sep='\\n')"
    )
    places = [
        Path(line)
        for line in run(clean / "bin" / "python", "-c", ask, cwd=clean.parent).splitlines()
    ]
    assert len(places) == 3
    assert all(place.is_relative_to(clean) for place in places), places


def test_the_wheel_holds_every_file_that_is_not_code(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    loose = [
        path for path in (ROOT / "survey").rglob("*") if path.is_file() and path.suffix != ".pyc"
    ]
    expected = {path.relative_to(ROOT).as_posix() for path in loose}
    for folder in ("templates", "migrations"):
        files = [
            path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix != ".pyc"
        ]
        assert files, folder
        expected |= {f"survey/{path.relative_to(ROOT).as_posix()}" for path in files}
    assert expected - packed == set()
    assert {name for name in packed - expected if ".dist-info/" not in name} == set(), (
        "nothing else gets in"
    )


def test_the_installed_command_explains_itself(clean: Path) -> None:
    assert "Usage: candour" in run(clean / "bin" / "candour", "--help", cwd=clean.parent)


@pytest.mark.parametrize(
    ("path", "holds"),
    [
        ("/healthz", "alive"),
        ("/readyz", "ready"),
        ("/promise", "</html>"),
        ("/static/app.css", "{"),
    ],
)
def test_the_installed_program_serves_its_pages(served: str, path: str, holds: str) -> None:
    assert holds in opened(served + path)


def pins(lock: str) -> dict[str, set[str]]:
    """The versions of each package in a lock file; several where Python versions differ."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(
        r"^([a-z0-9._-]+)(?:\[[a-z,-]+\])?==([^ ;\\]+)", lock, re.MULTILINE
    ):
        found.setdefault(name, set()).add(version)
    return found


def test_what_runs_is_what_was_tested() -> None:
    tested = pins(LOCKS["locked-dev.txt"])
    for name in ("locked.txt", "locked-build.txt"):
        locked = pins(LOCKS[name])
        assert locked
        assert {
            package: versions
            for package, versions in locked.items()
            if tested.get(package) != versions
        } == {}


def test_every_locked_version_has_its_hashes_and_no_lock_names_an_index() -> None:
    for name, lock in LOCKS.items():
        entries = [
            entry
            for entry in re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)
            if re.match(r"[a-z0-9]", entry)
        ]
        assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == [], name
        assert "://" not in lock, name


def test_every_direct_dependency_is_locked() -> None:
    declared = set(
        re.findall(
            r'^  "([a-z0-9-]+)',
            (ROOT / "pyproject.toml").read_text().split("[project.scripts]")[0],
            re.MULTILINE,
        )
    )
    assert len(declared) > 15
    assert declared <= set(pins(LOCKS["locked.txt"]))
