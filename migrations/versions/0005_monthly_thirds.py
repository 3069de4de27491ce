"""Monthly thirds: which wave asks which third of a quarter, and who was dealt into which"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("wave", sa.Column("quarter", sa.Text(), nullable=True))
    # Both databases take a check with the column, and drop it with it; SQLite adds none afterwards.
    op.execute(
        "ALTER TABLE wave ADD COLUMN third INTEGER CONSTRAINT ck_wave_third CHECK (third BETWEEN 1"
        " AND 3)"
    )
    op.create_table(
        "dealt",
        sa.Column("survey_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("third", sa.Integer(), nullable=False),
        sa.CheckConstraint("third BETWEEN 1 AND 3", name=op.f("ck_dealt_third")),
        sa.ForeignKeyConstraint(
            ["survey_id"], ["survey.id"], name=op.f("fk_dealt_survey_id_survey")
        ),
        sa.PrimaryKeyConstraint("survey_id", "person_id", name=op.f("pk_dealt")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def downgrade():
    op.drop_table("dealt")
    op.drop_column("wave", "third")
    op.drop_column("wave", "quarter")
