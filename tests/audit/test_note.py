"""Signed notes, checkpoints and cosignatures, against the examples of the C2SP texts and of Go's sumdb/note.

Long because it quotes the published examples whole."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.note import (
    MAX_TREE_SIZE,
    Checkpoint,
    Cosigner,
    KeyType,
    Note,
    NoteError,
    NoteSigner,
    Signature,
    VerifierKey,
    from_base64,
    from_decimal,
    open_checkpoint,
    sign_note,
)

# The example of c2sp.org/signed-note.
C2SP_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# The examples of golang.org/x/mod/sumdb/note.
GO_SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SECOND_KEY = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_LINE = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
GO_SECOND_LINE = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
# The example of c2sp.org/tlog-cosignature: a checkpoint with a witness's line (the witness's key is not published).
COSIGNED = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)
SIGNER = NoteSigner.generate("custodes.test/log")
CHECKPOINT = Checkpoint("custodes.test/log", 7, bytes(range(32)))


def test_the_example_of_the_c2sp_text_verifies():
    key = VerifierKey.parse(C2SP_KEY)
    assert [one.key for one in Note.parse(C2SP_NOTE.encode()).verified_by([key])] == [key]


def test_the_example_of_the_go_package_is_signed_byte_for_byte():
    assert sign_note(GO_TEXT, NoteSigner.parse(GO_SECRET)).decode() == f"{GO_TEXT}\n{GO_LINE}"


def test_a_note_with_two_signatures_is_verified_by_each_of_its_keys():
    note = Note.parse(f"{GO_TEXT}\n{GO_LINE}{GO_SECOND_LINE}".encode())
    keys = [VerifierKey.parse(GO_KEY), VerifierKey.parse(GO_SECOND_KEY)]
    assert [one.key for one in note.verified_by(keys)] == keys
    assert [one.key for one in note.verified_by(keys[1:])] == keys[1:]


@pytest.mark.parametrize("text", [C2SP_KEY, GO_KEY, GO_SECOND_KEY])
def test_a_verifier_key_is_written_as_it_was_read(text):
    assert VerifierKey.parse(text).text() == text


def test_a_secret_key_is_written_as_it_was_read_and_leads_to_its_public_half():
    signer = NoteSigner.parse(GO_SECRET)
    assert signer.reveal() == GO_SECRET
    assert signer.key.text() == GO_KEY


def test_the_last_empty_line_splits_the_text_from_the_signatures():
    text = "one\n\ntwo\n\n\nthree\n"
    note = Note.parse(sign_note(text, SIGNER))
    assert note.text == text
    assert note.verified_by([SIGNER.key])


def test_an_edited_text_is_refused_by_the_key_that_signed_the_original():
    with pytest.raises(NoteError) as caught:
        Note.parse(C2SP_NOTE.replace("example message", "exemplary message").encode()).verified_by([VerifierKey.parse(C2SP_KEY)])
    assert caught.value.code == "signature-invalid"


def test_a_false_signature_of_a_known_key_spoils_the_whole_note():
    note = Note.parse(f"{GO_TEXT}\n{GO_LINE}{GO_SECOND_LINE}".encode())
    false = Signature("EnochRoot", note.signatures[1].key_id, note.signatures[0].blob)
    with pytest.raises(NoteError):
        Note(note.text, (note.signatures[0], false)).verified_by([VerifierKey.parse(GO_KEY), VerifierKey.parse(GO_SECOND_KEY)])


def test_signatures_of_unknown_keys_are_passed_over_even_under_a_known_name_or_id():
    note = Note.parse(sign_note("text\n", SIGNER))
    own = note.signatures[0]
    strangers = (Signature(own.name, b"\0\0\0\0", b"x" * 64), Signature("other", own.key_id, b"x" * 64))
    assert [one.key for one in Note(note.text, (*strangers, own)).verified_by([SIGNER.key])] == [SIGNER.key]
    assert Note(note.text, strangers).verified_by([SIGNER.key]) == ()


def test_sixteen_signatures_and_more_are_accepted_and_more_than_a_hundred_are_not():
    line = Signature("stranger", b"\0\0\0\0", b"x" * 64).line()
    assert len(Note.parse(f"text\n\n{line * 100}".encode()).signatures) == 100
    with pytest.raises(NoteError):
        Note.parse(f"text\n\n{line * 101}".encode())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n" + GO_LINE.encode(),
        f"text\n\n{GO_LINE}".encode()[:-1],
        f"text\n\n{GO_LINE}\n".encode(),
        f"text\n\n{GO_LINE}rest\n".encode(),
        f"te\rxt\n\n{GO_LINE}".encode(),
        f"te\0xt\n\n{GO_LINE}".encode(),
        b"te\xffxt\n\n" + GO_LINE.encode(),
        f"text\n\n{GO_LINE}".replace("— ", "- ").encode(),
        f"text\n\n{GO_LINE}".replace("— ", "—  ").encode(),
        f"text\n\n{GO_LINE}".replace("PeterNeumann", "Peter+Neumann").encode(),
        f"text\n\n{GO_LINE}".replace("PeterNeumann", "Peter\u00a0Neumann").encode(),
        f"text\n\n{GO_LINE}".replace("PeterNeumann", "").encode(),
        f"text\n\n{GO_LINE}".replace("nAM=", "nAM").encode(),
        f"text\n\n{GO_LINE}".replace("nAM=", "nAN=").encode(),
        "text\n\n— PeterNeumann x08gow==\n".encode(),
        b"x" * (1 << 20),
    ],
)
def test_a_malformed_note_is_refused(raw):
    with pytest.raises(NoteError):
        Note.parse(raw)


@given(st.binary(max_size=200))
def test_rubbish_is_refused_as_a_note_and_nothing_else_happens(raw):
    with pytest.raises(NoteError):
        Note.parse(raw + b"\x00")
    with pytest.raises(NoteError):
        Checkpoint.parse(raw.decode("latin-1"))
    with pytest.raises(NoteError):
        VerifierKey.parse(raw.decode("latin-1"))
    with pytest.raises(NoteError):
        NoteSigner.parse(raw.decode("latin-1"))


@given(st.integers(0, len(C2SP_NOTE.encode()) * 8 - 1))
def test_any_flipped_bit_of_a_note_is_noticed(bit):
    raw = bytearray(C2SP_NOTE.encode())
    raw[bit // 8] ^= 1 << bit % 8
    try:
        verified = Note.parse(bytes(raw)).verified_by([VerifierKey.parse(C2SP_KEY)])
    except NoteError:
        verified = ()
    assert verified == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com/foo",
        C2SP_KEY[:-4],
        C2SP_KEY.replace("530d903a", "530d903b"),
        C2SP_KEY.replace("530d903a", "530D903A"),
        C2SP_KEY.replace("example.com/foo", "example.com/f o"),
        C2SP_KEY.replace("+Aek", "+Bek"),
        C2SP_KEY + "A",
        C2SP_KEY + "\n",
        "\udcff" + C2SP_KEY,
    ],
)
def test_a_malformed_or_altered_verifier_key_is_refused(text):
    with pytest.raises(NoteError):
        VerifierKey.parse(text)


def test_a_malformed_secret_is_refused_without_being_repeated():
    secret = GO_SECRET.replace("c74f20a3", "c74f20a4")
    with pytest.raises(NoteError) as caught:
        NoteSigner.parse(secret)
    assert "YEKFALVF" not in str(caught.value)


@pytest.mark.parametrize("text", ["no newline", "control\x07\n", "carriage\r\n"])
def test_a_text_that_no_note_can_carry_is_not_signed(text):
    with pytest.raises(NoteError):
        sign_note(text, SIGNER)


def test_a_checkpoint_is_written_in_three_lines_and_read_back():
    assert CHECKPOINT.text() == "custodes.test/log\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    assert Checkpoint.parse(CHECKPOINT.text()) == CHECKPOINT


def test_the_example_of_the_cosignature_text_is_read():
    note = Note.parse(COSIGNED.encode())
    checkpoint = Checkpoint.parse(note.text)
    assert (checkpoint.origin, checkpoint.size, checkpoint.root.hex()[:8]) == ("example.com/behind-the-sofa", 20852163, "0ac5186a")
    assert int.from_bytes(note.signatures[1].blob[:8], "big") == 1679315147
    assert note.encode() == COSIGNED.encode()


def test_extension_lines_are_kept():
    text = CHECKPOINT.text() + "extension\n"
    assert Checkpoint.parse(text).extensions == ("extension",)
    assert Checkpoint.parse(text).text() == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n1\n",
        CHECKPOINT.text()[:-1],
        CHECKPOINT.text() + "\n",
        CHECKPOINT.text().replace("\n7\n", "\n07\n"),
        CHECKPOINT.text().replace("\n7\n", "\n-7\n"),
        CHECKPOINT.text().replace("\n7\n", "\n+7\n"),
        CHECKPOINT.text().replace("\n7\n", "\n7 \n"),
        CHECKPOINT.text().replace("\n7\n", "\n٧\n"),
        CHECKPOINT.text().replace("\n7\n", f"\n{MAX_TREE_SIZE + 1}\n"),
        CHECKPOINT.text().replace("\n7\n", "\n\n"),
        CHECKPOINT.text().replace("Hh8=", "Hh8"),
        CHECKPOINT.text().replace("8=\n", "9=\n"),
        CHECKPOINT.text().replace("AAEC", ""),
        CHECKPOINT.text().replace("custodes.test/log", ""),
    ],
)
def test_a_malformed_checkpoint_is_refused(text):
    with pytest.raises(NoteError):
        Checkpoint.parse(text)


def test_a_checkpoint_counts_only_under_its_own_origins_key():
    raw = sign_note(CHECKPOINT.text(), SIGNER)
    assert open_checkpoint(raw, SIGNER.key) == CHECKPOINT
    stranger = NoteSigner.generate("custodes.test/other")
    for keys in ((), (stranger.key,), (NoteSigner.generate(CHECKPOINT.origin).key,)):
        with pytest.raises(NoteError) as caught:
            open_checkpoint(raw, *keys)
        assert caught.value.code == "note-unsigned"
    with pytest.raises(NoteError):
        open_checkpoint(sign_note(CHECKPOINT.text(), stranger), stranger.key)


@pytest.mark.parametrize("cosigner", [Cosigner.generate("witness.test/w1"), Cosigner("witness.test/w2", MLDSA44PrivateKey.generate())])
def test_a_cosignature_states_its_time_and_covers_text_and_time(cosigner):
    signature = cosigner.cosign(CHECKPOINT.text(), 1679315147)
    assert cosigner.key.verify(CHECKPOINT.text(), signature) == 1679315147
    later = Signature(signature.name, signature.key_id, (1679315148).to_bytes(8, "big") + signature.blob[8:])
    larger = Checkpoint(CHECKPOINT.origin, 8, CHECKPOINT.root)
    for text, line in ((CHECKPOINT.text(), later), (larger.text(), signature)):
        with pytest.raises(NoteError):
            cosigner.key.verify(text, line)


def test_the_ed25519_cosignature_signs_the_message_of_the_specification():
    cosigner = Cosigner.generate("witness.test/w1")
    blob = cosigner.cosign(CHECKPOINT.text(), 1679315147).blob
    message = "cosignature/v1\ntime 1679315147\n" + CHECKPOINT.text()
    plain = VerifierKey("x", KeyType.ED25519, cosigner.key.public)
    assert plain.verify(message, Signature("x", plain.key_id, blob[8:])) is None


def test_the_type_of_a_key_is_part_of_its_id_so_that_signatures_cannot_be_mixed_up():
    public = SIGNER.key.public
    assert VerifierKey("x", KeyType.ED25519, public).key_id != VerifierKey("x", KeyType.COSIGNATURE, public).key_id


def test_of_two_cosignatures_of_one_witness_the_newer_counts():
    cosigner = Cosigner.generate("witness.test/w1")
    lines = tuple(cosigner.cosign(CHECKPOINT.text(), time) for time in (20, 30, 10))
    assert [one.time for one in Note(CHECKPOINT.text(), lines).verified_by([cosigner.key])] == [30]


def test_a_cosignature_of_a_time_beyond_any_clock_is_refused():
    cosigner = Cosigner.generate("witness.test/w1")
    with pytest.raises(NoteError):
        cosigner.key.verify(CHECKPOINT.text(), cosigner.cosign(CHECKPOINT.text(), 1 << 63))


@pytest.mark.parametrize("cosigner", [Cosigner.generate("witness.test/w1"), Cosigner("witness.test/w2", MLDSA44PrivateKey.generate())])
def test_a_cosigners_secret_is_written_as_it_was_read_and_is_no_logs_secret(cosigner):
    secret = cosigner.reveal()
    assert Cosigner.parse(secret).key == cosigner.key
    assert Cosigner.parse(secret).reveal() == secret
    with pytest.raises(NoteError):
        NoteSigner.parse(secret)


@given(st.binary(max_size=64))
def test_base64_has_one_spelling(raw):
    text = base64.b64encode(raw).decode()
    assert from_base64(text) == raw
    for other in (text + "\n", " " + text, text.rstrip("=") + "====", text.replace("+", "-") + "!"):
        with pytest.raises(NoteError):
            from_base64(other)


@given(st.integers(0, MAX_TREE_SIZE))
def test_sizes_are_read_in_one_spelling(number):
    assert from_decimal(str(number)) == number
    for other in (f"0{number}", f"+{number}", f"{number}_0", f" {number}", f"{number}.0", f"{number}\n"):
        with pytest.raises(NoteError):
            from_decimal(other)
