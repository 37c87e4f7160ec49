"""The tlog-policy file, and when a checkpoint counts as witnessed."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.note import Checkpoint, Cosigner, NoteError, NoteSigner, Signature, sign_note
from gateway.audit.quorum import PolicyError, TrustPolicy, quorum_met
from gateway.audit.submission import with_signatures

LOG = NoteSigner.generate("custodes.test/log")
NAMES = ("X1", "X2", "X3", "Y1", "Y2", "Y3")
COSIGNERS = {name: Cosigner.generate(f"witness.test/{name}") for name in NAMES}
WITNESSES = "".join(f"witness {name} {COSIGNERS[name].key.text()} https://{name.lower()}.test/\n" for name in NAMES)
# The example of the specification, with keys in place of <vkey>.
EXAMPLE = f"""log {LOG.key.text()}

{WITNESSES}
group X-witnesses 2 X1 X2 X3
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CHECKPOINT = Checkpoint("custodes.test/log", 7, bytes(32))


def cosigned(**ages):
    """The checkpoint with cosignatures that are so many seconds old."""
    lines = [COSIGNERS[name].cosign(CHECKPOINT.text(), int(NOW.timestamp()) - age) for name, age in ages.items()]
    return with_signatures(sign_note(CHECKPOINT.text(), LOG), lines)


def test_the_specifications_example_is_read():
    policy = TrustPolicy.parse(EXAMPLE.encode())
    assert policy.logs == (LOG.key,)
    assert {name: witness.key for name, witness in policy.witnesses.items()} == {name: COSIGNERS[name].key for name in NAMES}
    assert policy.witnesses["X1"].url == "https://x1.test/"
    assert policy.groups["X-witnesses"].threshold == 2
    assert policy.quorum == "X-and-Y"


@pytest.mark.parametrize(
    ("names", "met"),
    [("", False), ("X1 X2", False), ("Y1 Y2 Y3", False), ("X1 Y1", False), ("X1 X2 Y1", True), ("X1 X3 Y3", True), (" ".join(NAMES), True)],
)
def test_the_examples_quorum_is_two_of_one_group_and_one_of_the_other(names, met):
    assert TrustPolicy.parse(EXAMPLE.encode()).witnessed(names.split()) is met


def test_the_name_of_a_group_is_no_cosignature():
    assert not TrustPolicy.parse(EXAMPLE.encode()).witnessed(["X-witnesses", "Y-witnesses", "X-and-Y"])


def test_a_quorum_of_none_is_met_by_nobody():
    assert TrustPolicy.parse(b"quorum none\n").witnessed([])


def test_a_quorum_may_be_a_single_witness():
    policy = TrustPolicy.parse(f"{WITNESSES}quorum X2".encode())
    assert policy.witnessed(["X2"])
    assert not policy.witnessed(["X1", "X3"])


def test_comments_tabs_and_blank_lines_are_passed_over_and_names_may_be_any_bytes():
    raw = (
        b"# a comment \xff\n\t\n \twitness\t\xe2\x84\xaa " + COSIGNERS["X1"].key.text().encode() + b" \n  # another\nquorum \xe2\x84\xaa\n"
    )
    policy = TrustPolicy.parse(raw)
    assert policy.witnessed(policy.witnesses)
    with pytest.raises(PolicyError):
        TrustPolicy.parse(raw.replace(b"quorum \xe2\x84\xaa", b"quorum K"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "quorum\n",
        "quorum none none\n",
        "quorum none\nquorum none\n",
        "quorum X1\n",
        "quorum X1\n" + WITNESSES,
        "Quorum none\n",
        "unknown line\nquorum none\n",
        "log\nquorum none\n",
        "log rubbish\nquorum none\n",
        f"log {LOG.key.text()} a b\nquorum none\n",
        f"log {COSIGNERS['X1'].key.text()}\nquorum none\n",
        f"log {LOG.key.text()}\nlog {LOG.key.text()}\nquorum none\n",
        f"witness X1 {LOG.key.text()}\nquorum X1\n",
        f"witness none {COSIGNERS['X1'].key.text()}\nquorum none\n",
        f"witness X1 {COSIGNERS['X1'].key.text()}\nwitness X1 {COSIGNERS['X2'].key.text()}\nquorum X1\n",
        f"witness X1 {COSIGNERS['X1'].key.text()}\nwitness X2 {COSIGNERS['X1'].key.text()}\nquorum X1\n",
        f"{WITNESSES}group X1 any X2\nquorum X1\n",
        f"{WITNESSES}group G any\nquorum G\n",
        f"{WITNESSES}group G 0 X1\nquorum G\n",
        f"{WITNESSES}group G 2 X1\nquorum G\n",
        f"{WITNESSES}group G 01 X1\nquorum G\n",
        f"{WITNESSES}group G -1 X1\nquorum G\n",
        f"{WITNESSES}group G most X1\nquorum G\n",
        f"{WITNESSES}group G any none\nquorum G\n",
        f"{WITNESSES}group G any G\nquorum G\n",
        f"{WITNESSES}group G any X1 X1\nquorum G\n",
        f"{WITNESSES}group G any X1\ngroup H any X1\nquorum G\n",
        f"{WITNESSES}group G any H\ngroup H any X1\nquorum G\n",
        "quorum none\x00\n",
        "quorum none\r\n",
        "quorum none\x7f\n",
        "quorum none\n" + "#" * (1 << 20),
    ],
    ids=count(),
)
def test_a_policy_that_is_not_well_formed_is_refused(text):
    with pytest.raises(PolicyError):
        TrustPolicy.parse(text.encode())


