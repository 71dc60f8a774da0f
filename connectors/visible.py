"""Characters that a reader does not see or that move what is seen, made visible as escapes.

Names of files, headers, values and a service's error texts may hold them: an escape sequence would write to the
terminal, a bidirectional control would show a text in another order than it has.
"""

from __future__ import annotations

import unicodedata

JOINERS = "\u200c\u200d"
"""They belong to words of Persian, Sinhala and others, and to emoji."""
SHOWN_AS_THEY_ARE = "\n\t" + JOINERS
HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's categories of controls, formats, lone surrogates, and separators of lines and paragraphs."""


class _Escapes(dict[int, str]):
    """The escape of each character that is not shown, found when it is first met."""

    def __missing__(self, number: int) -> str:
        character = chr(number)
        if character in SHOWN_AS_THEY_ARE or unicodedata.category(character) not in HIDDEN:
            return self.setdefault(number, character)
        width = "x{:02x}" if number < 0x100 else "u{:04x}" if number < 0x10000 else "U{:08x}"
        return self.setdefault(number, "\\" + width.format(number))


_escapes = _Escapes()


def visible(text: str) -> str:
    """The text with control and bidirectional characters as escapes (`\\x1b`, `\\u202e`); line ends and tabs stay."""
    return text if text.isprintable() else text.translate(_escapes)
