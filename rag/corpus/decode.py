"""From bytes to text: detect the encoding, normalise newlines, refuse what is not text."""

from __future__ import annotations

import codecs
import re

_BOMS = (
    # UTF-32 first: its little-endian mark begins with UTF-16's.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MAX_CONTROL_SHARE = 0.01


class NotTextError(ValueError):
    """The bytes are no text; ``reason`` is ``binary`` or ``undecodable``."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def _utf16_without_mark(data: bytes) -> str | None:
    """The UTF-16 flavour whose zero bytes show through, or None.

    English text in UTF-16 has a zero in nearly every second byte; nothing else readable has.
    """
    half = max(1, len(data) // 2)
    if data[1::2].count(0) > 0.6 * half and data[0::2].count(0) < 0.05 * half:
        return "utf-16-le"
    if data[0::2].count(0) > 0.6 * half and data[1::2].count(0) < 0.05 * half:
        return "utf-16-be"
    return None


def normalise_newlines(text: str) -> str:
    r"""Make every line end a single ``\n``.

    >>> normalise_newlines("a\r\nb\rc\n")
    'a\nb\nc\n'
    """
    return text.replace("\r\n", "\n").replace("\r", "\n")


def decode(data: bytes) -> str:
    """Decode a text file; newlines come out as ``\\n``, a byte-order mark is dropped.

    Tried in turn: a byte-order mark, strict UTF-8, UTF-16 without a mark, Windows-1252 (if the
    letters are mostly plain Latin), then charset-normalizer's best guess.

    Raises:
        NotTextError: The bytes are binary, or no encoding fits.
    """
    text = _decode_raw(data)
    controls = len(_CONTROL.findall(text))
    if "\x00" in text or controls > _MAX_CONTROL_SHARE * len(text):
        raise NotTextError("binary", f"{controls} control characters")
    return normalise_newlines(text)


def _decode_raw(data: bytes) -> str:
    for mark, name in _BOMS:
        if data.startswith(mark):
            try:
                return data.decode(name)
            except UnicodeDecodeError as error:
                raise NotTextError("undecodable", f"damaged {name}: {error.reason}") from error
    flavour = _utf16_without_mark(data)
    if flavour is not None:
        try:
            return data.decode(flavour)
        except UnicodeDecodeError as error:
            raise NotTextError("undecodable", f"damaged {flavour}: {error.reason}") from error
    if b"\x00" in data:
        raise NotTextError("binary", "zero bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    text = _as_windows_1252(data)
    if text is None:
        text = _best_guess(data)
    if text is None:
        raise NotTextError("undecodable", "no known encoding fits")
    return text


def _as_windows_1252(data: bytes) -> str | None:
    """The text, if the bytes are valid and at least nine letters in ten are ASCII.

    Cyrillic or Greek in their one-byte encodings are valid Windows-1252 too, but come out as
    accented letters throughout.
    """
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return None
    letters = [c for c in text if c.isalpha()]
    plain = sum(c.isascii() for c in letters)
    return text if plain >= 0.9 * max(1, len(letters)) else None


def _best_guess(data: bytes) -> str | None:
    from charset_normalizer import from_bytes

    best = from_bytes(data).best()
    return None if best is None else str(best)
