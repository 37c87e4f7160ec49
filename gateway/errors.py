"""The one base of every error that the gateway raises on purpose. Knows no HTTP status: that map is api/problems.py."""


class CustodesError(Exception):
    """Something the caller can be told about: a stable `code` and a sentence to act on.

    `code` is kebab-case and never changes its meaning; `sentence` says what is wrong and the next step."""

    code = "internal-error"

    def __init__(self, sentence: str, *, code: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        if code is not None:
            self.code = code
