"""The audit log as each findings mail tells it."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("sharing", sa.Column("log_length", sa.Integer(), nullable=True))
    # In words: both databases take a check with the column, and drop it with it; SQLite adds none
    # afterwards.
    op.execute(
        "ALTER TABLE sharing ADD COLUMN log_head TEXT"
        " CONSTRAINT ck_sharing_log_whole CHECK ((log_length IS NULL) = (log_head IS NULL))"
    )


def downgrade():
    op.drop_column("sharing", "log_head")
    op.drop_column("sharing", "log_length")
