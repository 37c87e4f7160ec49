"""What each reader may see of a decision, and what of it opens: everything that is not named stays closed."""

import pytest

from gateway.records.disclosure import Reader, opened, shown

CASE, WHY, IMAGE, REVIEWER, WITHIN = (
    "/facts/request/case/ref", "/facts/request/context/justification", "/images/0", "/reviewer", "/facts/request/review/reviewers/0",
)  # fmt: skip
FOUND = ("/candidates/0/subject", "/candidates/1/subject")
INTENT = {"kind": "intent", "client": "ngo"}
HELD = {"kind": "outcome", "status": "held", "candidates": [{}, {}]}
AT_ONCE = {"kind": "outcome", "status": "released", "candidates": [{}, {}]}


def review(act, *numbers):
    return {"kind": "review", "act": act, "confirmed": list(numbers)}


def test_a_stranger_opens_nothing():
    for entry, paths in ((INTENT, (CASE, WHY, IMAGE, WITHIN)), (AT_ONCE, FOUND), (review("judged"), (REVIEWER,))):
        assert opened(Reader.STRANGER, paths, entry, [INTENT, entry]) == ()


def test_an_auditor_opens_everything():
    assert opened(Reader.AUDITOR, (CASE, WHY, IMAGE, REVIEWER, *FOUND), HELD, [INTENT, HELD]) == (CASE, WHY, IMAGE, REVIEWER, *FOUND)


def test_an_ombudsman_opens_the_case_and_who_judged_but_never_who_was_found_nor_whose_picture_was_sent():
    assert opened(Reader.OMBUDSMAN, (CASE, WHY, IMAGE, WITHIN), INTENT, [INTENT]) == (CASE, WHY, WITHIN)
    assert opened(Reader.OMBUDSMAN, FOUND, AT_ONCE, [INTENT, AT_ONCE]) == ()
    assert opened(Reader.OMBUDSMAN, (REVIEWER,), review("judged"), [INTENT]) == (REVIEWER,)


def test_a_client_opens_what_it_said_itself_and_never_who_judged():
    assert opened(Reader.CLIENT, (CASE, WHY, IMAGE, WITHIN), INTENT, [INTENT]) == (CASE, WHY, IMAGE)
    assert opened(Reader.CLIENT, (REVIEWER,), review("released", 0), [INTENT, review("released", 0)]) == ()


def test_a_client_sees_at_once_what_was_released_at_once():
    assert opened(Reader.CLIENT, FOUND, AT_ONCE, [INTENT, AT_ONCE]) == FOUND


@pytest.mark.parametrize(
    "story", [[], [review("judged", 0, 1)], [review("withheld")], [review("withheld", 0, 1)], [review("released", 0)], [review("released")]]
)
def test_a_client_does_not_see_what_people_have_not_confirmed_whole(story):
    assert not shown(Reader.CLIENT, HELD, [INTENT, HELD, *story])
    assert opened(Reader.CLIENT, FOUND, HELD, [INTENT, HELD, *story]) == ()


def test_a_client_sees_what_people_have_confirmed_whole():
    assert opened(Reader.CLIENT, FOUND, HELD, [INTENT, HELD, review("released", 0, 1)]) == FOUND


@pytest.mark.parametrize("entry", [review("claimed"), review("judged"), {"kind": "log-read"}, {"kind": "something-new"}, {}])
def test_what_is_not_named_is_not_shown_to_a_client(entry):
    assert not shown(Reader.CLIENT, entry, [INTENT, entry])


@pytest.mark.parametrize(
    "path", ["/facts/request/gallery/owner", "/something/new", "/by", "/subject", "/candidates/x/subject", "", "case/ref"]
)
def test_a_path_that_is_not_named_opens_to_auditors_alone(path):
    for reader in (Reader.CLIENT, Reader.OMBUDSMAN, Reader.STRANGER):
        assert opened(reader, (path,), INTENT, [INTENT]) == ()
