"""Whether a gallery keeps a picture beside each template, and the sealed pictures of results that wait. Knows no key and no image.

Galleries from before keep none: whoever was enrolled in them was told of templates alone."""

import sqlalchemy as sa
from alembic import op

revision = "0202"
down_revision = "0212"


def upgrade() -> None:
    """Add the columns to the tables of registry/galleries.py and review/queue.py."""
    op.add_column("galleries", sa.Column("pictures", sa.Boolean(), nullable=False, server_default=sa.false()))
    empty = sa.text("X''" if op.get_bind().dialect.name == "sqlite" else "''")  # SQLite would take a text for what it is: a text
    op.add_column("reviews", sa.Column("pictures", sa.LargeBinary(), nullable=False, server_default=empty))
