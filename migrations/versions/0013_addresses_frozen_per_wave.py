"""The address that the letters of an open wave go to, notices to old addresses, and proposals."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

FRESH = "fresh invitation"
# In words: both databases take a check with the column, and drop it with it.
MARK = "INTEGER DEFAULT 0 NOT NULL CONSTRAINT ck_invitation_{name} CHECK ({name} IN (0, 1))"
FROZEN_ADDRESSES = """
UPDATE invitation SET sent_to = (SELECT email FROM person WHERE person.id = invitation.person_id)
WHERE wave_id IN (SELECT id FROM wave WHERE state IN ('open', 'closed'))
"""
# A corrected address used to get a letter of its own type. One that still waits goes out as the
# invitation that it stands for.
WAITING_AS_INVITATIONS = f"""
UPDATE outbox SET state = 'ready', lease_token = NULL, lease_until = NULL, sent_at = NULL,
  bounced_at = NULL, last_code = NULL, last_reason = NULL, date_header = NULL
WHERE kind = 'invitation' AND recipient IN (
  SELECT recipient FROM outbox
  WHERE kind = '{FRESH}' AND state IN ('ready', 'leased', 'sending') AND recipient <> ''
)
"""  # noqa: S608 - a name of our own


def upgrade():
    digest = "bytea" if op.get_bind().dialect.name == "postgresql" else "BLOB"
    op.execute("ALTER TABLE invitation ADD COLUMN sent_to TEXT")
    for name in ("readdressed", "corrected"):
        op.execute(f"ALTER TABLE invitation ADD COLUMN {name} {MARK.format(name=name)}")
    for name in ("sent_to_hash", "left_as_hash"):
        op.execute(f"ALTER TABLE invitation ADD COLUMN {name} {digest}")
    op.execute(FROZEN_ADDRESSES)
    op.execute(WAITING_AS_INVITATIONS)
    op.execute(f"DELETE FROM outbox WHERE kind = '{FRESH}'")  # noqa: S608 - a name of our own
    op.create_table(
        "address_notice",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_notice")),
    )
    op.create_table(
        "address_proposal",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_proposal")),
        sa.UniqueConstraint("person_id", name=op.f("uq_address_proposal_person_id")),
    )


def downgrade():
    op.drop_table("address_proposal")
    op.drop_table("address_notice")
    for name in ("left_as_hash", "sent_to_hash", "corrected", "readdressed", "sent_to"):
        op.drop_column("invitation", name)
