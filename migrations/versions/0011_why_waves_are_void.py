"""Why a wave is void, as one of a few reasons; tables and columns under the program's names."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

REASONS = "'too-few-answers', 'not-opened', 'skipped', 'survey-ended', 'given-up'"
WAVE_COLUMNS = {
    "void_reason": "void_words",
    "k_group": "minimum_group",
    "k_comment": "minimum_detail",
}
WAVE_CHECKS = {
    "ck_wave_k_group": "ck_wave_minimum_group",
    "ck_wave_k_comment": "ck_wave_minimum_detail",
}
# A reason was a sentence until now; whatever is none of the program's own was typed by somebody
# who gave the wave up.
FILL_VOID_REASONS = """
UPDATE wave SET void_reason = CASE
  WHEN void_words = 'fewer than ' || CAST(minimum_group AS TEXT) || ' people answered'
    THEN 'too-few-answers'
  WHEN void_words = 'not opened in time' THEN 'not-opened'
  WHEN void_words LIKE 'skipped: %' THEN 'skipped'
  WHEN void_words = 'the survey was ended' THEN 'survey-ended'
  ELSE 'given-up'
END
WHERE state = 'void'
"""


def upgrade():
    for old, new in WAVE_COLUMNS.items():
        rename_wave_column(old, new)
    for old, new in WAVE_CHECKS.items():
        rename_wave_check(old, new)
    # In words: both databases take a check with the column, and drop it with it; SQLite adds none
    # afterwards.
    op.execute(
        "ALTER TABLE wave ADD COLUMN void_reason TEXT"
        f" CONSTRAINT ck_wave_void_reason CHECK (void_reason IN ({REASONS}))"
    )
    op.execute(sa.text(FILL_VOID_REASONS))
    move_rows("pulse", create_heartbeat("heartbeat"))
    move_rows("work", create_long_job("long_job"))
    move_rows("dealt", create_assigned_third("assigned_third"))


def downgrade():
    move_rows("assigned_third", create_assigned_third("dealt"))
    move_rows("long_job", create_long_job("work"))
    move_rows("heartbeat", create_heartbeat("pulse"))
    op.drop_column("wave", "void_reason")
    for old, new in reversed(WAVE_CHECKS.items()):
        rename_wave_check(new, old)
    for old, new in reversed(WAVE_COLUMNS.items()):
        rename_wave_column(new, old)


def rename_wave_column(old, new):
    """Both databases let the table's checks follow."""
    op.execute(f"ALTER TABLE wave RENAME COLUMN {old} TO {new}")


def rename_wave_check(old, new):
    """SQLite keeps the old name: to change it the table would have to be copied.

    Other tables refer to it.
    """
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE wave RENAME CONSTRAINT {old} TO {new}")


def move_rows(old, table):
    """Moves all rows to a table of the same columns, whose constraints have their own names."""
    columns = ", ".join(column.name for column in table.columns)
    op.execute(f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM {old}")  # noqa: S608 - names of our own
    op.drop_table(old)


def create_heartbeat(name):
    """The one row of the timetable's heartbeat."""
    return op.create_table(
        name,
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("highest_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("number = 1", name=op.f(f"ck_{name}_only_one")),
        sa.PrimaryKeyConstraint("number", name=op.f(f"pk_{name}")),
    )


def create_long_job(name):
    """How far long jobs are."""
    return op.create_table(
        name,
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("lease_token", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'done', 'failed')", name=op.f(f"ck_{name}_state")
        ),
        sa.CheckConstraint("done BETWEEN 0 AND total", name=op.f(f"ck_{name}_done")),
        sa.PrimaryKeyConstraint("kind", "subject", name=op.f(f"pk_{name}")),
    )


def create_assigned_third(name):
    """Which third of a survey's people somebody belongs to."""
    return op.create_table(
        name,
        sa.Column("survey_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("third", sa.Integer(), nullable=False),
        sa.CheckConstraint("third BETWEEN 1 AND 3", name=op.f(f"ck_{name}_third")),
        sa.ForeignKeyConstraint(
            ["survey_id"], ["survey.id"], name=op.f(f"fk_{name}_survey_id_survey")
        ),
        sa.PrimaryKeyConstraint("survey_id", "person_id", name=op.f(f"pk_{name}")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
