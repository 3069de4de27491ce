"""One row of facts about the client."""

from sqlalchemy import JSON, CheckConstraint, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from survey.database import Base


class OrganisationRow(Base):
    """The facts about the client: the only row, number 1."""

    __tablename__ = "organisation"
    __table_args__ = (CheckConstraint("number = 1", name="only_one"),)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    contact_name: Mapped[str] = mapped_column(Text)
    contact_email: Mapped[str] = mapped_column(Text)
    comments_read_by: Mapped[str] = mapped_column(Text)
    host: Mapped[str] = mapped_column(Text)
    several_zones: Mapped[bool]
    language: Mapped[str] = mapped_column(Text, server_default="en")
    # ASCII, separated by spaces.
    mail_domains: Mapped[str] = mapped_column(Text, server_default="")
    provider_runs_mail: Mapped[bool | None]
    # Names of weekdays, separated by spaces.
    weekend: Mapped[str] = mapped_column(Text, server_default="saturday sunday")
    # Each with `name` and `email`.
    comment_readers: Mapped[list[dict[str, str]]] = mapped_column(JSON, server_default="[]")
