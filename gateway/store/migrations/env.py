"""Run the migrations on the connection that migrate.py hands over. Knows no settings of its own."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=True,  # SQLite can roll DDL back once the driver leaves BEGIN to us (sessions.py)
)
context.run_migrations()
