"""Drafts of rulebooks, the reports on them, and which rulebook was live since when.

The proposals of 0001 never had a way in but Python, and go; the rulebook that is live stays so."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the tables of gateway/registry/drafts.py, and let the pointer point at a rulebook alone."""
    op.create_table(
        "rulebook_drafts",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("editors", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("begun_at", sa.String(27), nullable=False),
        sa.Column("edited_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "rulebook_reports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("draft", sa.String(), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("rulebook", sa.String(), nullable=False),
        sa.Column("base", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("reported_by", sa.String(), nullable=False),
        sa.Column("reported_at", sa.String(27), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=True),
        sa.Column("approved_at", sa.String(27), nullable=True),
        sa.ForeignKeyConstraint(["draft"], ["rulebook_drafts.id"]),
        sa.ForeignKeyConstraint(["rulebook"], ["rulebooks.digest"]),
        sa.ForeignKeyConstraint(["base"], ["rulebooks.digest"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_rulebook_reports_draft", "rulebook_reports", ["draft"])
    op.create_table(
        "rulebook_reigns",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("draft", sa.String(63), nullable=True),
        sa.Column("since", sa.String(27), nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["rulebooks.digest"]),
        sa.PrimaryKeyConstraint("number"),
    )
    op.execute(
        "INSERT INTO rulebook_reigns (digest, since) SELECT rulebooks.digest, rulebooks.written_at FROM rulebook_pointer"
        " JOIN rulebooks ON rulebooks.digest = rulebook_pointer.digest"
    )
    _free_the_pointer()
    op.drop_table("rulebook_proposals")


def _free_the_pointer() -> None:
    """Take the proposal out of the pointer. SQLite drops no column with a foreign key: there the table is made anew, triggers and all."""
    if op.get_bind().dialect.name != "sqlite":
        op.drop_column("rulebook_pointer", "proposal")
        return
    op.execute("ALTER TABLE rulebook_pointer RENAME TO rulebook_pointer_before")
    op.create_table(
        "rulebook_pointer",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["rulebooks.digest"]),
        sa.PrimaryKeyConstraint("name"),
    )
    op.execute("INSERT INTO rulebook_pointer SELECT name, digest FROM rulebook_pointer_before")
    op.drop_table("rulebook_pointer_before")
    for event in ("INSERT", "UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER rulebook_pointer_{event.lower()}_counted AFTER {event} ON rulebook_pointer BEGIN"  # noqa: S608 - our own constants
            " UPDATE changes SET count = count + 1 WHERE noun = 'rulebook_pointer'; END"
        )
