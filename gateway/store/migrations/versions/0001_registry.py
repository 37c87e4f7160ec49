"""The registry's first tables, and the triggers that count their changes.

Long because it lists every column once; the tables' meaning stands beside the services in gateway/registry."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

WATCHED = (
    "authorisations",
    "cases",
    "clients",
    "evidence",
    "galleries",
    "identities",
    "issuers",
    "licences",
    "revoked_tokens",
    "rulebook_pointer",
    "staff",
)


def upgrade() -> None:
    """Create everything."""
    _tables()
    for noun in WATCHED:
        op.execute(f"INSERT INTO changes (noun, count) VALUES ('{noun}', 0)")  # noqa: S608 - our own constants
    if op.get_bind().dialect.name == "sqlite":
        _sqlite_triggers()
    else:
        _postgres_triggers()


def _sqlite_triggers() -> None:
    for noun in WATCHED:
        for event in ("INSERT", "UPDATE", "DELETE"):
            body = f"UPDATE changes SET count = count + 1 WHERE noun = '{noun}';"  # noqa: S608 - our own constants
            op.execute(f"CREATE TRIGGER {noun}_{event.lower()}_counted AFTER {event} ON {noun} BEGIN {body} END")


def _postgres_triggers() -> None:
    op.execute(
        "CREATE FUNCTION count_change() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN UPDATE changes SET count = count + 1 WHERE noun = TG_TABLE_NAME; RETURN NULL; END'"
    )
    for noun in WATCHED:
        op.execute(
            f"CREATE TRIGGER {noun}_counted AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {noun} "
            "FOR EACH STATEMENT EXECUTE FUNCTION count_change()"
        )


def _tables() -> None:
    op.create_table(
        "authorities",
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("key", sa.JSON(), nullable=False),
        sa.Column("registered_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "changes",
        sa.Column("noun", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("noun"),
    )
    op.create_table(
        "clients",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("acts_for", sa.String(), nullable=True),
        sa.Column("place", sa.String(), nullable=True),
        sa.Column("agency_authorised", sa.Boolean(), nullable=False),
        sa.Column("keys", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("registered_by", sa.String(), nullable=False),
        sa.Column("registered_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("request_digest", sa.String(), nullable=False),
        sa.Column("begun_at", sa.String(27), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("client_id", "key"),
    )
    op.create_index("ix_idempotency_keys_begun_at", "idempotency_keys", ["begun_at"])
    op.create_table(
        "identities",
        sa.Column("issuer", sa.String(63), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "subject"),
    )
    op.create_index("ix_identities_holder", "identities", ["holder"])
    op.create_table(
        "issuers",
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("audience", sa.String(), nullable=False),
        sa.Column("jwks_url", sa.String(), nullable=True),
        sa.Column("jwks_file", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
        sa.UniqueConstraint("issuer"),
    )
    op.create_table(
        "quota_counters",
        sa.Column("licence_id", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("licence_id", "scope"),
    )
    op.create_table(
        "revoked_tokens",
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("jti", sa.String(255), nullable=False),
        sa.Column("ends_at", sa.String(27), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("revoked_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "jti"),
    )
    op.create_table(
        "rulebooks",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("written_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "staff",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("invited_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "used_assertions",
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("jti", sa.String(255), nullable=False),
        sa.Column("ends_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "jti"),
    )
    op.create_table(
        "authorisations",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("valid_from", sa.String(27), nullable=False),
        sa.Column("valid_to", sa.String(27), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("case_ref", sa.String(), nullable=True),
        sa.Column("paper_digest", sa.String(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.String(27), nullable=False),
        sa.Column("confirmed_by", sa.String(), nullable=True),
        sa.Column("authority", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["authority"],
            ["authorities.name"],
        ),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["clients.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_authorisations_client_id", "authorisations", ["client_id"])
    op.create_table(
        "cases",
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("reference", sa.String(64), nullable=False),
        sa.Column("target", sa.JSON(), nullable=False),
        sa.Column("offence", sa.JSON(), nullable=False),
        sa.Column("reference_face", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("opened_by", sa.String(), nullable=False),
        sa.Column("opened_at", sa.String(27), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["clients.id"],
        ),
        sa.PrimaryKeyConstraint("client_id", "reference"),
    )
    op.create_table(
        "evidence",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("place", sa.String(), nullable=True),
        sa.Column("purpose", sa.String(), nullable=True),
        sa.Column("valid_from", sa.String(27), nullable=False),
        sa.Column("valid_to", sa.String(27), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["clients.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_evidence_client_id", "evidence", ["client_id"])
    op.create_table(
        "galleries",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("provenance", sa.String(), nullable=False),
        sa.Column("categories", sa.JSON(), nullable=False),
        sa.Column("purposes", sa.JSON(), nullable=False),
        sa.Column("retention_days", sa.Integer(), nullable=False),
        sa.Column("deployment", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner"],
            ["clients.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_galleries_owner", "galleries", ["owner"])
    op.create_table(
        "licences",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("parent_id", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("acknowledgements", sa.JSON(), nullable=False),
        sa.Column("document", sa.String(), nullable=True),
        sa.Column("applied_by", sa.String(), nullable=False),
        sa.Column("applied_at", sa.String(27), nullable=False),
        sa.Column("granted_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["clients.id"],
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"],
            ["licences.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_licences_client_id", "licences", ["client_id"])
    op.create_table(
        "one_time_links",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("staff_id", sa.String(), nullable=False),
        sa.Column("ends_at", sa.String(27), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"],
            ["staff.id"],
        ),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_one_time_links_staff_id", "one_time_links", ["staff_id"])
    op.create_table(
        "rulebook_proposals",
        sa.Column("id", sa.String(63), nullable=False),
        sa.Column("rulebook", sa.String(), nullable=False),
        sa.Column("proposed_by", sa.String(), nullable=False),
        sa.Column("proposed_at", sa.String(27), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("report", sa.String(), nullable=True),
        sa.Column("report_digest", sa.String(), nullable=True),
        sa.Column("approved_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["rulebook"],
            ["rulebooks.digest"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "rulebook_pointer",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("proposal", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["digest"],
            ["rulebooks.digest"],
        ),
        sa.ForeignKeyConstraint(
            ["proposal"],
            ["rulebook_proposals.id"],
        ),
        sa.PrimaryKeyConstraint("name"),
    )
