"""`doctor`: say what is missing for the service to run, and how to mend it. Changes nothing."""

import json
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import typer

from engine.equipment import read_equipment
from engine.errors import EngineError
from engine.evaluation.record import BELIEVED, check_current, from_record, shipped_record
from engine.recognisers.base import dlib_digest
from gateway.assembly.homes import evaluations_of, open_explorer, open_log
from gateway.audit.errors import AuditError
from gateway.audit.quorum import TrustPolicy
from gateway.cli.options import FAILED, HomeOption, JsonOption, PortOption, say, settings_of
from gateway.clock import SystemClock
from gateway.enforcement.bench import live_by_the_log
from gateway.errors import CustodesError
from gateway.records.explorer import Filter
from gateway.registry.rulebook import Rulebooks
from gateway.settings import Home, Settings
from gateway.store.sessions import Database
from gateway.witnessing.cosigning import Cosigning
from gateway.witnessing.policy import read_policy
from gateway.witnessing.posting import Poster
from policies.errors import PolicyError
from policies.rulebook import build

_LEAST_DISK: Final = 2 * 1024**3
_LATELY: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `mend` says what to do if it is not well."""

    part: str
    well: bool
    state: str
    mend: str = ""


app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def doctor(*, home: HomeOption = None, port: PortOption = None, as_json: JsonOption = False) -> None:
    """Look at everything that the service needs, from Python to the port. Exit code 0: all well; 1: something to mend."""
    try:
        settings = settings_of(home, port, may_begin=True)
    except CustodesError as fault:
        findings = [Finding("settings", False, fault.sentence, "Correct the variable, or unset it.")]
    else:
        findings = list(_examine(settings))
    lines = [
        f"{'ok  ' if found.well else 'MEND'}  {found.part}: {found.state}{'' if found.well else ' ' + found.mend}" for found in findings
    ]
    say([asdict(found) for found in findings], "\n".join(lines), as_json=as_json)
    raise typer.Exit(0 if all(found.well for found in findings) else FAILED)


def _examine(settings: Settings) -> Iterator[Finding]:
    yield Finding("python", (3, 11) <= sys.version_info[:2] < (3, 14), sys.version.split()[0], "Use Python 3.11 to 3.13.")
    yield from _packages()
    yield _disk(settings.home)
    yield from _home(settings.home)
    yield _rulebook()
    yield (log := _log(settings))
    if log.well and (settings.home.audit / "log.sqlite").exists():
        yield from _judgement(settings)
    yield _witnesses(settings)
    yield _evaluation(settings)
    yield _port(settings)


def _packages() -> Iterator[Finding]:
    for module, what in (("casbin", "pycasbin"), ("onnxruntime", "onnxruntime"), ("face_recognition_models", "face-recognition-models")):
        found = _findable(module)
        yield Finding(
            f"package {what}", found, "installed" if found else "missing", "Delete .venv and run `python3 -m gateway demo` again."
        )


def _findable(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _disk(home: Home) -> Finding:
    place = _nearest(home.root)
    free = shutil.disk_usage(place).free
    return Finding("disk", free >= _LEAST_DISK, f"{free // 1024**2} MiB free at {place}", "Free 2 GiB: a full disk stops every search.")


def _home(home: Home) -> Iterator[Finding]:
    if not home.root.exists():
        place = _nearest(home.root)
        yield Finding("home", os.access(place, os.W_OK), "will be made at the first start", f"Allow writing in {place}.")
        return
    yield Finding("home", os.access(home.root, os.W_OK), str(home.root), "Give the directory to the user who runs the service.")
    loose = (
        [path.name for path in sorted(home.keys.rglob("*")) if path.is_file() and path.stat().st_mode & 0o077] if home.keys.exists() else []
    )
    yield Finding(
        "keys", not loose, "private" if not loose else f"readable by others: {', '.join(loose[:5])}", "Run `chmod -R go= keys` there."
    )


def _rulebook() -> Finding:
    try:
        return Finding("baseline pack", True, f"{len(build(['baseline']).rules)} rules")
    except PolicyError as fault:
        return Finding("baseline pack", False, fault.sentence, "Restore policies/ from the release.")


def _log(settings: Settings) -> Finding:
    if not (settings.home.audit / "log.sqlite").exists():
        return Finding("audit log", True, "will be begun at the first start")
    # Only a home that has a log has a key for it; opening must not make one.
    if not (settings.home.keys / "log.key").exists():
        return Finding("audit log", False, "its key is gone.", "Restore keys/log.key from its backup.")
    try:
        log = open_log(settings)
        size = log.size
        log.close()
    except (AuditError, CustodesError) as fault:
        return Finding("audit log", False, fault.sentence, "Do not start: keep the files, and compare them with an export or a witness.")
    return Finding("audit log", True, f"{size} entries, head verified")


def _judgement(settings: Settings) -> Iterator[Finding]:
    """What the log says of the rules: which rulebook is live, and whether the judge ever raised an alarm."""
    database, clock = Database.open(settings.home.registry), SystemClock()
    try:
        with closing(open_log(settings)) as log, closing(open_explorer(settings, log)) as explorer:
            logged = live_by_the_log(explorer)
            alarms = explorer.counts("kind", kind="alarm").get("alarm", 0)
            last = [json.loads(found.body) for found in explorer.find(Filter(kind="alarm"), limit=1)]
        pointed = Rulebooks(database, clock).live().digest
    except (AuditError, CustodesError) as fault:
        yield Finding("live rulebook", False, fault.sentence, "Look at the registry.")
        return
    finally:
        database.close()
    if logged not in (None, pointed):
        mend = "It came there past the second person, or from a backup. Have the right one drafted, reported on and approved."
        yield Finding("live rulebook", False, f"the registry points to {pointed}; by the log, {logged} is live.", mend)
    else:
        yield Finding("live rulebook", True, pointed)
    if not last:
        yield Finding("judge", True, "no alarm in the log")
    else:
        lately = datetime.fromisoformat(last[0]["at"]) > clock.now() - _LATELY
        said = f"alarms in the log: {alarms}, the last at {last[0]['at']}: {last[0]['what']}"
        yield Finding("judge", not lately, said, "What it was about was refused; find out why before you trust the rules.")


def _evaluation(settings: Settings) -> Finding:
    kept, now = evaluations_of(settings.home), SystemClock().now()
    try:
        binding = read_equipment(dlib_digest(), settings.cohort, settings.calibration).binding
        if kept.untouched:
            check_current(from_record(shipped_record()), binding, now)
            return Finding("evaluation", True, "the shipped record will be adopted at the first start")
        current = kept.current(binding, now).evaluation
    except EngineError as fault:
        # Where a step helps, the sentence says it.
        return Finding("evaluation", False, f"{fault.code}: {fault.sentence}", "Until then the recogniser serves nobody.")
    return Finding("evaluation", True, f"of {current.at:%Y-%m-%d}, believed until {current.at + BELIEVED:%Y-%m-%d}")


def _witnesses(settings: Settings) -> Finding:
    mend = "Correct the policy: the service does not start under one that it cannot read."
    try:
        policy = read_policy(settings)
    except CustodesError as fault:
        return Finding("witnesses", False, fault.sentence, mend)
    if not policy.witnesses:
        return Finding("witnesses", True, "none are named: only receipts in other hands remember the past")
    silent = [name for name, witness in policy.witnesses.items() if witness.url is None]
    if silent:
        return Finding("witnesses", False, f"without an address: {', '.join(silent)}.", "Give each witness its address in the policy.")
    return Finding("witnesses", True, f"{len(policy.witnesses)} named, quorum {policy.quorum}; {_vouched(settings, policy)}")


def _vouched(settings: Settings, policy: TrustPolicy) -> str:
    if not (settings.home.audit / "log.sqlite").exists() or not (settings.home.keys / "log.key").exists():
        return "no log yet"
    try:
        log = open_log(settings)
        try:
            since = Cosigning(log, policy, Poster(1.0), SystemClock()).witnessed_at()
        finally:
            log.close()
    except (AuditError, CustodesError):
        return "the log does not open"
    return "no quorum has cosigned the log yet" if since is None else f"a quorum last cosigned the log at {since:%Y-%m-%d %H:%M:%S} UTC"


def _port(settings: Settings) -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError:
            return Finding("port", False, f"{settings.port} is taken or not allowed.", "Stop what uses it, or choose another with --port.")
    return Finding("port", True, f"{settings.port} is free")


def _nearest(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
