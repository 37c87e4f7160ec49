"""The errors of the policy package, each a sentence someone can act on. Knows no HTTP status and no exit code."""


class PolicyError(Exception):
    """Something about facts, packs or rulebooks that has to be mended: a stable kebab-case `code` and a `sentence`."""

    code = "policy-error"

    def __init__(self, sentence: str, *, code: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        if code is not None:
            self.code = code


class FactsError(PolicyError):
    """The facts of a request cannot be read; `field` is the path of the first one at fault, such as `case.ref`."""

    code = "facts-malformed"

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}" if field else problem)
        self.field = field
        self.problem = problem

    def inside(self, part: str) -> "FactsError":
        """The same fault, seen from the object or list that holds the field: `ref` inside `case` is `case.ref`."""
        if not self.field:
            return FactsError(part, self.problem)
        return FactsError(f"{part}{self.field}" if self.field.startswith("[") else f"{part}.{self.field}", self.problem)


class RulebookRefused(PolicyError):
    """A rule, pack or rulebook does not hold together; nothing of it is used.

    `where` is the pack or file, `line` the line in it (0: the whole), `mend` what to write instead."""

    code = "rulebook-refused"

    def __init__(self, where: str, line: int, sentence: str, mend: str, *, code: str | None = None) -> None:
        place = f"{where}, line {line}" if line else where
        super().__init__(f"{place}: {sentence} {mend}", code=code)
        self.where = where
        self.line = line
        self.problem = sentence
        self.mend = mend


class VectorError(PolicyError):
    """A line of a vector file is not a vector; `line` counts from 1."""

    code = "vector-malformed"

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(f"line {line}: {sentence}")
        self.line = line


class Undecided(PolicyError):
    """A question about all possible requests could not be answered in the time that it had; nothing may be built on it."""

    code = "undecided"


class RecordDamaged(PolicyError):
    """A recorded decision cannot be read back; `position` counts from 0, `index` is its place in the log if it says so."""

    code = "record-damaged"

    def __init__(self, position: int, index: int | None, sentence: str) -> None:
        where = f"record {position}" if index is None else f"record {position} (entry {index})"
        super().__init__(f"{where}: {sentence}")
        self.position = position
        self.index = index
