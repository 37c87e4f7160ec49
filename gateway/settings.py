"""Read the operator's settings once, at start. Knows nothing of the parts that use them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.errors import CustodesError


class SettingsRefused(CustodesError):
    """A setting is malformed; the sentence names it and what it takes."""

    code = "settings-refused"


@dataclass(frozen=True, slots=True)
class Home:
    """The one directory that holds all state. Each store has its own place, so that each can have its own guardian."""

    root: Path

    @property
    def audit(self) -> Path:
        """The log's database and its guard file."""
        return self.root / "audit"

    @property
    def explorer(self) -> Path:
        """The searchable copy of the log; may be deleted, and is then rebuilt."""
        return self.root / "explorer.db"

    @property
    def registry(self) -> Path:
        """Clients, licences, cases, reviews: everything but the log."""
        return self.root / "registry.db"

    @property
    def unsettled(self) -> Path:
        """What a change to the registry leaves if its process dies between the log's entry and the commit."""
        return self.root / "unsettled"

    @property
    def dialect(self) -> Path:
        """What the operator's clients call things when they ask in AuthZEN's words; may be absent."""
        return self.root / "authzen.toml"

    @property
    def tripwires(self) -> Path:
        """The operator's settings of the tripwires; the defaults stand where there is no such file."""
        return self.root / "tripwires.json"

    @property
    def webhooks(self) -> Path:
        """To which origins webhooks may be sent; none where there is no such file."""
        return self.root / "webhooks.json"

    @property
    def galleries(self) -> Path:
        """Encrypted templates."""
        return self.root / "galleries"

    @property
    def keys(self) -> Path:
        """Private keys: the log's, the issuer's, the galleries', the cases'. Mode 0700."""
        return self.root / "keys"

    @property
    def models(self) -> Path:
        """The recogniser, as written out from the packaged weights at first start."""
        return self.root / "models"

    @property
    def evaluations(self) -> Path:
        """Signed records of how often the recogniser errs, and on whom."""
        return self.root / "evaluations"

    @property
    def boots(self) -> Path:
        """One locked file for each running service process."""
        return self.root / "boots"

    @property
    def witnesses(self) -> Path:
        """The tlog-policy that names the log's witnesses, unless a setting says where else it lies. Need not be there."""
        return self.root / "witnesses.policy"

    def make(self) -> None:
        """Create the directories, private to their owner."""
        for place in (self.root, self.audit, self.galleries, self.keys, self.models, self.boots, self.unsettled):
            place.mkdir(parents=True, exist_ok=True, mode=0o700)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an operator may choose. The defaults are those of `python3 -m gateway serve`."""

    home: Home = field(default_factory=lambda: Home(Path("custodes-home")))
    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = ""
    log_origin: str = "custodes.local/log"
    worker_count: int = 2
    worker_queue: int = 16
    order_seconds: float = 10.0
    body_seconds: float = 30.0
    max_image_bytes: int = 8 * 1024 * 1024
    heartbeat_seconds: float = 60.0
    calibration_percent: int = 5
    duty_seconds: float = 5.0
    webhook_seconds: float = 2.0
    questions_a_day: int = 20
    warn_days: int = 30
    contact_operator: str = ""
    contact_authority: str = ""
    contact_ombudsman: str = ""
    cohort: Path | None = None
    calibration: Path | None = None
    witness_policy: Path | None = None
    witness_seconds: float = 10.0
    log_guard: Path | None = None
    anchor_url: str | None = None
    anchor_certificate: Path | None = None
    anchor_seconds: float = 3600.0
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_secret: Path | None = None

    @property
    def url(self) -> str:
        """The address that clients use, and the issuer's identity."""
        return self.public_url or f"http://{self.host}:{self.port}"


