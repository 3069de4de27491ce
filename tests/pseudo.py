"""Languages that nobody speaks: every sentence in brackets, 40 per cent longer.

One runs from left to right, one the other way.
"""

import re
import shutil
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from survey import languages

LONGER, BACKWARDS = "eo", "he"  # codes that Babel knows dates for
_PIECE = re.compile(r"(\{\w+\})")


def pseudo(sentence: str) -> str:
    """A sentence in brackets, longer, with accents; slots stay."""
    if sentence == "EEEE d MMMM, HH:mm":
        return "EEEE, d MMMM, HH:mm"
    pieces = _PIECE.split(sentence)
    letters = [
        (
            piece
            if _PIECE.fullmatch(piece)
            else piece.replace("e", "éé").replace("o", "öö").replace("s", "šš")
        )
        for piece in pieces
    ]
    return f"⟦{''.join(letters)}⟧"


def invented(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of translations with the real ones and the invented ones, in use until the test
    ends.
    """
    translations = folder / "translations"
    shutil.copytree(languages.TRANSLATIONS, translations)
    for language in (LONGER, BACKWARDS):
        catalog = Catalog(locale=language, fuzzy=False)
        with (translations / languages.SENTENCES).open("rb") as file:
            for message in read_po(file):
                if isinstance(message.id, tuple):
                    catalog.add(
                        message.id,
                        (
                            pseudo(message.id[0]),
                            *[pseudo(message.id[1])] * (catalog.num_plurals - 1),
                        ),
                    )
                elif message.id:
                    catalog.add(message.id, pseudo(message.id))
        packed = BytesIO()
        write_po(packed, catalog)
        place = translations / language / languages.CATALOG
        place.parent.mkdir(parents=True)
        place.write_bytes(packed.getvalue())
    monkeypatch.setattr(languages, "TRANSLATIONS", translations)
    return translations
