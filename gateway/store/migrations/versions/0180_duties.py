"""What permits still ask for, who looks after it, and how far the clock was set back. Knows no log; rows hold references, never a face."""

import sqlalchemy as sa
from alembic import op

revision = "0180"
down_revision = "0150"


def upgrade() -> None:
    """Create the tables of registry/duties.py, store/leases.py and registry/timekeeping.py, and count the changes of duties."""
    op.create_table(
        "duties",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("promise", sa.String(), nullable=False),
        sa.Column("client", sa.String(), nullable=False),
        sa.Column("case_ref", sa.String(), nullable=True),
        sa.Column("decision_id", sa.String(), nullable=False),
        sa.Column("about", sa.JSON(), nullable=False),
        sa.Column("owed_at", sa.String(27), nullable=False),
        sa.Column("due_at", sa.String(27), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("ended_at", sa.String(27), nullable=True),
        sa.Column("how", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("promise", "client", "state"):
        op.create_index(f"ix_duties_{column}", "duties", [column])
    op.create_table(
        "leases",
        sa.Column("work", sa.String(63), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("ends_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("work"),
    )
    op.create_table(
        "timekeeping",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("highest", sa.String(27), nullable=False),
        sa.Column("behind_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.execute("INSERT INTO changes (noun, count) VALUES ('duties', 0)")
    if op.get_bind().dialect.name == "sqlite":
        for event in ("INSERT", "UPDATE", "DELETE"):
            body = "UPDATE changes SET count = count + 1 WHERE noun = 'duties';"
            op.execute(f"CREATE TRIGGER duties_{event.lower()}_counted AFTER {event} ON duties BEGIN {body} END")
    else:
        op.execute(
            "CREATE TRIGGER duties_counted AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON duties "
            "FOR EACH STATEMENT EXECUTE FUNCTION count_change()"
        )
