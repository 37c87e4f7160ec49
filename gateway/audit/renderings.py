"""Write entries for other people's tools: JSON lines, CSV for spreadsheets, OCSF for monitoring. Never decides who may read them.

Each takes entries with their indexes and gives one line at a time, so a log of any length can be streamed. The bytes that count
stay the entry's own: JSON lines and OCSF carry them verbatim, so that a leaf hash can be computed from any of these lines."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from gateway.audit.errors import AuditError
from gateway.audit.report import printable

Indexed = tuple[int, bytes]

ENVELOPE: Final = ("/at", "/kind", "/decision_id", "/client", "/answer/decision", "/answer/code", "/answer/rules", "/rulebook", "/intent")
OCSF_VERSION: Final = "1.3.0"
OCSF_CLASS: Final = 6003  # API Activity

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # the wide ones too, as some spreadsheets do
_READ, _UPDATE, _DELETE, _OTHER = 2, 3, 4, 99
_ACTIVITY: Final = {
    "intent": _READ, "outcome": _READ, "denial": _READ, "check": _READ, "log-read": _READ, "erasure": _DELETE,
    "authorisation": _UPDATE, "licence-change": _UPDATE, "policy-change": _UPDATE, "gallery-change": _UPDATE, "key-change": _UPDATE,
    "client-change": _UPDATE, "staff-change": _UPDATE, "case-change": _UPDATE, "evidence-change": _UPDATE, "evaluation-change": _UPDATE,
}  # fmt: skip
_ACTIVITY_NAMES: Final = {_READ: "Read", _UPDATE: "Update", _DELETE: "Delete"}
_REFUSED: Final = ("denial", "authn-denied", "access-denied")


class NotRendered(AuditError):
    """An entry is not the JSON object that the log's writers write, so it has no columns; export the log and verify it."""

    code = "entry-not-rendered"


def json_lines(entries: Iterable[Indexed]) -> Iterator[bytes]:
    """Write each entry as a line `{"entry":…,"index":…}`, the entry byte for byte."""
    for index, raw in entries:
        yield b'{"entry":%b,"index":%d}\n' % (raw, index)


def csv_lines(entries: Iterable[Indexed], columns: Sequence[str] = ENVELOPE) -> Iterator[str]:
    """Write a header and a line for each entry; `columns` are JSON pointers into it, without escapes.

    No cell can start a formula, and no cell holds a control character. Raises NotRendered."""
    yield _row(["index", *(column.removeprefix("/").replace("/", ".") for column in columns)])
    for index, raw in entries:
        entry = _object(index, raw)
        yield _row([str(index), *(_cell(_at(entry, column)) for column in columns)])


def ocsf_lines(entries: Iterable[Indexed], origin: str, product_version: str) -> Iterator[bytes]:
    """Write each entry as an OCSF API Activity event. `origin` is the log's name. Raises NotRendered."""
    for index, raw in entries:
        event = _ocsf(index, raw, _object(index, raw), origin, product_version)
        yield json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _ocsf(index: int, raw: bytes, entry: Mapping[str, Any], origin: str, product_version: str) -> dict[str, object]:
    kind = str(entry.get("kind"))
    activity = _ACTIVITY.get(kind, _OTHER)
    refused = kind in _REFUSED or _at(entry, "/answer/decision") == "refusal"
    client = str(entry.get("client", origin))
    return {
        "activity_id": activity,
        "activity_name": _ACTIVITY_NAMES.get(activity, kind),
        "actor": {"app_name": client},
        "api": {
            "operation": str(_at(entry, "/facts/operation") or kind),
            "request": {"uid": str(entry.get("decision_id", index))},
            "service": {"name": origin},
        },
        "category_name": "Application Activity",
        "category_uid": OCSF_CLASS // 1000,
        "class_name": "API Activity",
        "class_uid": OCSF_CLASS,
        "message": kind,
        "metadata": {
            "log_name": origin,
            "original_time": str(entry.get("at")),
            "product": {"name": "Custodes", "vendor_name": "Custodes", "version": product_version},
            "sequence": index,
            "uid": f"{origin}#{index}",
            "version": OCSF_VERSION,
        },
        "raw_data": raw.decode(),
        "severity": "Low" if refused else "Informational",
        "severity_id": 2 if refused else 1,
        "src_endpoint": {"name": client},
        "status": "Failure" if refused else "Success",
        "status_code": str(_at(entry, "/answer/code") or ""),
        "status_id": 2 if refused else 1,
        "time": _milliseconds(index, entry),
        "type_name": f"API Activity: {_ACTIVITY_NAMES.get(activity, 'Other')}",
        "type_uid": OCSF_CLASS * 100 + activity,
    }


def _object(index: int, raw: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(raw.decode())
    except (ValueError, RecursionError) as wrong:
        raise NotRendered(f"entry {index} is not JSON") from wrong
    if not isinstance(entry, dict):
        raise NotRendered(f"entry {index} is not a JSON object")
    return entry


def _milliseconds(index: int, entry: Mapping[str, Any]) -> int:
    try:
        return int(datetime.fromisoformat(str(entry.get("at"))).timestamp() * 1000)
    except (ValueError, OverflowError) as wrong:
        raise NotRendered(f"entry {index} does not say when it was written") from wrong


def _at(entry: Mapping[str, Any], pointer: str) -> object:
    value: object = entry
    for name in pointer.split("/")[1:]:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        text = value
    elif isinstance(value, list) and all(isinstance(item, str) for item in value):
        text = " ".join(value)
    else:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # Looked at before escaping: a spreadsheet strips some of these itself and reads on.
    return ("'" if text.lstrip(" ").startswith(_FORMULA) else "") + printable(text)


def _row(cells: Sequence[str]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    return line.getvalue()
