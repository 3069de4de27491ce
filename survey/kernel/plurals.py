"""Numbers and what they count, in English, for pages and commands; letters have their translations.

`survey/app.py` registers all of these as filters of templates.
"""

_IRREGULAR = {"person": "people", "entry": "entries"}


def thousands(number: int) -> str:
    """A number with a comma between its thousands.

    >>> thousands(1234567)
    '1,234,567'
    """
    return f"{number:,}"


def choose_form(number: int, one: str, several: str) -> str:
    """The words `one` if the number is 1, otherwise the words `several`.

    >>> choose_form(1, "is", "are"), choose_form(0, "is", "are")
    ('is', 'are')
    """
    return one if number == 1 else several


def noun_for(number: int, name: str) -> str:
    """The noun without the number: singular if the number is 1, otherwise plural.

    >>> noun_for(1, "row"), noun_for(2, "row"), noun_for(2, "person")
    ('row', 'rows', 'people')
    """
    return choose_form(number, name, _IRREGULAR.get(name, f"{name}s"))


def how_many(number: int, name: str) -> str:
    """A number, with commas between its thousands, and its noun, singular or plural.

    >>> how_many(1, "letter"), how_many(0, "letter"), how_many(1234, "letter")
    ('1 letter', '0 letters', '1,234 letters')
    """
    return f"{thousands(number)} {noun_for(number, name)}"


FILTERS = (thousands, choose_form, noun_for, how_many)
