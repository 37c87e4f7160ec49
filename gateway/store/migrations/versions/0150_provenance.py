"""Who opened a gallery, and who confirmed where its faces come from; a gallery from before that is confirmed by nobody.

Knows no rule; what follows from it stands in gateway/enforcement/facts.py."""

import sqlalchemy as sa
from alembic import op

revision = "0150"
down_revision = "0006"


def upgrade() -> None:
    """Add two columns to `galleries`."""
    op.add_column("galleries", sa.Column("opened_by", sa.String(), nullable=False, server_default=""))
    op.add_column("galleries", sa.Column("confirmed_by", sa.String(), nullable=True))
