"""The staff directory."""

from sqlalchemy import CheckConstraint, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from survey.database import Base


class PersonRow(Base):
    """Somebody who can be invited; addresses are kept in lower case, so that one mailbox is one person."""

    __tablename__ = "person"
    __table_args__ = (UniqueConstraint("email"), CheckConstraint("email = lower(email)", name="email_lower"))
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    email: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    department: Mapped[str] = mapped_column(Text, index=True)
    site: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    leader: Mapped[bool]
