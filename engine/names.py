"""Say which names a gallery and a subject may have, so that a name can neither be a path nor forge a boundary between two names.
Knows no gallery and no subject."""

import re

_GALLERY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")
_SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}\Z")


def is_gallery_name(text: str) -> bool:
    """Say whether a gallery may be called so: letters, digits, `-` and `_`, at most 64."""
    return _GALLERY.match(text) is not None


def is_subject_name(text: str) -> bool:
    """Say whether a subject may be called so: as a gallery, and `.` and `:`, at most 128."""
    return _SUBJECT.match(text) is not None
