"""Read which time a report is about: a year or a quarter, as the laws name them. Counts nothing."""

import re
from typing import Final

from gateway.errors import CustodesError
from gateway.records.tally import Span

_YEAR: Final = re.compile(r"2\d{3}", re.ASCII)
_QUARTER: Final = re.compile(r"(2\d{3})-Q([1-4])", re.ASCII)


class PeriodMalformed(CustodesError):
    """That is no year and no quarter."""

    code = "field-malformed"
    field = "period"


def span_of(period: str, client: str | None = None) -> Span:
    """Return the span of `2026` or `2026-Q4`, of one client or of everybody. Raises PeriodMalformed."""
    if _YEAR.fullmatch(period) and period != "2999":
        return Span(f"{period}-01-01", f"{int(period) + 1}-01-01", client)
    if (match := _QUARTER.fullmatch(period)) is not None:
        year, number = int(match[1]), int(match[2])
        ends = f"{year}-{3 * number + 1:02}-01" if number < 4 else f"{year + 1}-01-01"
        return Span(f"{year}-{3 * number - 2:02}-01", ends, client)
    raise PeriodMalformed(f"{period[:20]!r} is neither a year nor a quarter; write it as 2026 or 2026-Q4.")
