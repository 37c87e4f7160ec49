"""Of which ends the log has spoken. Knows ids and moments alone."""

import sqlalchemy as sa
from alembic import op

revision = "0212"
down_revision = "0211"


def upgrade() -> None:
    """Create the table of registry/notices.py."""
    op.create_table(
        "notices",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("given_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
