"""What an applicant promises is data: which sentence, in which edition, is asked of whom, and what exactly was read when it was given."""

import hashlib
from dataclasses import replace

import pytest

from gateway.registry.acknowledgements import Promises, shipped
from gateway.registry.errors import Malformed
from gateway.registry.licences import Licences
from policies.vocabulary import Vocabulary
from tests.gateway.registry.conftest import NOON, Register

EVERYBODY = ("no_mass_surveillance", "purpose_bound", "human_review", "not_sole_basis", "everything_logged", "may_be_suspended")
# A sentence that people have acknowledged never changes under the same edition: give it the next one, and add its digest here.
READ = {
    "no_mass_surveillance": "4682c7abc4f2a4f372011546ebc9e03cc3f445fe2f0e747d5f0e6c190568b662",
    "purpose_bound": "1ee57fd24a8f284e68bd0a6ba834f4da42a41974efdbf1b9a90c8b1a532039e3",
    "human_review": "f56d6fc5a09953aed505be6d2c1e808746a04dcf51e9b67310db5ecd987066c8",
    "not_sole_basis": "7ea36d6d83c365cf623b03131634773b96a92c867c7651492e5c865475a89911",
    "everything_logged": "98a89c061791faaa4794f94576aec75473bf372f5d9df507c362b4c14d4bbb33",
    "may_be_suspended": "9e19e20322e366921c6ced83ee7f725b6996df03705f6a1f5691805ed3eff421",
    "authorised_first": "c255a1defd37533fae7bfc5d7b03e846a967701a96a862b2d1a05b00199de091",
    "live_within_its_paper": "78eaafec2fb614358d7a789b9577fac45399a44c08b9ed4edacc55a0d375003c",
    "enrolled_are_told": "1df190a8c41474ab6e97d4eb622ba142af2308938a03b5562a058c1bbd5e7c3a",
    "another_way_remains": "5a48c9653813107db65b861d695078e616dcde9de76f45a343ff6b07a53e247f",
}


def asked(kind: str, *grants: str) -> set[str]:
    return {promise.name for promise in shipped().asked(kind, grants)} - set(EVERYBODY)


def test_some_promises_are_asked_of_everybody_even_for_a_licence_that_grants_nothing() -> None:
    assert {promise.name for promise in shipped().asked("ngo_victim", ())} == set(EVERYBODY)


def test_what_else_is_asked_depends_on_purpose_and_operation() -> None:
    assert asked("ngo_victim", "missing_person:identify") == set()
    assert asked("police_local", "criminal_investigation:identify") == {"authorised_first"}
    assert asked("police_local", "wanted_person:live_identify") == {"authorised_first", "live_within_its_paper"}
    assert asked("company", "access_control:verify", "access_control:enroll") == {"another_way_remains", "enrolled_are_told"}


def test_a_promise_is_asked_where_one_and_the_same_grant_fits_all_that_it_names() -> None:
    promises = Promises.read('[p]\nedition=1\nsentence="s"\nclient_kinds=["company"]\npurposes=["workplace"]\noperations=["enroll"]')
    assert promises.asked("company", ("workplace:enroll",))
    assert not promises.asked("company", ("workplace:verify", "access_control:enroll"))
    assert not promises.asked("media", ("workplace:enroll",))


def test_every_word_of_the_file_is_one_of_the_vocabulary() -> None:
    words = Vocabulary.shipped()
    for promise in shipped().by_name.values():
        assert promise.client_kinds <= words.clients.keys()
        assert promise.purposes <= words.purposes.keys()
        assert promise.operations <= words.operations.keys()


def test_no_sentence_changes_under_an_edition_that_somebody_may_have_read() -> None:
    assert {promise.said: promise.digest for promise in shipped().by_name.values()} == READ


def test_the_record_says_who_promised_what_when_and_in_which_words_and_the_seal_holds_it(register: Register) -> None:
    applied = register.licences.apply("ngo", register.terms(), EVERYBODY, by="client:ngo")
    first = shipped().by_name["everything_logged"]
    assert applied.acknowledged is not None
    assert (applied.acknowledged["by"], applied.acknowledged["at"]) == ("client:ngo", "2026-11-23T12:00:00.000000Z")
    text = {"name": first.name, "edition": 1, "sha256": hashlib.sha256(first.sentence.encode()).hexdigest()}
    assert text in applied.acknowledged["texts"]
    granted = register.licences.grant(applied.id, "registrar")
    sealed = register.seal.open(granted.sealed())
    assert (sealed["acknowledgements"], sealed["applied_by"]) == (applied.acknowledged["texts"], "client:ngo")


def test_a_text_that_changed_is_asked_for_again_at_the_next_application_and_no_licence_is_touched(register: Register) -> None:
    standing = register.licences.grant(register.licences.apply("ngo", register.terms(), EVERYBODY, by="ngo").id, "registrar")
    old = shipped().by_name
    changed = Promises({**old, "human_review": replace(old["human_review"], edition=2, sentence="Two trained people look.")})
    after = Licences(register.database, register.clock, register.words, register.seal, changed)
    for said in (EVERYBODY, (*EVERYBODY, "human_review@1")):
        with pytest.raises(Malformed, match="human_review@2") as refused:
            after.apply("ngo", register.terms(), said, by="ngo")
        assert refused.value.field == "acknowledgements"
    read = tuple("human_review@2" if name == "human_review" else name for name in EVERYBODY)
    texts = after.apply("ngo", register.terms(), read, by="ngo").acknowledged["texts"]  # type: ignore[index]  # it is there
    assert [text["edition"] for text in texts if text["name"] == "human_review"] == [2]
    assert after.get(standing.id).state_at(NOON) == "granted"


@pytest.mark.parametrize(
    "said", ["", "purpose_bound@", "purpose_bound@0", "purpose_bound@2", "purpose_bound@01", "purpose-bound", "@1", "\ud800"]
)
def test_a_promise_that_nobody_asks_for_is_refused(register: Register, said: str) -> None:
    with pytest.raises(Malformed):
        register.licences.apply("ngo", register.terms(), (*EVERYBODY, said), by="ngo")


def test_more_than_is_asked_may_be_promised_and_is_kept(register: Register) -> None:
    applied = register.licences.apply("ngo", register.terms(), (*EVERYBODY, "authorised_first", "purpose_bound@1"), by="ngo")
    assert applied.acknowledged is not None
    assert len(applied.acknowledged["texts"]) == 7


def test_a_sub_licence_asks_its_new_holder_for_what_its_own_grants_ask(register: Register) -> None:
    grants = ("criminal_investigation:identify", "missing_person:identify")
    parent = register.licence("ngo", may_sublicense=True, galleries=(), grants=grants)
    with pytest.raises(Malformed, match="authorised_first"):
        register.licences.sublicense("ngo", parent.id, "police", register.terms(galleries=(), grants=grants), EVERYBODY)
    narrow = register.terms(galleries=(), grants=("missing_person:identify",))
    assert register.licences.sublicense("ngo", parent.id, "police", narrow, EVERYBODY).state == "granted"


def test_what_was_recorded_before_there_were_editions_is_shown_without_a_digest(register: Register) -> None:
    applied = register.licences.apply("ngo", register.terms(), EVERYBODY, by="ngo")
    with register.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE licences SET acknowledgements = '[\"human_review\"]'")
    assert register.licences.get(applied.id).acknowledged == {
        "by": "ngo", "at": "2026-11-23T12:00:00.000000Z", "texts": [{"name": "human_review"}],
    }  # fmt: skip
