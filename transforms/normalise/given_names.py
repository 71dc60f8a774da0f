"""Given names: which spellings are names of their own, and which are one name spelled in two ways."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache

import polars as pl
from faker.providers import person

from transforms.columns.folding import folded

_ENDINGS = (
    "a|e|o|u|ia|ja|ya|ka|na|ne|us|os|as|is|et|in|ina|ine|een|ette|etta|ett|otta|otte|elle|ella|ita|ito|inha|inho|iana|iane|"
    "iette|illa|ille|essa|isa|ise|ova|ana|ane"
)
"""Endings that make another name of a name: *Paul*, *Paula*, *Pauline*."""
_DIMINUTIVES = "y|i|ie|ey"
"""Endings that make a short form of a name, or another name: *Tom*, *Tommy*; *Emil*, *Emily*."""
_SOUNDS = (
    (r"^(?:ph)", "f"), (r"(.)(?:ph|f|w)", "${1}v"), (r"c([eiy])", "s$1"), (r"ck|[cq]", "k"), (r"x", "ks"), (r"z", "s"),
    (r"dt", "t"),
    (r"([aou])e", "$1"), (r"(.)h", "$1"), (r"^y", "j"), (r"(.)(?:ey|ee|ie)$", "${1}i"), (r"(.)[yj]", "${1}i"),
    *((rf"{letter}{letter}+", letter) for letter in "abcdefgiklmnoprstuv"),
)  # fmt: skip
"""Spellings of one sound, and the one they are written as."""


LONG_LIST = 3_000
"""Names from which a list holds misspellings, too: a name in no other list is not taken for one."""


@cache
def known_given_names() -> pl.Series:
    """Given names of some eighty languages and countries, folded, a word each: the lists of the package Faker."""
    lists = [_listed(module.name) for module in pkgutil.iter_modules(person.__path__) if module.ispkg]
    sizes = pl.Series([len(names) for names in lists], dtype=pl.UInt32)
    every = pl.DataFrame({"list": pl.Series(range(len(lists)), dtype=pl.UInt32).repeat_by(sizes).explode()})
    names = folded(pl.Series([name for names in lists for name in names], dtype=pl.String))
    words = every.with_columns(word=names.str.replace_all(r"[^a-z0-9 ]", " ").str.split(" ")).explode("word").unique()
    words = words.with_columns(is_short=pl.len().over("list") <= LONG_LIST)
    known = words.group_by("word").agg(lists=pl.len(), is_short=pl.col("is_short").any())
    known = known.filter(pl.col("is_short") | (pl.col("lists") > 1), pl.col("word").str.len_chars() > 1)
    return known["word"].sort()


def _listed(country: str) -> list[str]:
    """The given names of a country's list."""
    provider = importlib.import_module(f"{person.__name__}.{country}").Provider
    lists = (getattr(provider, name) for name in dir(provider) if name.startswith("first_name"))
    return sorted({name for some in lists if isinstance(some, Iterable) for name in some if isinstance(name, str)})


def sounds(names: pl.Series) -> pl.Series:
    """Folded names as they sound: *Catherine* and *Katherine*, *Jon* and *John*, *Stephen* and *Steven* are equal."""
    for pattern, sound in _SOUNDS:
        names = names.str.replace_all(pattern, sound)
    return names


def are_two_names(one: pl.Series, two: pl.Series, are_nicknames: pl.Series | None = None) -> pl.Series:
    """Marks of pairs of folded spellings that are two names, not one misspelt: *Paul* and *Paula*, *Ella* and *Bella*.

    They are when both are known names that sound different, or when they differ by an ending that makes another name.

    Args:
        one, two: the spellings.
        are_nicknames: which pairs are a name and its short form: those are two names only by such an ending.
    """
    known = known_given_names().implode()
    spelled = pl.DataFrame({"one": one, "two": two, "sound": sounds(one), "sound_two": sounds(two)})
    shorter = pl.min_horizontal("one", "two")  # a name that begins another one sorts before it
    longer = pl.max_horizontal("one", "two")
    ending = pl.when(longer.str.starts_with(shorter)).then(longer.str.strip_prefix(shorter))
    begins = shorter.is_in(known) & (shorter.str.len_chars() >= 3)
    derived = begins & ending.str.contains(rf"^(?:{_ENDINGS})$").fill_null(value=False)
    diminutive = begins & ending.str.contains(rf"^(?:{_DIMINUTIVES})$").fill_null(value=False)
    stems = [pl.col(name).str.replace(rf"(?:{_ENDINGS}|{_DIMINUTIVES})$", "") for name in ("one", "two")]
    last_letters = pl.col("one").str.tail(1) != pl.col("two").str.tail(1)
    vowels = pl.all_horizontal(pl.col(name).str.contains(r"[aeiouy]$") for name in ("one", "two"))
    inflected = (stems[0] == stems[1]) & (stems[0].str.len_chars() >= 3) & last_letters & vowels
    both_known = pl.col("one").is_in(known) & pl.col("two").is_in(known)
    nick = pl.lit(value=False) if are_nicknames is None else pl.lit(are_nicknames)
    two_names = derived | (~nick & (both_known | diminutive | inflected))
    return spelled.select((pl.col("sound") != pl.col("sound_two")) & two_names).to_series()
