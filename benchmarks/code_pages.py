"""How often the code page of a file is found: names, towns and streets of 29 languages in the code pages used for them.

    python benchmarks/code_pages.py [FILES]

FILES files (5 when not given) are drawn for each language, code page and number of rows, of names that the package
mimesis makes. It is no dependency of the project (`pip install mimesis`), and the reader has learned nothing from it.
A file is right where its text is what was written; where it is not, it is wrong, with a warning or without one.
"""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Iterator

from mimesis import Address, Person
from mimesis.enums import Gender
from mimesis.locales import Locale

from connectors.exports.decoding import decoded

_WESTERN = ("cp1252", "iso8859_15", "cp850", "mac_roman")
_CENTRAL = ("cp1250", "iso8859_2", "cp852", "mac_latin2")
CODE_PAGES = {
    **dict.fromkeys("de de-at de-ch fr es es-mx pt pt-br it nl nl-be sv da no fi is".split(), _WESTERN),
    **dict.fromkeys("pl cs sk hu hr".split(), _CENTRAL),
    "ru": ("cp1251", "koi8_r", "cp866", "iso8859_5", "mac_cyrillic"),
    "uk": ("cp1251", "koi8_u"),
    "el": ("cp1253", "iso8859_7"),
    "tr": ("cp1254", "cp857"),
    "et": ("cp1257", "iso8859_15"),
    "ar-eg": ("cp1256",),
    "fa": ("cp1256",),
    "ja": ("cp932", "euc_jp"),
    "zh": ("gb18030",),
    "ko": ("cp949",),
}
ROWS = (20, 100, 1_000, 3_000)


def main(files: int) -> None:
    """Prints a line for each number of rows, and the files that were not right."""
    wrong: Counter[tuple[str, str, str]] = Counter()
    for rows in ROWS:
        counted: Counter[str] = Counter()
        for language, page, number in _wanted(files):
            text = _table(language, page, rows, seed=number)
            if text.isascii():
                continue
            read = decoded("people.csv", io.BytesIO(text.encode(page)))
            is_right = "".join(read.lines()) == text
            outcome = "right" if is_right else "wrong, with a warning" if read.rival else "wrong"
            counted[outcome] += 1
            counted["in doubt"] += read.rival is not None
            if not is_right:
                wrong[language, page, f"{read.codec}{' ?' if read.rival else ''}"] += 1
        files_read = counted["right"] + counted["wrong"] + counted["wrong, with a warning"]
        print(
            f"{rows:>5,} rows: {files_read} files, {counted['right'] / files_read:.2%} right, "
            f"{counted['wrong, with a warning']} wrong with a warning, {counted['wrong']} without; "
            f"{counted['in doubt']} in doubt",
            flush=True,
        )
    for (language, page, found), count in wrong.most_common():
        print(f"  {language} in {page} was read as {found}: {count}")


def _wanted(files: int) -> Iterator[tuple[str, str, int]]:
    for language, pages in CODE_PAGES.items():
        for page in pages:
            yield from ((language, page, number) for number in range(files))


def _table(language: str, page: str, rows: int, *, seed: int) -> str:
    """A table of people that can be written in a code page."""
    locale = Locale(language)
    person, address = Person(locale, seed=seed), Address(locale, seed=seed)
    lines = ["Name;Ort;Straße;E-Mail" if language.startswith("de") else "Name;City;Street;Email"]
    for number in range(rows):
        gender = Gender.FEMALE if number % 2 else Gender.MALE
        line = f"{person.full_name(gender=gender)};{address.city()};{address.street_name()};p{number}@kite.example"
        if "Ã" not in line or language.startswith("pt"):  # a few of mimesis's Danish names were read wrongly before
            lines.append(line.encode(page, errors="ignore").decode(page))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
