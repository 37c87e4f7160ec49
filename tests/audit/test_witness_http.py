"""A witness as a process: tlog-witness over real sockets, with the bytes that any client could send, killed and started again."""

import hashlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from typer.testing import CliRunner

from gateway.audit.note import Checkpoint, Cosigner, Note, NoteSigner, VerifierKey, sign_note
from gateway.audit.submission import MAX_BODY_BYTES, Submission, read_cosignatures
from gateway.cli.witness import app
from tests.audit.honest import ORIGIN
from tests.audit.test_witness import Log

RUN = "from gateway.cli.main import main; main()"


def said(*words):
    return CliRunner().invoke(app, list(map(str, words)))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Serving:
    """One process of the witness in `state`."""

    def __init__(self, state):
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, "witness", "serve", "--state", state, "--port", str(self.port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, self.process.stderr.read()
            time.sleep(0.1)
        raise AssertionError("the witness did not start")

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheader("content-type"), answer.read()
        finally:
            connection.close()

    def add(self, body):
        return self.ask("POST", "/add-checkpoint", body)

    def raw(self, sent):
        """Send these bytes and return the status that comes back, as curl or nc would see it."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as wire:
            wire.sendall(sent)
            return int(wire.recv(4096).split(b" ")[1])

    def stop(self, kind=signal.SIGTERM):
        self.process.send_signal(kind)
        try:
            return self.process.wait(30)
        finally:
            self.process.stdout.close()
            self.process.stderr.close()


@pytest.fixture(scope="module")
def log():
    return Log(40)


@pytest.fixture(scope="module")
def state(log, tmp_path_factory):
    state = tmp_path_factory.mktemp("witness") / "w1"
    assert said("init", "witness.test/w1", "--state", state).exit_code == 0
    assert said("watch", log.signer.key.text(), "--state", state).exit_code == 0
    return state


@pytest.fixture(scope="module")
def key(state):
    return VerifierKey.parse(json.loads(said("key", "--state", state, "--json").stdout)["key"])


@pytest.fixture(scope="module")
def serving(state):
    serving = Serving(state)
    yield serving
    assert serving.stop() == 0


@pytest.fixture(scope="module")
def latest(serving, log, key):
    """The size that the witness has seen when the tests of refusals begin."""
    status, kind, body = serving.add(log.submission(0, 7))
    assert (status, kind) == (200, "text/plain; charset=utf-8")
    assert [line.name for line in read_cosignatures(body, log.checkpoint(7), [key])] == ["witness.test/w1"]
    return 7


def other_origin():
    stranger = NoteSigner.generate("elsewhere.test/log")
    return Submission(0, (), sign_note(Checkpoint("elsewhere.test/log", 1, bytes(32)).text(), stranger)).encode()


def test_each_refusal_has_the_status_of_the_specification(serving, log, latest):
    fork, thief = Log(40, log.signer, b"fork"), Log(40)
    honest, forked = Submission.parse(log.submission(7, 40)), Submission.parse(fork.submission(7, 40))
    cases = {
        "a stranger's log": (404, other_origin()),
        "another's key": (403, thief.submission(7, 40)),
        "old above new": (400, Submission(8, (), log.checkpoint(7)).encode()),
        "a fork": (422, forked.encode()),
        "a fork with the honest proof": (422, Submission(7, honest.proof, forked.checkpoint).encode()),
        "the same size, another root": (422, fork.submission(7, 7)),
        "no proof": (422, Submission(7, (), honest.checkpoint).encode()),
        "an empty body": (400, b""),
        "no UTF-8": (400, b"old 0\n\n\xff\xfe\n"),
        "CRLF": (400, log.submission(7, 40).replace(b"\n", b"\r\n")),
        "64 hashes": (400, b"old 7\n" + (b"A" * 43 + b"=\n") * 64 + b"\n" + log.checkpoint(40)),
    }
    for name, (status, body) in cases.items():
        assert (name, serving.add(body)[0]) == (name, status)


def test_a_rolled_back_checkpoint_is_a_conflict_that_says_the_size_and_nothing_else(serving, log, latest):
    for body in (log.submission(0, 5), log.submission(0, 40), log.submission(5, 40), Submission(0, (), log.checkpoint(0)).encode()):
        assert serving.add(body) == (409, "text/x.tlog.size", b"7\n")


def test_bytes_that_are_no_submission_get_an_answer_and_the_witness_goes_on(serving, log, latest):
    head = b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\n"
    body = log.submission(0, 40)
    assert serving.raw(head + b"Content-Length: %d\r\n\r\n" % len(body) + body) == 409
    assert serving.raw(head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n") == 409
    assert serving.raw(head + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") == 400
    assert serving.raw(b"GET /add-checkpoint HTTP/1.1\r\nHost: w\r\n\r\n") == 405
    assert serving.raw(b"POST /add-checkpoint/ HTTP/1.1\r\nHost: w\r\nContent-Length: 0\r\n\r\n") in (307, 404)
    assert serving.raw(b"\x16\x03\x01 rubbish\r\n\r\n") == 400
    assert serving.add(log.submission(0, 40))[0] == 409


def test_an_oversized_body_is_refused_before_it_is_read_and_also_if_it_hides_its_length(serving, latest):
    head = b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\n"
    assert serving.raw(head + b"Content-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1)) == 413
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    assert serving.raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + piece * (MAX_BODY_BYTES // 0x10000 + 1)) == 413


def test_monitors_see_the_newest_cosigned_checkpoint(serving, log, key, latest):
    digest = hashlib.sha256(ORIGIN.encode()).hexdigest()
    status, _kind, raw = serving.ask("GET", f"/{digest}/checkpoint")
    assert (status, [one.key for one in Note.parse(raw).verified_by([key, log.signer.key])]) == (200, [log.signer.key, key])
    assert serving.ask("GET", f"/{'0' * 64}/checkpoint")[0] == 404
    assert serving.ask("GET", "/witness.vkey")[2] == f"{key.text()}\n".encode()


def test_a_log_that_is_added_counts_at_once_and_a_broken_list_stops_the_signing(serving, state, latest):
    added = Log(3, NoteSigner.generate("added.test/log"))
    checkpoint = sign_note(Checkpoint("added.test/log", 3, added.roots[3]).text(), added.signer)
    body = Submission(0, (), checkpoint).encode()
    assert serving.add(body)[0] == 404
    assert said("watch", added.signer.key.text(), "--state", state).exit_code == 0
    assert serving.add(body)[0] == 200
    listed = (state / "logs").read_text()
    (state / "logs").write_text(listed + "witness without a key\n")
    assert serving.add(body)[0] == 503
    (state / "logs").write_text(listed)
    assert serving.add(Submission(3, (), checkpoint).encode())[0] == 200


def test_two_processes_on_one_state_sign_one_history_and_a_killed_one_forgets_nothing(log, tmp_path):
    """Sixteen forks of one size compete for two processes, which are then killed: the next process knows the one that won."""
    state = tmp_path / "w2"
    said("init", "witness.test/w2", "--state", state)
    said("watch", log.signer.key.text(), "--state", state)
    forks = [Log(9, log.signer, bytes([number])) for number in range(16)]
    both, answers, start = (Serving(state), Serving(state)), {}, threading.Barrier(len(forks))

    def submit(number):
        start.wait()
        answers[number] = both[number % 2].add(forks[number].submission(0, 9))

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(len(forks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for serving in both:
        serving.stop(signal.SIGKILL)
    assert sorted(status for status, _, _ in answers.values()) == [200] + [409] * 15
    assert {body for status, _, body in answers.values() if status == 409} == {b"9\n"}
    (won,) = (number for number, (status, _, _) in answers.items() if status == 200)
    again = Serving(state)
    assert [again.add(fork.submission(9, 9))[0] for fork in forks] == [200 if number == won else 422 for number in range(16)]
    shown = json.loads(said("show", "--state", state, "--json").stdout)
    assert [(log["origin"], log["size"]) for log in shown] == [(ORIGIN, 9)]
    assert again.stop() == 0


def test_a_witness_without_its_memory_does_not_start_and_an_emptied_memory_is_none(log, tmp_path):
    state = tmp_path / "w3"
    said("init", "witness.test/w3", "--state", state)
    assert said("init", "witness.test/w3", "--state", state).exit_code == 2
    for spoil in (lambda path: path.write_bytes(b""), lambda path: path.unlink()):
        for path in state.glob("memory.sqlite*"):
            spoil(path)
        ended = said("serve", "--state", state, "--port", free_port())
        assert (ended.exit_code, ended.stderr.split(":")[0], "Traceback" in ended.stderr) == (2, "witness-unavailable", False)
    ended = said("show", "--state", tmp_path / "nowhere")
    assert (ended.exit_code, ended.stderr.split(":")[0]) == (2, "witness-misplaced")


def test_only_a_logs_key_can_be_watched(state):
    for vkey in (Cosigner.generate("w.test/1").key.text(), "nonsense", ""):
        ended = said("watch", vkey, "--state", state)
        assert (ended.exit_code, "Traceback" in ended.stderr) == (2, False), vkey
