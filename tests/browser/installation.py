"""A real server of an installation with an open wave, as it stands behind a proxy or alone."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from tests.browser.proxy import await_answer
from tests.browser.test_scanners import run_prepared
from tests.ports import free_port
from tests.test_one_wave import Product, letters


@dataclass(frozen=True)
class Installation:
    """The server, what it and the product wrote, and the port at which a proxy stands before it."""

    product: Product
    outside: int
    said: Path
    server: "subprocess.Popen[bytes]"

    def invitations(self) -> list[EmailMessage]:
        """The letters to everybody who was invited."""
        return letters(self.product.mails)


@contextmanager
def installed(folder: Path, *, people: int, is_behind_proxy: bool) -> Iterator[Installation]:
    """An open wave of so many people, mailed and served until the block ends."""
    product, outside = Product(f"sqlite:///{folder / 'x.db'}", folder), free_port()
    if is_behind_proxy:
        product.environment |= {
            "CANDOUR_BASE_URL": f"https://localhost:{outside}",
            "CANDOUR_PROXIES": "1",
            "CANDOUR_KEY_DIR": str(folder / "keys"),
        }
    rows = (f"p{number}@northwind.example,P {number},Sales\n" for number in range(people))
    (folder / "staff.csv").write_text("email,name,department\n" + "".join(rows))
    said = folder / "said"
    with product.mail_server(), said.open("wb") as log:
        product.run("init")
        run_prepared(product)
        wave = json.loads(product.run("waves", "list", "--json"))["waves"][0]["slug"]
        product.run("waves", "open", wave)
        product.run("tick")
        command = [product.command, "serve", "--web-only", "--port", str(product.port)]
        server = subprocess.Popen(command, env=product.environment, stdout=log, stderr=log)
        try:
            await_answer(product.port, server, said)
            yield Installation(product, outside, said, server)
        finally:
            server.terminate()
            server.wait(20)