def read_settings(environment: Mapping[str, str] | None = None, *, home: Path | None = None, port: int | None = None) -> Settings:
    """Read CUSTODES_* variables; what the command line says wins.

    Raises SettingsRefused naming the variable that is malformed."""
    given = os.environ if environment is None else environment
    base = Settings()
    return Settings(
        home=Home((home or Path(given.get("CUSTODES_HOME", "custodes-home"))).resolve()),
        host=given.get("CUSTODES_HOST", base.host),
        port=port if port is not None else _whole(given, "CUSTODES_PORT", base.port, 1, 65535),
        public_url=given.get("CUSTODES_PUBLIC_URL", base.public_url).rstrip("/"),
        log_origin=given.get("CUSTODES_LOG_ORIGIN", base.log_origin),
        worker_count=_whole(given, "CUSTODES_WORKERS", base.worker_count, 1, 64),
        worker_queue=_whole(given, "CUSTODES_WORKER_QUEUE", base.worker_queue, 1, 4096),
        order_seconds=float(_whole(given, "CUSTODES_ORDER_SECONDS", int(base.order_seconds), 1, 600)),
        body_seconds=float(_whole(given, "CUSTODES_BODY_SECONDS", int(base.body_seconds), 1, 600)),
        duty_seconds=float(_whole(given, "CUSTODES_DUTY_SECONDS", int(base.duty_seconds), 1, 3600)),
        questions_a_day=_whole(given, "CUSTODES_QUESTIONS_A_DAY", base.questions_a_day, 1, 1000),
        contact_operator=_line(given, "CUSTODES_CONTACT_OPERATOR"),
        contact_authority=_line(given, "CUSTODES_CONTACT_AUTHORITY"),
        contact_ombudsman=_line(given, "CUSTODES_CONTACT_OMBUDSMAN"),
        warn_days=_whole(given, "CUSTODES_WARN_DAYS", base.warn_days, 1, 365),
        webhook_seconds=float(_whole(given, "CUSTODES_WEBHOOK_SECONDS", int(base.webhook_seconds), 1, 3600)),
        calibration_percent=_whole(given, "CUSTODES_CALIBRATION_PERCENT", base.calibration_percent, 0, 100),
        heartbeat_seconds=float(_whole(given, "CUSTODES_HEARTBEAT_SECONDS", int(base.heartbeat_seconds), 1, 86400)),
        cohort=_file(given, "CUSTODES_COHORT"),
        calibration=_file(given, "CUSTODES_CALIBRATION"),
        witness_policy=_file(given, "CUSTODES_WITNESS_POLICY"),
        witness_seconds=float(_whole(given, "CUSTODES_WITNESS_SECONDS", int(base.witness_seconds), 1, 3600)),
        log_guard=_place(given, "CUSTODES_LOG_GUARD"),
        anchor_url=given.get("CUSTODES_ANCHOR_URL") or None,
        anchor_certificate=_file(given, "CUSTODES_ANCHOR_CERTIFICATE"),
        anchor_seconds=float(_whole(given, "CUSTODES_ANCHOR_SECONDS", int(base.anchor_seconds), 60, 604800)),
        oidc_issuer=given.get("CUSTODES_OIDC_ISSUER") or None,
        oidc_client_id=given.get("CUSTODES_OIDC_CLIENT_ID") or None,
        oidc_secret=_file(given, "CUSTODES_OIDC_SECRET_FILE"),
    )


def _line(given: Mapping[str, str], name: str) -> str:
    text = given.get(name, "").strip()
    if len(text) > 200 or not text.isprintable():
        raise SettingsRefused(f"{name} is one printable line of at most 200 characters.")
    return text


def _file(given: Mapping[str, str], name: str) -> Path | None:
    text = given.get(name)
    if not text:
        return None
    path = Path(text).resolve()
    if not path.is_file():
        raise SettingsRefused(f"{name} names a file that is not there: {text!r}.")
    return path


def _place(given: Mapping[str, str], name: str) -> Path | None:
    """Return where a file is to lie that may not be there yet; its directory must be: a mount that is missing is no place."""
    text = given.get(name)
    if not text:
        return None
    path = Path(text).resolve()
    if path.is_dir() or not path.parent.is_dir():
        raise SettingsRefused(f"{name} names no file in a directory that is there: {text!r}.")
    return path


def _whole(given: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise SettingsRefused(f"{name} must be a whole number from {least} to {most}; it is {text!r}.")
    return int(text)
