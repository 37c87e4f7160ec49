"""Who is signed in at the console. A sign-in is kept as a hash: the table opens nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table of gateway/registry/signins.py."""
    op.create_table(
        "signins",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("staff_id", sa.String(), nullable=False),
        sa.Column("began_at", sa.String(27), nullable=False),
        sa.Column("seen_at", sa.String(27), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"]),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_signins_staff_id", "signins", ["staff_id"])
