"""Which code page a text without a mark is in, by what its letters do in names and places of the languages it is for.

A code page gives every byte a letter, so that several read a file without an error; but only in the right one do the
letters stand where a language has them. Pairs of letters are counted in the names and towns that the package Faker
knows of each language, and in the words of Babel; a code page is as likely as the words it makes of the bytes.
"""

from __future__ import annotations

import importlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from babel import Locale, UnknownLocaleError

CODE_PAGES: Mapping[str, tuple[str, ...]] = {
    "cp1252": (
        "de_DE",
        "fr_FR",
        "es_ES",
        "pt_PT",
        "pt_BR",
        "it_IT",
        "nl_NL",
        "sv_SE",
        "da_DK",
        "no_NO",
        "fi_FI",
        "is_IS",
    ),
    "cp1250": ("pl_PL", "cs_CZ", "sk_SK", "hu_HU", "sl_SI", "hr_HR", "ro_RO"),
    "cp1251": ("ru_RU", "uk_UA", "bg_BG"),
    "cp1253": ("el_GR",),
    "cp1254": ("tr_TR",),
    "cp1255": ("he_IL",),
    "cp1256": ("ar_AA", "fa_IR"),
    "cp1257": ("lt_LT", "lv_LV", "et_EE"),
    "cp850": ("de_DE", "fr_FR", "es_ES", "pt_PT", "it_IT", "da_DK", "sv_SE"),
    "cp852": ("pl_PL", "cs_CZ", "hu_HU"),
    "cp866": ("ru_RU",),
    "koi8_r": ("ru_RU",),
    "iso8859_2": ("pl_PL", "cs_CZ", "sk_SK", "hu_HU", "hr_HR", "ro_RO"),
    "iso8859_5": ("ru_RU",),
    "mac_roman": ("de_DE", "fr_FR", "es_ES", "pt_PT", "it_IT", "sv_SE", "da_DK"),
    "cp874": ("th_TH",),
    "cp932": ("ja_JP",),
    "euc_jp": ("ja_JP",),
    "gb18030": ("zh_CN",),
    "big5": ("zh_TW",),
    "cp949": ("ko_KR",),
}
"""Code pages, the likelier ones first, and the languages they are used for, as Faker calls them."""
SURE = 20.0
"""Bits by which the likeliest reading exceeds every other that gives another text, from which it is not in doubt."""
MOST_WORDS = 4_000
"""Different words that are looked at."""
_LISTS = ("first_name", "last_name", "cit", "street_name", "state", "countr")
_UNSEEN = 0.02
_RARER = {
    "cp1252": 0.0,
    "cp850": 10.0,
    "cp852": 10.0,
    "cp866": 10.0,
    "koi8_r": 10.0,
    "iso8859_5": 10.0,
    "mac_roman": 8.0,
}
"""Bits by which a code page is less likely than the most usual one before anything is read."""
_RARE = 4.0
_MIXED = 12.0
"""Bits that a word costs in which letters of two scripts stand together."""
_CAPITAL_WITHIN = 6.0
"""Bits that a capital letter behind a small one costs."""
_SCRIPTS = re.compile(r"[A-Za-z][^\x00-\u024f\W]|[^\x00-\u024f\W][A-Za-z]")
_SIZES = {"cp932": 7_000, "euc_jp": 7_000, "gb18030": 7_000, "big5": 13_000, "cp949": 2_400}
"""Characters that writing has in which there are thousands."""
_WORD = re.compile(rb"[A-Za-z'\x80-\xff]*[\x80-\xff][A-Za-z'\x80-\xff@-~]*")


class Likeliest(NamedTuple):
    """The likeliest code page; the next one that gives another text; and by how many bits it is less likely."""

    codec: str
    rival: str | None
    bits: float

    @property
    def is_sure(self) -> bool:
        """Whether no other reading is nearly as likely."""
        return self.bits >= SURE


def likeliest(sample: bytes) -> Likeliest:
    """The code page of bytes that are no UTF-8."""
    words = list(dict.fromkeys(_WORD.findall(sample)))[:MOST_WORDS]
    read: dict[str, tuple[float, str]] = {}
    for codec, languages in CODE_PAGES.items():
        try:
            decoded = [word.decode(codec) for word in words]
        except UnicodeDecodeError:
            continue
        text = "\n".join(decoded)
        of_each = [_bits(decoded, language, _SIZES.get(codec, 0)) for language in languages]
        bits = sum(max(of_word) - math.log2(len(languages)) for of_word in zip(*of_each, strict=True))
        read[codec] = (bits - _RARER.get(codec, _RARE), text)
    if not read:
        return Likeliest("cp1252", None, 0.0)
    order = sorted(read, key=lambda codec: -read[codec][0])
    best = order[0]
    rival = next((codec for codec in order[1:] if read[codec][1] != read[best][1]), None)
    return Likeliest(best, rival, read[best][0] - read[rival][0] if rival is not None else math.inf)


def _bits(words: Iterable[str], language: str, characters: int) -> list[float]:
    """log2 of how likely each word is in a language."""
    pairs, singles = _letters(language)
    total = sum(singles.values())
    kinds = max(len(singles), characters, 60)
    of_words = []
    for word in words:
        bits = 0.0
        spelled = f" {word.lower()} "
        for one, two in pairwise(spelled):
            if one.isascii() and two.isascii():
                continue
            alone = (singles[two] + _UNSEEN) / (total + _UNSEEN * kinds)
            bits += math.log2((pairs[one + two] + 2.0 * alone) / (singles[one] + 2.0))
        capitals = sum(a.islower() and b.isupper() and not b.isascii() for a, b in pairwise(word))
        of_words.append(bits - _CAPITAL_WITHIN * capitals - _MIXED * bool(_SCRIPTS.search(word)))
    return of_words


@cache
def _letters(language: str) -> tuple[Counter[str], Counter[str]]:
    """How often each two letters stand together, and each letter, in a language's names and towns."""
    words = {word for told in (*_of_faker(language), *_of_babel(language)) for word in told.split()}
    pairs: Counter[str] = Counter()
    singles: Counter[str] = Counter()
    for word in words:
        spelled = f" {word.lower()} "
        singles.update(spelled)
        pairs.update(one + two for one, two in pairwise(spelled))
    return pairs, singles


def _of_faker(language: str) -> Iterator[str]:
    """Names and towns of a language, as far as Faker has them."""
    for kind in ("person", "address"):
        try:
            provider = importlib.import_module(f"faker.providers.{kind}.{language}").Provider
        except ModuleNotFoundError:
            continue
        for name in dir(provider):
            values = getattr(provider, name)
            if name.startswith(_LISTS) and isinstance(values, (list, tuple, dict)):
                yield from (value for value in values if isinstance(value, str))


def _of_babel(language: str) -> Iterator[str]:
    """Countries, languages, months and days in a language."""
    try:
        locale = Locale.parse(language)
    except UnknownLocaleError:
        locale = Locale.parse(language.partition("_")[0])
    yield from locale.territories.values()
    yield from locale.languages.values()
    yield from locale.months["format"]["wide"].values()
    yield from locale.days["format"]["wide"].values()
