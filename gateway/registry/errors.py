"""Name what the registry refuses, so that a door can answer each kind in its own way. Knows no HTTP status."""

from gateway.errors import CustodesError


class RegistryError(CustodesError):
    """The registry will not do that; `code` says which rule, `sentence` says the next step."""

    code = "registry-refused"


class NotOnRecord(RegistryError):
    """No such thing for this client. An absent and a foreign thing are not told apart.

    The code is `unknown-` and the noun: unknown-client, unknown-case, unknown-gallery, unknown-licence …"""

    def __init__(self, noun: str) -> None:
        super().__init__(f"No such {noun} is on record for you; check its name, or register it first.", code=f"unknown-{noun}")
        self.noun = noun


class Malformed(RegistryError):
    """A document does not have its form; `field` names the place."""

    code = "malformed"

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(f"`{field}` {sentence}")
        self.field = field


class StateForbids(RegistryError):
    """The thing is on record, but its state does not allow that step."""

    code = "state-forbids"


class AlreadyOnRecord(StateForbids):
    """That name is taken."""

    code = "already-on-record"

    def __init__(self, noun: str, name: str) -> None:
        super().__init__(f"A {noun} named `{name}` is on record already; choose another name, or change the one on record.")


class DraftChanged(StateForbids):
    """Somebody else wrote the next edition of the draft first."""

    code = "draft-changed"

    def __init__(self, edition: int) -> None:
        super().__init__(f"The draft was changed since you read it: it is at edition {edition}. Read that one and write yours anew.")


class SamePerson(RegistryError):
    """Two people are needed, and this is one of them twice."""

    code = "same-person"

    def __init__(self, step: str) -> None:
        super().__init__(f"{step} needs a second person: nobody confirms their own work.")


class ClientRefused(RegistryError):
    """The client is on record but may not act: client-suspended or client-closed."""

    code = "client-suspended"


class LicenceRefused(RegistryError):
    """No licence of the client covers the request; the code says what is wrong with the nearest one.

    licence-missing, -applied, -suspended, -revoked, -expired, -not-yet-valid, -purpose, -operation, -place, -gallery, -damaged."""

    code = "licence-missing"


class AuthorisationRefused(RegistryError):
    """The paper does not authorise this; the code says why.

    authorisation-other-client, -other-case, -other-place, -other-purpose, -other-operation, -ended, -not-yet-valid, -requested,
    -rejected, -revoked."""

    code = "authorisation-refused"


class QuotaExceeded(RegistryError):
    """The licence's quota is used up: quota-day (retry after midnight UTC) or quota-case (never, for this case)."""

    code = "quota-day"

    def __init__(self, code: str, limit: int, retry_after: int | None, licence: str) -> None:
        per = "day" if code == "quota-day" else "case"
        step = "wait until the next day in UTC" if retry_after is not None else "ask the registrar for a larger licence"
        super().__init__(f"The licence allows {limit} permitted requests a {per}, and they are used up; {step}.", code=code)
        self.limit = limit
        self.retry_after = retry_after
        self.licence = licence


class Replayed(RegistryError):
    """A thing that may be used once was used before."""

    code = "used-before"


class KeyReused(RegistryError):
    """The Idempotency-Key came before with another request: idempotency-key-reused."""

    code = "idempotency-key-reused"


class StillRunning(RegistryError):
    """The first request under this Idempotency-Key has no answer yet: idempotency-in-progress, with seconds to wait."""

    code = "idempotency-in-progress"

    def __init__(self, retry_after: int) -> None:
        super().__init__("The first request with this Idempotency-Key is still being answered; send it again shortly.")
        self.retry_after = retry_after
