"""Who asked that what is held about them be kept and not used. Knows no face; names and references as the registry has them."""

import sqlalchemy as sa
from alembic import op

revision = "0211"
down_revision = "0201"


def upgrade() -> None:
    """Create the table of registry/restrictions.py, and count its changes: a restriction acts on the next request."""
    op.create_table(
        "restrictions",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("client", sa.String(), nullable=False),
        sa.Column("gallery", sa.String(), nullable=True),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("case_ref", sa.String(), nullable=True),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("placed_by", sa.String(), nullable=False),
        sa.Column("placed_at", sa.String(27), nullable=False),
        sa.Column("lifted_by", sa.String(), nullable=True),
        sa.Column("lifted_at", sa.String(27), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("client", "state"):
        op.create_index(f"ix_restrictions_{column}", "restrictions", [column])
    op.execute("INSERT INTO changes (noun, count) VALUES ('restrictions', 0)")
    if op.get_bind().dialect.name == "sqlite":
        for event in ("INSERT", "UPDATE", "DELETE"):
            body = "UPDATE changes SET count = count + 1 WHERE noun = 'restrictions';"
            op.execute(f"CREATE TRIGGER restrictions_{event.lower()}_counted AFTER {event} ON restrictions BEGIN {body} END")
    else:
        op.execute(
            "CREATE TRIGGER restrictions_counted AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON restrictions "
            "FOR EACH STATEMENT EXECUTE FUNCTION count_change()"
        )
