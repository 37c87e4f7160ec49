"""A unit of quota is spent once, whoever else is spending: in other requests, other licences derived from it, other processes."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.registry.acknowledgements import shipped
from gateway.registry.errors import QuotaExceeded
from tests.gateway.registry.conftest import NOON, Register


def test_the_day_and_the_case_are_counted_down_together(register: Register) -> None:
    licence = register.licence(quota_day=5, quota_case=3)
    spent = [register.quotas.spend([licence], "MP-1", NOON) for _ in range(3)]
    assert [(one.limit, one.remaining, one.remaining_case) for one in spent] == [(5, 4, 2), (5, 3, 1), (5, 2, 0)]
    assert spent[0].resets_in == 12 * 3600 + 1
    with pytest.raises(QuotaExceeded) as case:
        register.quotas.spend([licence], "MP-1", NOON)
    assert (case.value.code, case.value.retry_after) == ("quota-case", None)
    assert register.quotas.spend([licence], "MP-2", NOON).remaining == 1  # the refused one was not counted for the day either
    assert register.quotas.spend([licence], None, NOON).remaining_case is None
    with pytest.raises(QuotaExceeded) as day:
        register.quotas.spend([licence], "MP-3", NOON)
    assert (day.value.code, day.value.limit, day.value.retry_after) == ("quota-day", 5, 12 * 3600 + 1)


def test_a_new_day_in_utc_starts_anew_and_a_case_does_not(register: Register) -> None:
    licence = register.licence(quota_day=1, quota_case=2)
    late = NOON.replace(hour=23, minute=59, second=59)
    assert register.quotas.spend([licence], "MP-1", late).resets_in == 2
    assert register.quotas.spend([licence], "MP-1", late + timedelta(seconds=1)).remaining_case == 0
    with pytest.raises(QuotaExceeded):
        register.quotas.spend([licence], "MP-1", late + timedelta(days=3))


def test_a_quota_of_none_permits_none(register: Register) -> None:
    with pytest.raises(QuotaExceeded):
        register.quotas.spend([register.licence(quota_day=0)], "MP-1", NOON)


def test_two_clients_with_the_same_case_reference_do_not_share_a_count(register: Register) -> None:
    first, second = register.licence("ngo", quota_case=1), register.licence("police", quota_case=1)
    register.quotas.spend([first], "MP-1", NOON)
    assert register.quotas.spend([second], "MP-1", NOON).remaining_case == 0


def test_sublicences_pay_from_the_licence_they_derive_from_too(register: Register) -> None:
    parent = register.licence(may_sublicense=True, quota_day=3, galleries=())
    child = register.licences.sublicense("ngo", parent.id, "police", register.terms(galleries=(), quota_day=3), list(shipped().all()))
    register.quotas.spend([child], "CR-1", NOON)
    register.quotas.spend([parent], "MP-1", NOON)
    assert register.quotas.spend([child], "CR-1", NOON).remaining == 0
    with pytest.raises(QuotaExceeded):
        register.quotas.spend([child], "CR-2", NOON)
    with pytest.raises(QuotaExceeded):
        register.quotas.spend([parent], "MP-1", NOON)


def test_of_several_licences_the_first_with_room_pays_and_a_refusal_counts_nowhere(register: Register) -> None:
    few, many = register.licence(quota_day=1, quota_case=9), register.licence(quota_day=2, quota_case=9)
    paid = [register.quotas.spend([few, many], "MP-1", NOON) for _ in range(3)]
    assert [(one.licence.id, one.limit, one.remaining) for one in paid] == [(few.id, 1, 0), (many.id, 2, 1), (many.id, 2, 0)]
    with pytest.raises(QuotaExceeded) as day:
        register.quotas.spend([few, many], "MP-1", NOON)
    assert (day.value.code, day.value.licence) == ("quota-day", few.id)
    assert register.quotas.spend([few], "MP-1", NOON + timedelta(days=1)).remaining_case == 7  # one on Monday, one now, none refused


def test_who_can_use_one_of_several_licences_tomorrow_is_told_to_come_back_and_who_cannot_is_not(register: Register) -> None:
    case, day = register.licence(quota_day=9, quota_case=1), register.licence(quota_day=1, quota_case=9)
    for _ in range(2):
        register.quotas.spend([case, day], "MP-1", NOON)
    with pytest.raises(QuotaExceeded) as refused:
        register.quotas.spend([case, day], "MP-1", NOON)
    assert (refused.value.code, refused.value.licence, refused.value.retry_after) == ("quota-day", day.id, 12 * 3600 + 1)
    both = register.licence(quota_day=1, quota_case=1)
    register.quotas.spend([both], "MP-1", NOON)
    with pytest.raises(QuotaExceeded) as never:
        register.quotas.spend([case, both], "MP-1", NOON)
    assert (never.value.code, never.value.retry_after) == ("quota-case", None)  # tomorrow the case would be used up still


def test_a_sub_licence_whose_parent_is_used_up_gives_back_what_it_counted_and_the_next_one_pays(register: Register) -> None:
    parent = register.licence(may_sublicense=True, quota_day=1, quota_case=5, galleries=())
    terms = register.terms(galleries=(), quota_day=1, quota_case=5)
    child = register.licences.sublicense("ngo", parent.id, "police", terms, list(shipped().all()))
    own = register.licence("police", quota_day=5)
    register.quotas.spend([parent], "MP-1", NOON)
    assert register.quotas.spend([child, own], "CR-1", NOON).licence.id == own.id
    tomorrow = NOON + timedelta(days=1)
    assert register.quotas.spend([child, own], "CR-1", tomorrow).remaining_case == 4  # the child's own case was not charged for the try


def test_fifty_threads_against_two_licences_of_ten_spend_exactly_twenty(register: Register) -> None:
    both = [register.licence(quota_day=10, quota_case=1000) for _ in range(2)]

    def spend(_: int) -> str | None:
        try:
            return register.quotas.spend(both, "MP-1", NOON).licence.id
        except QuotaExceeded:
            return None

    with ThreadPoolExecutor(16) as pool:
        paid = list(pool.map(spend, range(50)))
    assert {name: paid.count(name) for name in set(paid)} == {both[0].id: 10, both[1].id: 10, None: 30}


def test_old_days_can_be_forgotten_without_giving_anything_back(register: Register) -> None:
    licence = register.licence(quota_day=1, quota_case=5)
    register.quotas.spend([licence], "MP-1", NOON - timedelta(days=1))
    register.quotas.spend([licence], "MP-1", NOON)
    register.quotas.forget_days_before(NOON)
    with pytest.raises(QuotaExceeded):
        register.quotas.spend([licence], "MP-1", NOON)
    assert register.quotas.spend([licence], "MP-1", NOON + timedelta(days=1)).remaining_case == 2


def test_fifty_threads_against_a_quota_of_ten_spend_exactly_ten(register: Register) -> None:
    licence = register.licence(quota_day=10, quota_case=1000)

    def spend(_: int) -> bool:
        try:
            register.quotas.spend([licence], "MP-1", NOON)
        except QuotaExceeded:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(spend, range(50))) == 10


SPENDER = """
import sys
from datetime import datetime, UTC
from pathlib import Path
from concurrent.futures import ThreadPoolExecutor
from gateway.store.sessions import Database
from gateway.registry.quotas import Quotas
from gateway.registry.errors import QuotaExceeded
from gateway.registry.licences import Licence
from gateway.registry.terms import Terms
noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
licence = Licence(sys.argv[2], "ngo", "granted", Terms((), (), (), noon, noon, 10, 1000))
quotas = Quotas(Database.open(Path(sys.argv[1])))
go = Path(sys.argv[1]).with_name("go")
Path(sys.argv[3]).touch()
while not go.exists(): pass
def spend(_):
    try:
        quotas.spend([licence], "MP-1", noon)
    except QuotaExceeded:
        return 0
    return 1
with ThreadPoolExecutor(8) as pool:
    print(sum(pool.map(spend, range(25))))
"""


def test_two_processes_with_fifty_requests_against_a_quota_of_ten_spend_exactly_ten(register: Register, registry_path: Path) -> None:
    licence = register.licence(quota_day=10)
    root, ready = Path(__file__).parents[3], [registry_path.with_name(f"ready-{n}") for n in range(2)]
    both = [
        subprocess.Popen([sys.executable, "-c", SPENDER, str(registry_path), licence.id, str(mark)], cwd=root, stdout=subprocess.PIPE)
        for mark in ready
    ]
    deadline = time.monotonic() + 60
    while not all(mark.exists() for mark in ready) and time.monotonic() < deadline:
        time.sleep(0.01)
    registry_path.with_name("go").touch()
    counts = [int(process.communicate(timeout=60)[0]) for process in both]
    assert sum(counts) == 10
