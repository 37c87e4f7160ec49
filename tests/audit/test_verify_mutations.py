"""The gate: an honest export passes, and each of over a thousand spoilt ones is refused, by our verifier and by Go's libraries.

The Go side is built from tests/audit/independent with Debian's golang-go and golang-golang-x-mod-dev, without a network."""

import shutil
from pathlib import Path

import pytest

from gateway.audit.note import Cosigner, Note, Signature
from gateway.audit.submission import with_signatures
from gateway.audit.verify import verify_export
from tests.audit.goverifier import GoVerifier, build
from tests.audit.mutations import Scene, bits, flipped
from tests.audit.respelling import STRUCTURAL

FLIPS = 1000
SEED = 20261123


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return Scene.set(tmp_path_factory.mktemp("scene"))


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return build(tmp_path_factory.mktemp("go"))


@pytest.fixture(scope="module")
def older(scene):
    path = scene.export.parent / "older"
    path.write_bytes(scene.older)
    return path


@pytest.fixture(scope="module")
def go(program, scene, older):
    with GoVerifier(program, "-key", scene.log.key.text(), "-since", older) as verifier:
        yield verifier


def ours(scene: Scene, export: Path) -> bool:
    return verify_export(export, scene.log.key, scene.older).ok


def spoilt(scene: Scene, name: str, folder: Path) -> Path:
    export = folder / "export"
    shutil.copytree(scene.export, export)
    STRUCTURAL[name](export, scene)
    return export


def test_the_honest_export_passes(scene):
    report = verify_export(scene.export, scene.log.key, scene.older)
    assert report.ok
    assert (report.size, report.since, report.exit_status) == (311, 281, 0)


def test_the_independent_verifier_accepts_the_honest_export(scene, go):
    assert go.accepts(scene.export)


def test_each_of_a_thousand_flipped_bits_is_noticed(scene):
    missed = []
    for path, bit in bits(scene.export, FLIPS, SEED):
        with flipped(path, bit):
            if ours(scene, scene.export):
                missed.append((path, bit))
    assert missed == []
    assert ours(scene, scene.export)


def test_the_independent_verifier_notices_each_of_a_thousand_flipped_bits(scene, go):
    missed = []
    for path, bit in bits(scene.export, FLIPS, SEED):
        with flipped(path, bit):
            if go.accepts(scene.export):
                missed.append((path, bit))
    assert missed == []
    assert go.accepts(scene.export)


def test_there_are_at_least_fifty_changes_of_structure():
    assert len(STRUCTURAL) >= 50


@pytest.mark.parametrize("name", STRUCTURAL)
def test_each_change_of_structure_is_noticed(scene, name, tmp_path):
    report = verify_export(spoilt(scene, name, tmp_path), scene.log.key, scene.older)
    assert report.exit_status == 1
    assert report.first is not None
    assert report.first.sentence


@pytest.mark.parametrize("name", STRUCTURAL)
def test_the_independent_verifier_notices_each_change_of_structure(scene, go, name, tmp_path):
    assert not go.accepts(spoilt(scene, name, tmp_path))


def test_the_independent_verifier_checks_cosignatures(program, scene, tmp_path):
    witness, stranger = Cosigner.generate("witness.test/w1"), Cosigner.generate("witness.test/w1")
    export = tmp_path / "export"
    shutil.copytree(scene.export, export)
    checkpoint = scene.log.checkpoint()
    text = Note.parse(checkpoint).text
    with GoVerifier(program, "-key", scene.log.key.text(), "-witness", witness.key.text()) as go:
        assert not go.accepts(export)
        (export / "checkpoint").write_bytes(with_signatures(checkpoint, [stranger.cosign(text, 1679315147)]))
        assert not go.accepts(export)
        (export / "checkpoint").write_bytes(with_signatures(checkpoint, [witness.cosign(text, 1679315147)]))
        assert go.accepts(export)


def test_a_false_signature_beside_the_true_one_of_the_same_key_is_noticed(scene, tmp_path):
    """Go's note package skips a second line of one key unread; nobody else should have to know that."""
    export = tmp_path / "export"
    shutil.copytree(scene.export, export)
    note = Note.parse((export / "checkpoint").read_bytes())
    false = Signature(note.signatures[0].name, note.signatures[0].key_id, bytes(64))
    (export / "checkpoint").write_bytes(Note(note.text, (*note.signatures, false)).encode())
    first = verify_export(export, scene.log.key, scene.older).first
    assert first is not None
    assert first.code == "signature-invalid"
