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
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple
from unicodedata import combining

import numpy as np
from babel import Locale, UnknownLocaleError

_WESTERN = (
    "de_DE", "fr_FR", "es_ES", "pt_PT", "pt_BR", "it_IT", "nl_NL", "sv_SE", "da_DK", "no_NO", "fi_FI", "is_IS",
)  # fmt: skip
_CENTRAL = ("pl_PL", "cs_CZ", "sk_SK", "hu_HU", "sl_SI", "hr_HR", "ro_RO")
_CYRILLIC = ("ru_RU", "uk_UA", "bg_BG")
_BALTIC = ("lt_LT", "lv_LV", "et_EE")
_LATIN = (*_WESTERN, *_CENTRAL, *_BALTIC, "tr_TR")
CODE_PAGES: Mapping[str, tuple[str, ...]] = {
    "cp1252": _WESTERN,
    "cp1250": _CENTRAL,
    "cp1251": _CYRILLIC,
    "cp1253": ("el_GR",),
    "cp1254": ("tr_TR",),
    "cp1255": ("he_IL",),
    "cp1256": ("ar_AA", "fa_IR"),
    "cp1257": _BALTIC,
    "iso8859_15": (*_WESTERN, "et_EE"),
    "iso8859_2": _CENTRAL,
    "iso8859_5": _CYRILLIC,
    "iso8859_6": ("ar_AA",),
    "iso8859_7": ("el_GR",),
    "iso8859_13": _BALTIC,
    "cp850": _WESTERN,
    "cp852": _CENTRAL,
    "cp857": ("tr_TR",),
    "cp737": ("el_GR",),
    "cp775": _BALTIC,
    "cp862": ("he_IL",),
    "cp866": _CYRILLIC,
    "koi8_r": ("ru_RU", "bg_BG"),
    "koi8_u": ("uk_UA",),
    "mac_roman": _WESTERN,
    "mac_latin2": _CENTRAL,
    "mac_cyrillic": _CYRILLIC,
    "mac_greek": ("el_GR",),
    "mac_turkish": ("tr_TR",),
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
MOST_WORDS = 400
"""Different words that are looked at: those with the rarest bytes first."""
_LISTS = ("first_name", "last_name", "cit", "street_name", "state", "countr")
_UNSEEN = 0.02
_RARER = {"cp1252": 0.0, "iso8859_15": 6.0} | {
    page: 10.0 for page in CODE_PAGES if page.startswith(("cp7", "cp85", "cp86", "koi8", "mac")) or page == "iso8859_5"
}
"""Bits by which a code page is less likely than the most usual one before anything is read."""
_RARE = 4.0
_ROUNDS = 12
"""Rounds in which the shares of the languages are found."""
_CONTROL = 12.0
"""Bits that a control character costs: a code page of ISO has them where others have letters."""
_MIXED = 12.0
"""Bits that a word costs in which letters of two scripts stand together."""
_CAPITAL_WITHIN = 6.0
"""Bits that a capital letter behind a small one costs."""
_SCRIPTS = re.compile(r"[A-Za-z][^\x00-\u024f\W]|[^\x00-\u024f\W][A-Za-z]")
_SIGN = 14.0
"""Bits that a sign costs which is no letter, within a word."""
_BETWEEN = "·–—"
"""Signs beyond ASCII that stand within names."""
_FOREIGN = 40.0
"""Bits by which a file is less likely that is all in languages which its code page is not made for."""
_APOSTROPHE = 6.0
"""Bits that an apostrophe of a printer costs, which languages are known without."""
_APOSTROPHES = re.compile(r"(?<=[^\W\d_])[’‘](?=[^\W\d_])")
_ASCII = 127
_CONTROLS = re.compile(r"[\x80-\x9f]")
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
    words = _telling(sample)
    read: dict[str, tuple[float, str]] = {}
    for codec, languages in CODE_PAGES.items():
        try:
            decoded = [word.decode(codec) for word in words]
        except UnicodeDecodeError:
            continue
        text = "\n".join(decoded)
        spoken = _LATIN if languages[0] in _LATIN else languages  # people of any of them stand in a file of any
        size = _SIZES.get(codec, 0)
        of_each = np.array([[_bits(word, language, size) for word in decoded] for language in spoken])
        own = np.isin(spoken, languages)
        bits = _of_mixture(of_each, own) - _CONTROL * len(_CONTROLS.findall(text))
        read[codec] = (bits - _RARER.get(codec, _RARE), text)
    if not read:
        return Likeliest("cp1252", None, 0.0)
    order = sorted(read, key=lambda codec: -read[codec][0])
    best = order[0]
    rival = next((codec for codec in order[1:] if read[codec][1] != read[best][1]), None)
    return Likeliest(best, rival, read[best][0] - read[rival][0] if rival is not None else math.inf)


def _telling(sample: bytes) -> list[bytes]:
    """Different words with letters beyond ASCII, those with the rarest bytes first."""
    words = list(dict.fromkeys(_WORD.findall(sample)))
    counted = Counter(byte for word in words for byte in set(word) if byte > _ASCII)
    return sorted(words, key=lambda word: min(counted[byte] for byte in word if byte > _ASCII))[:MOST_WORDS]


def _of_mixture(of_each: np.ndarray, own: np.ndarray) -> float:
    """log2 of how likely words are in the mixture of languages that makes them likeliest, found by EM.

    Args:
        of_each: log2 of how likely each word is in each language, a row a language.
        own: which of these languages the code page is made for; a file that is mostly in others is less likely.
    """
    shares = np.full(len(of_each), 1.0 / len(of_each))
    highest = of_each.max(axis=0, initial=-np.inf)
    likely = np.exp2(of_each - highest)
    for _ in range(_ROUNDS if len(of_each) > 1 else 0):
        joint = shares[:, None] * likely
        shares = (joint / joint.sum(axis=0)).mean(axis=1)
    words = float((highest + np.log2((shares[:, None] * likely).sum(axis=0))).sum())
    return words - math.log2(len(of_each)) - _FOREIGN * float(shares[~own].sum())


@lru_cache(1 << 16)
def _bits(word: str, language: str, characters: int) -> float:
    """log2 of how likely a word is in a language."""
    pairs, singles, total = _letters(language)
    kinds = max(len(singles), characters, 60)
    bits = -_APOSTROPHE * len(_APOSTROPHES.findall(word))
    spelled = _APOSTROPHES.sub("'", word.lower())
    for one, two in pairwise(f" {spelled} "):
        if one.isascii() and two.isascii():
            continue
        alone = (singles[two] + _UNSEEN) / (total + _UNSEEN * kinds)
        bits += math.log2((pairs[one + two] + 2.0 * alone) / (singles[one] + 2.0))
    capitals = sum(a.islower() and b.isupper() and not b.isascii() for a, b in pairwise(word))
    signs = sum(
        not (letter.isascii() or letter.isalpha() or combining(letter) or letter in _BETWEEN) for letter in spelled
    )
    return bits - _SIGN * signs - _CAPITAL_WITHIN * capitals - _MIXED * bool(_SCRIPTS.search(word))


@cache
def _letters(language: str) -> tuple[Counter[str], Counter[str], int]:
    """How often each two letters stand together, each letter, and all letters, in a language's names and towns."""
    words = {word for told in (*_of_faker(language), *_of_babel(language)) for word in told.split()}
    pairs: Counter[str] = Counter()
    singles: Counter[str] = Counter()
    for word in words:
        spelled = f" {word.lower()} "
        singles.update(spelled)
        pairs.update(one + two for one, two in pairwise(spelled))
    return pairs, singles, singles.total()


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
