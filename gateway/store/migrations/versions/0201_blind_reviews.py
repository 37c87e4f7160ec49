"""In which order candidates are shown, and what each word on one rests on. Knows no log; what waits already is shown in its own order."""

import sqlalchemy as sa
from alembic import op

revision = "0201"
down_revision = "0200"


def upgrade() -> None:
    """Add the columns to the tables of review/queue.py."""
    op.add_column("reviews", sa.Column("shown", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("judgements", sa.Column("noted", sa.JSON(), nullable=False, server_default="[]"))
