"""Providers and their contacts."""

from sqlalchemy import ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from survey.database import Base
from survey.providers.rules import ContactId, ProviderId


class ProviderRow(Base):
    """A managed service provider."""

    __tablename__ = "provider"
    id: Mapped[ProviderId] = mapped_column(Text, primary_key=True)
    slug: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    contacts: Mapped[list["ContactRow"]] = relationship(
        order_by="ContactRow.name", lazy="selectin", cascade="all, delete-orphan"
    )


class ContactRow(Base):
    """A person at a provider who may be sent findings."""

    __tablename__ = "contact"
    __table_args__ = (UniqueConstraint("provider_id", "address"),)
    id: Mapped[ContactId] = mapped_column(Text, primary_key=True)
    provider_id: Mapped[ProviderId] = mapped_column(Text, ForeignKey("provider.id"))
    name: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
