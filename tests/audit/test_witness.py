"""A witness answers as tlog-witness says, and never signs two histories of one log."""

import hashlib
import sqlite3
import threading
from datetime import UTC, datetime
from itertools import count

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.note import Checkpoint, Cosigner, Note, NoteSigner, open_checkpoint, sign_note
from gateway.audit.submission import Submission, SubmissionError, read_cosignatures, read_size, with_signatures
from gateway.audit.tree import EMPTY_ROOT, consistency_proof, leaf_hash
from gateway.audit.witness import Verdict, Witness, WitnessUnavailable
from tests.audit.honest import ORIGIN, HonestLog

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
COSIGNER = Cosigner.generate("witness.test/w1")


class Log:
    """A log as its own submitter sees it: any size it ever had, and the proofs between them."""

    def __init__(self, size, signer=None, salt=b""):
        self.signer = signer or NoteSigner.generate(ORIGIN)
        self.nodes, self.roots = {}, [EMPTY_ROOT]
        log = HonestLog(self.signer)
        for number in range(size):
            for level, index, node in log.edge.append(leaf_hash(salt + number.to_bytes(4, "big"))):
                self.nodes[level, index] = node
            self.roots.append(log.edge.root())

    def checkpoint(self, size):
        return sign_note(Checkpoint(ORIGIN, size, self.roots[size]).text(), self.signer)

    def submission(self, old, new):
        return Submission(old, consistency_proof(old, new, lambda *place: self.nodes[place]), self.checkpoint(new)).encode()


@pytest.fixture
def log():
    return Log(40)


@pytest.fixture
def witness(log, tmp_path):
    with Witness(tmp_path / "witness.db", [COSIGNER], {ORIGIN: [log.signer.key]}.get, lambda: NOW) as witness:
        yield witness


def verdicts(witness, *bodies):
    return [witness.add_checkpoint(body).verdict for body in bodies]


def test_a_growing_log_is_cosigned_at_each_size_that_it_shows(log, witness):
    steps = [(0, 0), (0, 1), (1, 7), (7, 7), (7, 32), (32, 40)]
    assert verdicts(witness, *(log.submission(old, new) for old, new in steps)) == [Verdict.COSIGNED] * 6


def test_the_answer_is_a_cosignature_of_the_witness_at_its_own_time(log, witness):
    answer = witness.add_checkpoint(log.submission(0, 7))
    lines = read_cosignatures(answer.body.encode(), log.checkpoint(7), [COSIGNER.key])
    published = with_signatures(log.checkpoint(7), lines)
    assert [one.time for one in Note.parse(published).verified_by([COSIGNER.key])] == [int(NOW.timestamp())]
    assert open_checkpoint(published, log.signer.key).size == 7


def test_a_witness_with_two_keys_signs_with_both(log, tmp_path):
    second = Cosigner(COSIGNER.key.name, MLDSA44PrivateKey.generate())
    with Witness(tmp_path / "two.db", [COSIGNER, second], {ORIGIN: [log.signer.key]}.get, lambda: NOW) as witness:
        body = witness.add_checkpoint(log.submission(0, 7)).body
    assert len(read_cosignatures(body.encode(), log.checkpoint(7), [COSIGNER.key, second.key])) == 2


def test_an_old_size_that_is_not_the_latest_is_a_conflict_and_the_latest_is_said(log, witness):
    witness.add_checkpoint(log.submission(0, 7))
    for old, new in ((0, 40), (3, 40), (8, 40)):
        answer = witness.add_checkpoint(log.submission(old, new))
        assert (answer.verdict, read_size(answer.body.encode())) == (Verdict.CONFLICT, 7)


def test_the_same_size_with_another_root_is_never_signed(log, witness):
    fork = Log(40, log.signer, b"fork")
    assert verdicts(witness, log.submission(0, 7), fork.submission(7, 7)) == [Verdict.COSIGNED, Verdict.INCONSISTENT]
    assert verdicts(witness, log.submission(7, 7)) == [Verdict.COSIGNED]


def test_a_fork_is_never_signed_whatever_proof_comes_with_it(log, witness):
    fork = Log(40, log.signer, b"fork")
    honest, forked = Submission.parse(log.submission(7, 40)), Submission.parse(fork.submission(7, 40))
    witness.add_checkpoint(log.submission(0, 7))
    bodies = [
        Submission(7, proof, checkpoint).encode()
        for proof, checkpoint in (
            (forked.proof, forked.checkpoint),
            (honest.proof, forked.checkpoint),
            (forked.proof, honest.checkpoint),
            ((), honest.checkpoint),
            (honest.proof[:-1], honest.checkpoint),
            ((*honest.proof, bytes(32)), honest.checkpoint),
            (tuple(reversed(honest.proof)), honest.checkpoint),
        )
    ]
    assert verdicts(witness, *bodies) == [Verdict.INCONSISTENT] * 7
    assert verdicts(witness, log.submission(7, 40)) == [Verdict.COSIGNED]


