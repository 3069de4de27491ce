"""The mails to holders of accounts: what somebody did with theirs."""

from flask import render_template

from survey.access.rules.accounts import Account
from survey.config import Config
from survey.mail.rules.letter import Letter, inline_styles


def link_letter(account: Account, maker: str, config: Config) -> Letter:
    """The mail that says that a one-time link was made for an account, and by whom."""
    return _letter("link", account, {"maker": maker, "base_url": config.base_url})


def password_letter(account: Account, config: Config) -> Letter:
    """The mail that says that an account has a new password."""
    return _letter("password", account, {"base_url": config.base_url})


def browser_letter(account: Account, secret: str, config: Config) -> Letter:
    """The mail about many failed tries, with the link that makes a browser known."""
    link = f"{config.base_url}/sign-in/browser#{secret}"
    return _letter("browser", account, {"link": link, "base_url": config.base_url})


def _letter(name: str, account: Account, content: dict[str, str]) -> Letter:
    """A letter to the holder of an account, rendered from the templates of this name."""
    start = f"console/letters/{name}"
    return Letter(
        to_name="",
        to_address=account.email,
        subject=render_template(f"{start}.subject.txt", **content).strip(),
        text=render_template(f"{start}.txt", **content),
        html=inline_styles(render_template(f"{start}.html", **content)),
    )
