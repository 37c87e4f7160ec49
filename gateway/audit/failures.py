"""Name what can go wrong with the log as a whole, in words that its caller can act on. Knows no store and no HTTP status."""

from gateway.audit.errors import AuditError


class LogUnavailable(AuditError):
    """The log cannot promise that the entry would survive a power cut. It may have been written or not: the caller must not act."""

    code = "log-unavailable"


class EntryTooLarge(AuditError):
    """The entry, or what opens its commitments, is larger than the log takes; nothing was written."""

    code = "entry-too-large"


class NoSuchEntry(AuditError):
    """The log holds no entry, tile or checkpoint at that place."""

    code = "entry-not-found"


class LogDamaged(AuditError):
    """The stored log does not match what was signed. `index` is the first bad entry, where one can be named."""

    code = "log-damaged"

    def __init__(self, sentence: str, *, index: int | None = None) -> None:
        super().__init__(sentence)
        self.index = index


class LogRolledBack(AuditError):
    """The stored log is not an extension of the checkpoint in the guard file: it was rolled back, replaced or removed."""

    code = "log-rolled-back"

    def __init__(self, sentence: str, *, log_size: int, guard_size: int) -> None:
        super().__init__(sentence)
        self.log_size = log_size
        self.guard_size = guard_size
