"""The proxy as it is shipped: nginx with deploy/nginx.conf, on ports and paths of a test."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.ports import free_port

SHIPPED = Path(__file__).parents[2] / "deploy" / "nginx.conf"
AS_ON_DEBIAN = """
daemon off;
user root;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/logs/error.log;
events {{ worker_connections 1024; }}
http {{
    include /etc/nginx/mime.types;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/answers;
    access_log {folder}/logs/access.log;
    include {folder}/site.conf;
}}
"""


@dataclass(frozen=True)
class Proxy:
    """A running nginx: where it listens, and what it wrote."""

    port: int
    plain_port: int
    folder: Path

    @property
    def base(self) -> str:
        return f"https://localhost:{self.port}"

    def logs(self) -> dict[str, str]:
        """Everything it has written so far, by file."""
        return {path.name: path.read_text() for path in sorted((self.folder / "logs").iterdir())}

    def bodies(self) -> list[Path]:
        """Bodies of requests that touched the disk."""
        return [path for path in (self.folder / "bodies").rglob("*") if path.is_file()]


def nginx() -> str:
    path = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if path is None:
        pytest.skip("nginx is missing: sudo apt-get install nginx-light")
    return path


def site(folder: Path, upstream: int, port: int, plain_port: int) -> str:
    """The shipped site with nothing changed but names, ports and paths."""
    told = SHIPPED.read_text()
    certificate = trustme.CA().issue_cert("localhost")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    for number, blob in enumerate(certificate.cert_chain_pems):
        blob.write_to_path(folder / "chain.pem", append=number > 0)
    told = re.sub(r"(ssl_certificate_key +)\S+;", rf"\1{folder}/key.pem;", told)
    told = re.sub(r"(ssl_certificate +)\S+;", rf"\1{folder}/chain.pem;", told)
    told = re.sub(r"^ *listen \[::\].*\n", "", told, flags=re.MULTILINE)
    told = told.replace("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;")
    told = told.replace("listen 80;", f"listen 127.0.0.1:{plain_port};")
    told = told.replace("feedback.example.com", "localhost")
    told = told.replace("proxy_set_header Host $host;", "proxy_set_header Host $host:$server_port;")
    told = told.replace("/var/log/nginx/", f"{folder}/logs/")
    assert "127.0.0.1:8000" in told
    return told.replace("127.0.0.1:8000", f"127.0.0.1:{upstream}")


@contextmanager
def proxied(
    folder: Path, upstream: int, port: int, fault: tuple[str, str] = ("", "")
) -> Iterator[Proxy]:
    """nginx before this port until the block ends; `fault` is text of the site to replace."""
    command = nginx()
    (folder / "logs").mkdir(parents=True)
    found = Proxy(port, free_port(), folder)
    told = site(folder, upstream, port, found.plain_port)
    assert fault[0] in told
    (folder / "site.conf").write_text(told.replace(*fault) if fault[0] else told)
    (folder / "nginx.conf").write_text(AS_ON_DEBIAN.format(folder=folder))
    arguments = [command, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(arguments, stdout=said, stderr=said)
    try:
        await_answer(found.plain_port, process, folder / "said")
        yield found
    finally:
        process.terminate()
        process.wait(20)


def await_answer(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Waits until something listens there."""
    for _ in range(300):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                return
        except ConnectionError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
    pytest.fail(f"nothing listens on {port}: {log.read_text()}")
