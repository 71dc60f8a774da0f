"""Bytes to text: the encoding of a file, found without holding the file."""

from __future__ import annotations

import codecs
import io
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, NamedTuple

from connectors.exports.code_pages import likeliest
from transforms.schema.errors import InputError

SAMPLE_BYTES = 1 << 18
STRAY_NULS = 16
"""Zero bytes that a text may have, or one in a hundred: each is taken out of its cell, and that is put on record."""
_BLOCK = 1 << 20
_MARKS = [
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
]
STRAY_BYTES = "onefold-cp1252"
"""How bytes that are no UTF-8 are read in a file that is UTF-8 else: as letters of cp1252."""


class Text(NamedTuple):
    """A text file that can be read from its beginning again and again."""

    file: BinaryIO
    encoding: str
    codec: str
    """The encoding by Python's name: one that takes the byte-order mark away, where there is one."""
    errors: str = "replace"
    """What is done with bytes that are none of its letters."""
    rival: str | None = None
    """Another encoding that is nearly as likely and gives another text."""

    def lines(self) -> Generator[str]:
        """Its lines with the ends they have: a line feed, a carriage return, or both."""
        with self._opened() as text:
            while block := text.readlines(_BLOCK):
                yield from block

    def head(self, most: int = 1 << 16) -> str:
        """Its first characters."""
        with self._opened() as text:
            return text.read(most)

    @contextmanager
    def _opened(self) -> Iterator[io.TextIOWrapper]:
        """The text from its beginning; the file stays open behind it."""
        self.file.seek(0)
        text = io.TextIOWrapper(self.file, self.codec, errors=self.errors, newline="")
        try:
            yield text
        finally:
            with suppress(ValueError):  # the file was closed before its last reader ended
                text.detach()


def known_encoding(name: str) -> str:
    """The name of a text encoding, if Python knows it.

    Raises:
        ValueError: it does not; a sentence.
    """
    try:
        "".encode(name)
    except (LookupError, ValueError, TypeError) as error:
        raise ValueError(
            f"there is no encoding {name!r}; known are for example utf-8, cp1252, cp1250, shift_jis"
        ) from error
    return name


def doubt_about(file: str, encoding: str | None, rival: str | None) -> str | None:
    """Why a person should look at how a file was read, if one should."""
    if rival is None:
        return None
    return (
        f"{file} was read as {encoding}, but {rival} is nearly as likely: "
        "look at the names, or say which it is (--encoding)"
    )


def decoded(name: str, file: BinaryIO, encoding: str | None = None) -> Text:
    """The file as text: by its byte-order mark, else as UTF-8 where all of it is, else by the likeliest code page.

    Args:
        name: the file's name for people.
        file: its bytes; one that can be read from its beginning again.
        encoding: what it was said to be in.

    Raises:
        InputError: it is empty, or no text, or not in the encoding it was said to be in.
    """
    if all(not block.strip(b"\r\n\t \x00\xef\xbb\xbf") for block in _blocks(file)):
        raise InputError(f"{name} is empty: there is nothing to import in it.")
    file.seek(0)
    sample = file.read(SAMPLE_BYTES)
    for mark, codec in _MARKS:
        if sample.startswith(mark):
            return Text(file, codec.removesuffix("-sig"), codec)
    if encoding is not None:
        _check_encoding(name, file, encoding)
        return Text(file, f"{encoding}, as was said", encoding)
    if _is_binary(sample):
        raise InputError(f"{name} is not a text table: export it again as CSV.")
    if _is_utf8(file):
        return Text(file, "utf-8", "utf-8")
    telling = _telling(file)
    if _is_nearly_utf8(telling):
        return Text(file, "utf-8, with a few bytes of cp1252", "utf-8", STRAY_BYTES)
    found = likeliest(telling)
    codec = "cp1252" if _reads_alike(file, found.codec, "cp1252") else found.codec
    return Text(file, codec, codec, rival=None if found.is_sure else found.rival)


def _check_encoding(name: str, file: BinaryIO, encoding: str) -> None:
    """Whether all of a file is in an encoding.

    Raises:
        InputError: it is not.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    try:
        for block in _blocks(file):
            line += decoder.decode(block).count("\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        line += error.object[: error.start].count(b"\n")
        raise InputError(f"{name} is not in {encoding}, as was said: line {line:,} has bytes that are none.") from error


def _is_binary(sample: bytes) -> bool:
    """Whether zero bytes are more than strays, or every few bytes, as in text of two bytes a character."""
    nuls = sample.count(b"\x00")
    return nuls > max(STRAY_NULS, len(sample) / 100) or nuls * 4 > len(sample)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while block := file.read(_BLOCK):
        yield block


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    """The letters of cp1252 in place of bytes that are no UTF-8."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", errors="replace"), error.end


codecs.register_error(STRAY_BYTES, _as_cp1252)


def _telling(file: BinaryIO) -> bytes:
    """The first lines with letters beyond ASCII, wherever in the file they stand."""
    told = bytearray()
    for block in _blocks(file):
        told += b"".join(line for line in block.splitlines(keepends=True) if not line.isascii())
        if len(told) >= SAMPLE_BYTES:
            break
    return bytes(told[:SAMPLE_BYTES])


def _is_nearly_utf8(sample: bytes) -> bool:
    """Whether all but a few letters beyond ASCII are UTF-8."""
    text = sample.decode("utf-8", errors="replace")
    strays = text.count("\ufffd")
    return strays * 2 <= sum(not letter.isascii() for letter in text) - strays


def _is_utf8(file: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in _blocks(file):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _reads_alike(file: BinaryIO, encoding: str, rival: str) -> bool:
    """Whether two code pages of one byte a character give the same text."""
    return all(
        block.decode(encoding, errors="replace") == block.decode(rival, errors="replace") for block in _blocks(file)
    )
