"""What the sender's address suggests about the client."""

import pytest

from survey.organisation.rules.organisation import Organisation, organisation_from_sender


@pytest.mark.parametrize(
    ("sender", "name", "person", "host"),
    [
        ("Dana Reyes <dana@northwind.example>", "Northwind", "Dana Reyes", "northwind.example"),
        (
            "feedback@northwind.example",
            "Northwind",
            "feedback@northwind.example",
            "northwind.example",
        ),
        (
            '"Reyes, Dana" <dana@mail.northwind.co.uk>',
            "Northwind",
            "Reyes, Dana",
            "mail.northwind.co.uk",
        ),
        ("dana@localhost", "Localhost", "dana@localhost", "localhost"),
        ("dana@co.uk", "Co", "dana@co.uk", "co.uk"),
    ],
)
def test_defaults_come_from_the_sender(sender: str, name: str, person: str, host: str) -> None:
    organisation = organisation_from_sender(sender)
    assert organisation == Organisation(
        name, person, organisation.contact_email, person, host, several_zones=False
    )
    assert organisation.contact_email in sender
