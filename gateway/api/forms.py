"""A multipart form that is read part by part, so that its declaration can be judged before its images arrive. Never decodes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from gateway.api.body_limits import BodyLimits, check_size, deadline
from gateway.api.declaration import PART_LIMIT
from gateway.enforcement.images import BodyRefused, Images

_PARTS: Final = ("declaration", "image", "reference")


@dataclass(slots=True)
class FormBody:
    """A multipart form: `declaration` (JSON) may come first, then `image` and, for a comparison, `reference`."""

    boundary: bytes
    chunks: AsyncIterator[bytes]
    limits: BodyLimits
    _parts: dict[str, bytearray] = field(default_factory=dict)
    _finished: list[str] = field(default_factory=list)
    _header: tuple[bytearray, bytearray] = field(default_factory=lambda: (bytearray(), bytearray()))
    _current: str = ""
    _parser: MultipartParser | None = None

    async def declaration(self) -> bytes | None:
        """Return the first part if it is the declaration, having read no further than it. Raises BodyRefused."""
        async with deadline(self.limits):
            async for chunk in self.chunks:
                self._feed(chunk)
                named = next(iter(self._parts), None)
                if named is not None and named != "declaration":
                    return None
                if self._finished:
                    return bytes(self._parts["declaration"])
        return None

    async def images(self) -> Images:
        """Read on to the end and return the images. Raises BodyRefused."""
        async with deadline(self.limits):
            async for chunk in self.chunks:
                self._feed(chunk)
        if set(self._finished) != set(self._parts):
            raise BodyRefused("The multipart form is cut off.", code="body-mismatch")
        if "image" not in self._parts:
            raise BodyRefused("The form has no part named 'image'.", code="image-missing")
        for name in ("image", "reference"):
            check_size(self._parts.get(name, b"?"), self.limits.image_bytes)
        reference = self._parts.get("reference")
        return Images(bytes(self._parts["image"]), None if reference is None else bytes(reference))

    def _feed(self, chunk: bytes) -> None:
        if self._parser is None:
            self._parser = self._new_parser()
        try:
            self._parser.write(chunk)
        except FormParserError as fault:
            raise BodyRefused("The body is not the multipart form that its Content-Type promises.", code="body-mismatch") from fault

    def _new_parser(self) -> MultipartParser:
        return MultipartParser(
            self.boundary,
            {
                "on_part_begin": self._part_begins,
                "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                "on_header_end": self._header_ends,
                "on_headers_finished": self._headers_end,
                "on_part_data": self._part_grows,
                "on_part_end": lambda: self._finished.append(self._current),
            },
            max_size=2 * self.limits.image_bytes + 2 * PART_LIMIT,
        )

    def _part_begins(self) -> None:
        self._current = ""

    def _header_ends(self) -> None:
        name, value = (bytes(text) for text in self._header)
        if name.strip().lower() == b"content-disposition":
            self._current = parse_options_header(value)[1].get(b"name", b"").decode("latin-1")
        for text in self._header:
            text.clear()

    def _headers_end(self) -> None:
        name = self._current
        if name not in _PARTS or name in self._parts or (name == "declaration" and self._parts):
            raise BodyRefused("The form takes 'declaration' first, then 'image' and 'reference', each once.")
        self._parts[name] = bytearray()

    def _part_grows(self, data: bytes, start: int, end: int) -> None:
        most = PART_LIMIT if self._current == "declaration" else self.limits.image_bytes
        part = self._parts[self._current]
        if len(part) + end - start > most:
            raise BodyRefused(f"The part {self._current!r} is larger than {most} bytes.", code="body-too-large")
        part += data[start:end]
