"""Where clients are told of their decisions, and each message until it was taken. Secrets lie here sealed; their keys lie elsewhere."""

import sqlalchemy as sa
from alembic import op

revision = "0210"
down_revision = "0181"


def upgrade() -> None:
    """Create the tables of registry/webhooks.py."""
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("client", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("old_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("old_ends", sa.String(27), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("quiet_until", sa.String(27), nullable=False),
        sa.Column("tested_at", sa.String(27), nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.ForeignKeyConstraint(["client"], ["clients.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_webhooks_client", "webhooks", ["client"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("webhook", sa.String(), nullable=False),
        sa.Column("decision_id", sa.String(), nullable=False),
        sa.Column("change", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.String(27), nullable=False),
        sa.Column("made_at", sa.String(27), nullable=False),
        sa.Column("ended_at", sa.String(27), nullable=True),
        sa.Column("why", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("webhook", "decision_id", "change"),
    )
    for column in ("webhook", "state"):
        op.create_index(f"ix_webhook_deliveries_{column}", "webhook_deliveries", [column])
