"""Take an evidence bundle apart into its parts, so that nothing in a zip file can grow, hide or overlap. Believes none of them."""

import io
import zipfile
from typing import Final

from gateway.audit.report import Broken

MAX_BUNDLE: Final = 64 << 20
MAX_PARTS: Final = 0xFFFF  # more would need the long form of a zip file


def unpacked(raw: bytes) -> dict[str, bytes]:
    """Return the files of a zip whose members are stored as they are, so that none can grow. Raises Broken."""
    if len(raw) > MAX_BUNDLE:
        raise Broken("bundle-malformed", "no bundle is as large as this file")
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = archive.infolist()
            if any(member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1 for member in members):
                raise Broken("bundle-malformed", "the parts of a bundle are neither compressed nor encrypted")
            if len(members) > MAX_PARTS or not all(member.filename.isascii() for member in members):
                raise Broken("bundle-malformed", f"a bundle has at most {MAX_PARTS} parts, whose names are ASCII")
            return {member.filename: _stored(archive, member) for member in members}
    except (zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, OSError, NotImplementedError, RuntimeError, EOFError) as wrong:
        raise Broken("bundle-altered", f"the zip file is damaged: {wrong}") from wrong


def _stored(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    try:
        return archive.read(member)
    except zipfile.BadZipFile as wrong:
        raise Broken("bundle-altered", f"{member.filename} is damaged: {wrong}", index_in(member.filename)) from wrong


def index_in(name: str) -> int | None:
    """Return the index of the entry that a part of a bundle is about, by the part's name; None if it is about none."""
    digits = name.partition("/")[2].partition(".")[0]
    return int(digits) if len(digits) == 12 and digits.isascii() and digits.isdigit() else None