def test_a_first_submission_carries_no_proof(log, witness):
    assert verdicts(witness, Submission(0, (bytes(32),), log.checkpoint(7)).encode()) == [Verdict.INCONSISTENT]


def test_an_empty_tree_with_a_root_of_its_own_invention_is_refused(log, witness):
    invented = sign_note(Checkpoint(ORIGIN, 0, bytes(32)).text(), log.signer)
    assert verdicts(witness, Submission(0, (), invented).encode()) == [Verdict.INCONSISTENT]


def test_a_log_that_is_not_watched_is_unknown(log, witness):
    stranger = NoteSigner.generate("elsewhere.test/log")
    body = Submission(0, (), sign_note(Checkpoint("elsewhere.test/log", 1, log.roots[1]).text(), stranger)).encode()
    assert verdicts(witness, body) == [Verdict.UNKNOWN_LOG]


def test_a_checkpoint_that_none_of_the_logs_keys_signed_is_refused(log, witness):
    thief = Log(40)
    forged = Note.parse(thief.checkpoint(7)).signatures[0]
    claimed = type(forged)(forged.name, log.signer.key.key_id, forged.blob)
    text = Note.parse(log.checkpoint(7)).text
    for checkpoint in (thief.checkpoint(7), Note(text, (claimed,)).encode()):
        assert verdicts(witness, Submission(0, (), checkpoint).encode()) == [Verdict.NOT_SIGNED]


def test_either_of_two_keys_of_a_log_may_sign_while_keys_change(log, tmp_path):
    new = NoteSigner.generate(ORIGIN)
    with Witness(tmp_path / "w.db", [COSIGNER], {ORIGIN: [log.signer.key, new.key]}.get, lambda: NOW) as witness:
        assert verdicts(witness, log.submission(0, 7), Log(40, new).submission(7, 40)) == [Verdict.COSIGNED] * 2


def test_an_old_size_above_the_new_one_is_malformed(log, witness):
    assert verdicts(witness, Submission(8, (), log.checkpoint(7)).encode()) == [Verdict.MALFORMED]


GOOD = Log(8)
BODY = GOOD.submission(3, 8).decode()


@pytest.mark.parametrize(
    "body",
    [
        "",
        BODY.replace("old 3", "old 03"),
        BODY.replace("old 3", "old -3"),
        BODY.replace("old 3", "old  3"),
        BODY.replace("old 3", "Old 3"),
        BODY.replace("old 3", "old"),
        BODY.replace("old 3\n", ""),
        BODY.replace("\n", "\r\n"),
        BODY.replace("\n\n", "\n", 1),
        "old 3\n" + "A" * 43 + "=\n" + "not base64\n" + BODY.partition("\n\n")[2],
        "old 3\nAAAA\n\n" + BODY.partition("\n\n")[2],
        "old 3\n" + ("A" * 43 + "=\n") * 64 + "\n" + BODY.partition("\n\n")[2],
        "old 3\n\nno checkpoint",
        "old 3\n\n" + "x" * (1 << 21),
    ],
    ids=count(),
)
def test_a_malformed_submission_is_said_to_be(body, witness):
    assert verdicts(witness, body.encode()) == [Verdict.MALFORMED]


@given(st.binary(max_size=300))
def test_rubbish_is_refused_as_a_submission_and_nothing_else_happens(raw):
    with pytest.raises(SubmissionError):
        Submission.parse(raw)
    with pytest.raises(SubmissionError):
        read_size(b"x" + raw)
    with pytest.raises(SubmissionError):
        read_cosignatures(raw, GOOD.checkpoint(7), [COSIGNER.key])


def test_a_submission_is_read_as_it_was_written():
    submission = Submission.parse(BODY.encode())
    assert (submission.old, submission.checkpoint, submission.encode()) == (3, GOOD.checkpoint(8), BODY.encode())


def test_the_specifications_example_of_a_body_is_read():
    hashes = ("PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=", "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=")
    checkpoint = GOOD.checkpoint(8).decode()
    submission = Submission.parse(f"old 20852014\n{hashes[0]}\n{hashes[1]}\n\n{checkpoint}".encode())
    assert (submission.old, [one.hex()[:8] for one in submission.proof]) == (20852014, ["3e544d0a", "8eb2590e"])


def test_what_was_cosigned_is_remembered_by_the_next_witness_on_the_same_memory(log, tmp_path):
    for size in (7, 8):
        with Witness(tmp_path / "w.db", [COSIGNER], {ORIGIN: [log.signer.key]}.get, lambda: NOW) as witness:
            assert verdicts(witness, log.submission(size - 1 if size == 8 else 0, size)) == [Verdict.COSIGNED]


