"""The one base of every error that the audit log raises on purpose. Knows no HTTP status and no part outside the log."""


class AuditError(Exception):
    """Something the caller can be told about: a stable kebab-case `code` and a sentence to act on."""

    code = "audit-error"

    def __init__(self, sentence: str, *, code: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        if code is not None:
            self.code = code
