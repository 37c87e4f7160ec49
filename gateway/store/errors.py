"""Say that the registry's database failed, in one word for every driver. Knows no table."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError

from gateway.errors import CustodesError


class StoreUnavailable(CustodesError):
    """The registry's database cannot be read or written now; nothing was changed."""

    code = "registry-unavailable"


@contextmanager
def only_our_errors() -> Iterator[None]:
    """Turn a driver's failure into StoreUnavailable; IntegrityError passes, for the caller knows what it means."""
    try:
        yield
    except IntegrityError:
        raise
    except (DBAPIError, sqlite3.Error) as error:
        raise unavailable() from error


def unavailable() -> StoreUnavailable:
    """Say so in the one sentence that serves every failure."""
    return StoreUnavailable("The registry's database cannot be used now; try again, and ask the operator to run `doctor`.")