def test_monitors_see_the_newest_cosigned_checkpoint_and_nothing_a_submitter_added(log, witness):
    digest = hashlib.sha256(ORIGIN.encode()).hexdigest()
    assert witness.latest(digest) is None
    stranger = NoteSigner.generate("stranger.test")
    submission = Submission.parse(log.submission(0, 7))
    decorated = with_signatures(submission.checkpoint, [stranger.sign(Note.parse(submission.checkpoint).text)])
    witness.add_checkpoint(Submission(0, (), decorated).encode())
    note = Note.parse(witness.latest(digest))
    assert [line.name for line in note.signatures] == [ORIGIN, COSIGNER.key.name]
    assert witness.latest("0" * 64) is None


def test_a_witness_that_cannot_remember_does_not_sign(log, tmp_path):
    witness = Witness(tmp_path / "w.db", [COSIGNER], {ORIGIN: [log.signer.key]}.get, lambda: NOW)
    other = sqlite3.connect(tmp_path / "w.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    witness._memory.execute("PRAGMA busy_timeout = 10")
    with pytest.raises(WitnessUnavailable):
        witness.add_checkpoint(log.submission(0, 7))
    other.execute("ROLLBACK")
    other.execute("DROP TABLE latest")
    with pytest.raises(WitnessUnavailable):
        witness.add_checkpoint(log.submission(0, 7))
    witness.close()
    with pytest.raises(WitnessUnavailable):
        witness.add_checkpoint(log.submission(0, 7))
    (tmp_path / "not a database").write_bytes(b"x" * 5000)
    with pytest.raises(WitnessUnavailable):
        Witness(tmp_path / "not a database", [COSIGNER], {}.get, lambda: NOW)


def test_of_many_submissions_at_once_only_one_history_is_signed(log, tmp_path):
    """The race that the specification warns of: forks of one size compete from many threads and two witness processes' worth of memory."""
    forks = [Log(9, log.signer, bytes([number])) for number in range(16)]
    keys = {ORIGIN: [log.signer.key]}.get
    first, second = (Witness(tmp_path / "w.db", [COSIGNER], keys, lambda: NOW) for _ in range(2))
    answers, start = [], threading.Barrier(len(forks))

    def submit(number):
        start.wait()
        answers.append((first, second)[number % 2].add_checkpoint(forks[number].submission(0, 9)).verdict)

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(len(forks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first.close()
    second.close()
    assert sorted(answer.value for answer in answers) == ["conflict"] * 15 + ["cosigned"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 12), st.integers(0, 12)), max_size=12))
def test_whatever_is_submitted_no_two_signed_checkpoints_contradict_each_other(tmp_path_factory, steps):
    signer = NoteSigner.generate(ORIGIN)
    logs = (Log(12, signer), Log(12, signer, b"fork"))
    signed = [(0, EMPTY_ROOT)]
    with Witness(tmp_path_factory.mktemp("w") / "w.db", [COSIGNER], {ORIGIN: [signer.key]}.get, lambda: NOW) as witness:
        for forked, one, other in steps:
            log, (old, new) = logs[forked], sorted((one, other))
            if witness.add_checkpoint(log.submission(old, new)).verdict is Verdict.COSIGNED:
                assert new >= signed[-1][0]
                signed.append((new, log.roots[new]))
    assert any(all(log.roots[size] == root for size, root in signed) for log in logs)


def test_the_time_is_asked_for_at_each_cosignature(log, tmp_path):
    seconds = count(1000)
    with Witness(
        tmp_path / "w.db", [COSIGNER], {ORIGIN: [log.signer.key]}.get, lambda: datetime.fromtimestamp(next(seconds), UTC)
    ) as witness:
        times = []
        for old, new in ((0, 7), (7, 9)):
            lines = read_cosignatures(witness.add_checkpoint(log.submission(old, new)).body.encode(), log.checkpoint(new), [COSIGNER.key])
            times.append(int.from_bytes(lines[0].blob[:8], "big"))
    assert times == [1000, 1001]


def test_an_answer_without_the_expected_witness_is_refused(log, witness):
    answer = witness.add_checkpoint(log.submission(0, 7)).body.encode()
    stranger = Cosigner.generate("witness.test/w9")
    with pytest.raises(SubmissionError):
        read_cosignatures(answer, log.checkpoint(7), [stranger.key])
    mixed = stranger.cosign(Note.parse(log.checkpoint(7)).text, 5).line().encode() + answer
    assert [line.name for line in read_cosignatures(mixed, log.checkpoint(7), [COSIGNER.key])] == [COSIGNER.key.name]
