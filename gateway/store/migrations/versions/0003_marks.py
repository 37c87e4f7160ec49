"""Which recorded change to the registry was the last to take effect: what tells an interrupted change from a finished one.

Knows no log; the row's meaning stands in gateway/registry/marks.py."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table of gateway/registry/marks.py."""
    op.create_table(
        "registry_marks",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("change", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
