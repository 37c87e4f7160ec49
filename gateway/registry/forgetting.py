"""Take a closed case out of the registry altogether: record, papers, counters, duties. Never touches the log."""

from collections.abc import Mapping

from sqlmodel import col, delete, select

from gateway.registry.authorisations import AuthorisationRow
from gateway.registry.cases import CaseRow
from gateway.registry.duties import DutyRow
from gateway.registry.quotas import QuotaRow
from gateway.store.sessions import Database


class Forgetting:
    """What an erasure asks of the registry."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def holders(self, reference: str, client: str | None) -> Mapping[str, bool]:
        """Return the clients (or the one) that have a case or a paper of that reference on record; False while the case is not closed."""
        with self._database.reading() as session:
            papers = session.exec(select(AuthorisationRow.client_id).where(AuthorisationRow.case_ref == reference)).all()
            cases = session.exec(select(CaseRow).where(CaseRow.reference == reference)).all()
        found = {**dict.fromkeys(papers, True), **{row.client_id: row.state == "closed" for row in cases}}
        return {name: closed for name, closed in found.items() if client in (name, None)}

    def forget_case(self, client: str, reference: str) -> None:
        """Delete what is on record of a client's case, so that no file of the database holds it. Can be done twice.

        Raises StoreUnavailable while somebody keeps the file from being written anew."""
        with self._database.writing() as session:
            theirs = (col(AuthorisationRow.client_id) == client, col(AuthorisationRow.case_ref) == reference)
            session.exec(delete(AuthorisationRow).where(*theirs))
            session.exec(delete(DutyRow).where(col(DutyRow.client) == client, col(DutyRow.case_ref) == reference))
            session.exec(delete(CaseRow).where(col(CaseRow.client_id) == client, col(CaseRow.reference) == reference))
            session.exec(delete(QuotaRow).where(col(QuotaRow.scope) == f"case:{client}/{reference}"))
        self._database.compact()
