"""How cases were used lately: sealed observations, and keyed digests of what was met. Knows no log; nothing here names a person."""

import sqlalchemy as sa
from alembic import op

revision = "0181"
down_revision = "0180"


def upgrade() -> None:
    """Create the tables of registry/conduct.py."""
    op.create_table(
        "observations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("use", sa.String(), nullable=False),
        sa.Column("noted", sa.String(), nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("decision_id", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_observations_use", "observations", ["use"])
    op.create_table(
        "encounters",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("scope", "tag"),
    )
