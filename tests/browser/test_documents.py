"""The documents of the sample organisation are of the published form."""

import json
from contextlib import closing
from sqlite3 import connect

import pytest

from tests.browser.conftest import Demo
from tests.findings.schema import fault

pytestmark = pytest.mark.browser


def test_every_document_of_the_demo_is_of_the_published_form(demo: Demo) -> None:
    with closing(connect(f"file:{demo.folder / 'candour.db'}?mode=ro", uri=True)) as database:
        stored = [row[0] for row in database.execute("SELECT document FROM findings")]
    assert len(stored) >= 8
    assert [fault(json.loads(document)) for document in stored] == [""] * len(stored)
