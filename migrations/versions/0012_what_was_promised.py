"""More facts about the client, and what each wave promised at its launch."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ORGANISATION_COLUMNS = ("mail_domains", "provider_runs_mail", "weekend", "comment_readers")
WAVE_COLUMNS = ("promise", "reader_changes")


def upgrade():
    op.add_column(
        "organisation", sa.Column("mail_domains", sa.Text(), nullable=False, server_default="")
    )
    op.add_column("organisation", sa.Column("provider_runs_mail", sa.Boolean(), nullable=True))
    op.add_column(
        "organisation",
        sa.Column("weekend", sa.Text(), nullable=False, server_default="saturday sunday"),
    )
    op.add_column(
        "organisation",
        sa.Column("comment_readers", sa.JSON(), nullable=False, server_default="[]"),
    )
    op.add_column("wave", sa.Column("promise", sa.JSON(none_as_null=True), nullable=True))
    op.add_column(
        "wave", sa.Column("reader_changes", sa.JSON(), nullable=False, server_default="[]")
    )
    connection = op.get_bind()
    fill_mail_domains(connection)
    freeze_promises(connection)


def downgrade():
    for column in reversed(WAVE_COLUMNS):
        op.drop_column("wave", column)
    for column in reversed(ORGANISATION_COLUMNS):
        op.drop_column("organisation", column)


def fill_mail_domains(connection):
    """The organisation's own domains: those of its contact and of its staff list as it stands."""
    contact = connection.scalar(sa.text("SELECT contact_email FROM organisation"))
    if contact is None:
        return
    addresses = connection.execute(sa.text("SELECT email FROM person")).scalars()
    domains = [contact, *sorted(set(addresses))]
    encoded = dict.fromkeys(filter(None, (ascii_domain(address) for address in domains)))
    connection.execute(
        sa.text("UPDATE organisation SET mail_domains = :domains"),
        {"domains": " ".join(encoded)},
    )


def ascii_domain(address):
    """The part behind the @ as DNS has it; empty where it has no such form."""
    domain = address.rpartition("@")[2].lower()
    if domain.isascii():
        return domain
    import idna  # noqa: PLC0415 - few installations need it

    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        return ""


def freeze_promises(connection):
    """Gives every wave that was opened the facts that are stored now: older ones were not kept.

    Nobody is named as reader of comments, for nobody was: an administrator names one or two.
    """
    facts = connection.execute(sa.text("SELECT * FROM organisation")).mappings().first()
    if facts is None:
        return
    organisation = {
        "name": facts["name"],
        "contact_name": facts["contact_name"],
        "contact_email": facts["contact_email"],
        "comments_read_by": facts["comments_read_by"],
        "host": facts["host"],
        "several_zones": bool(facts["several_zones"]),
        "language": facts["language"],
        "mail_domains": facts["mail_domains"].split(),
        "provider_runs_mail": None,
        "readers": [],
    }
    opened = connection.execute(
        sa.text(
            "SELECT wave.id, provider.name FROM wave"
            " JOIN survey ON survey.id = wave.survey_id"
            " JOIN provider ON provider.id = survey.provider_id"
            " WHERE wave.public_key IS NOT NULL"
        )
    ).all()
    for wave_id, provider in opened:
        promise = {"organisation": organisation, "provider": provider}
        connection.execute(
            sa.text("UPDATE wave SET promise = :promise WHERE id = :id"),
            {"promise": json.dumps(promise), "id": wave_id},
        )
