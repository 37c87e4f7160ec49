"""Write found entries out for other tools: as lines of JSON, for spreadsheets, or as OCSF events. Asks nobody whether they may be read."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.audit.log import AuditLog
from gateway.audit.renderings import ENVELOPE, Indexed, csv_lines, json_lines, ocsf_lines
from gateway.records.asking import LONGEST_PAGE, Question
from gateway.records.explorer import Explorer

MEDIA_TYPES: Final = MappingProxyType({"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8", "ocsf": "application/jsonl"})
_COLUMNS: Final = (*ENVELOPE, "/facts/request/purpose", "/facts/request/operation", "/facts/request/client/kind")


@dataclass(frozen=True, slots=True)
class Exports:
    """Every entry that answers a question, in one of the forms of MEDIA_TYPES. `version` is the software's, for OCSF."""

    log: AuditLog
    explorer: Explorer
    version: str

    def lines(self, form: str, asked: Question) -> Iterator[bytes]:
        """Return the lines, newest entry first, read as they are taken. Raises KeyError for a form that MEDIA_TYPES does not name."""
        MEDIA_TYPES[form]
        found = self._all(asked)
        if form == "csv":
            return (line.encode() for line in csv_lines(found, _COLUMNS))
        return ocsf_lines(found, self.log.origin, self.version) if form == "ocsf" else json_lines(found)

    def headers(self, form: str) -> dict[str, str]:
        """Return the headers that make a browser keep the lines as a file."""
        return {"content-disposition": f'attachment; filename="custodes-log.{"csv" if form == "csv" else "jsonl"}"'}

    def _all(self, asked: Question) -> Iterator[Indexed]:
        before = asked.before
        while True:
            found = self.explorer.find(asked.wanted, before=before, limit=LONGEST_PAGE)
            yield from ((entry.index, entry.body) for entry in found)
            if len(found) < LONGEST_PAGE:
                return
            before = found[-1].index
