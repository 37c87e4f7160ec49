"""Who was trained to compare faces, and until when. Knows no log; nothing is filled in: nobody is trained because the table is new."""

import sqlalchemy as sa
from alembic import op

revision = "0200"
down_revision = "0210"


def upgrade() -> None:
    """Create the table of registry/trainings.py, and count its changes."""
    op.create_table(
        "trainings",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("valid_from", sa.String(27), nullable=False),
        sa.Column("valid_to", sa.String(27), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["staff.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_trainings_person", "trainings", ["person"])
    op.execute("INSERT INTO changes (noun, count) VALUES ('trainings', 0)")
    if op.get_bind().dialect.name == "sqlite":
        for event in ("INSERT", "UPDATE", "DELETE"):
            body = "UPDATE changes SET count = count + 1 WHERE noun = 'trainings';"
            op.execute(f"CREATE TRIGGER trainings_{event.lower()}_counted AFTER {event} ON trainings BEGIN {body} END")
    else:
        op.execute(
            "CREATE TRIGGER trainings_counted AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON trainings "
            "FOR EACH STATEMENT EXECUTE FUNCTION count_change()"
        )
