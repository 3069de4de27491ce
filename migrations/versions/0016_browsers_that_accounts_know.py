"""What makes the browsers that an account knows unknown again: a random text that changes."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("user", sa.Column("browser_generation", sa.Text(), nullable=True))


def downgrade():
    op.drop_column("user", "browser_generation")