def test_the_refusal_names_the_line():
    with pytest.raises(PolicyError, match="line 3"):
        TrustPolicy.parse(b"# one\n\nrubbish\nquorum none\n")


@given(st.binary(max_size=200))
def test_rubbish_is_refused_as_a_policy_and_nothing_else_happens(raw):
    with pytest.raises(PolicyError):
        TrustPolicy.parse(raw.replace(b"quorum", b""))


def test_limits_of_implementations_are_not_below_those_that_are_recommended():
    cosigners = [Cosigner.generate(f"witness.test/{number}") for number in range(32)]
    lines = [f"witness w{number} {cosigner.key.text()}" for number, cosigner in enumerate(cosigners)]
    lines += [f"log {NoteSigner.generate(f'log.test/{number}').key.text()}" for number in range(32)]
    lines += [f"group g{number} all w{number}" + (f" g{number - 1}" if number else "") for number in range(32)]
    policy = TrustPolicy.parse("\n".join([*lines, "quorum g31"]).encode())
    assert policy.witnessed([f"w{number}" for number in range(32)])
    assert not policy.witnessed([f"w{number}" for number in range(1, 32)])


def test_fresh_cosignatures_make_a_quorum_and_stale_ones_do_not():
    policy = TrustPolicy.parse(EXAMPLE.encode())
    checkpoint = cosigned(X1=10, X2=20, Y1=300)
    assert quorum_met(policy, checkpoint, NOW, timedelta(seconds=300)).met
    late = quorum_met(policy, checkpoint, NOW, timedelta(seconds=299))
    assert (late.met, set(late.cosigned)) == (False, {"X1", "X2"})
    assert quorum_met(policy, checkpoint, NOW + timedelta(days=9), None).met


def test_a_cosignature_from_the_future_does_not_stay_fresh_for_ever():
    policy = TrustPolicy.parse(f"{WITNESSES}quorum X1".encode())
    assert quorum_met(policy, cosigned(X1=-60), NOW, timedelta(seconds=10)).met
    assert not quorum_met(policy, cosigned(X1=-3600), NOW, timedelta(seconds=10)).met


def test_a_checkpoint_without_the_witnesses_is_not_witnessed():
    policy = TrustPolicy.parse(EXAMPLE.encode())
    assert quorum_met(policy, cosigned(), NOW, None).cosigned == {}
    assert not quorum_met(policy, cosigned(), NOW, None).met


def test_a_false_or_malformed_checkpoint_is_an_error_and_never_a_quorum():
    policy = TrustPolicy.parse(f"{WITNESSES}quorum X1".encode())
    true = COSIGNERS["X1"].cosign(CHECKPOINT.text(), int(NOW.timestamp()))
    false = Signature(true.name, true.key_id, true.blob[:-1] + bytes([true.blob[-1] ^ 1]))
    for checkpoint in (with_signatures(cosigned(), [false]), b"", b"rubbish"):
        with pytest.raises(NoteError):
            quorum_met(policy, checkpoint, NOW, None)
