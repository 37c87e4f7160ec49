"""Pairs of faces whose truth is known, mixed among the results that wait. Knows no key: what was brought along lies sealed."""

import sqlalchemy as sa
from alembic import op

revision = "0203"
down_revision = "0202"


def upgrade() -> None:
    """Create the table of review/calibration.py, and say of a review whether it is such a pair."""
    op.create_table(
        "calibration_pairs",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("truth", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.add_column("reviews", sa.Column("pair", sa.String(), nullable=True))
    op.add_column("reviews", sa.Column("truth", sa.String(), nullable=True))
