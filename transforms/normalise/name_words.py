"""Words around a name that are none of its parts: titles, generations, joint rows, and what stands where no name is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

import polars as pl
from anyascii import anyascii
from opencc import OpenCC

_TITLES = """
mr mrs ms miss mx mister messrs sir madam madame mme mmes mlle mademoiselle monsieur messieurs herr hr frau fr
fraulein frl familie fam senor senora senorita sr sra srta srita sres dona dna signor signore signora signorina sig
sigra sig-ra sig-na senhor senhora exmo exma ilmo dhr heer mevrouw mevr mw mej fru froken herra rouva rva pan pani
panna slecna bay bayan gospodin gospoda gospodja kyrios kyria dr dra drs doktor doctor docteur dottore dottoressa dott
dott-ssa dottssa dott-sa prof profa prof-ssa profssa professor professorin professeur professore professora univ priv
doz doc docent mag maga lic licda ldo lda dipl diplom ing inz engr eng arq arch avv abg abog rag geom ir mgr bc judr
mudr mddr mvdr phdr rndr paeddr thdr csc phd med dent vet rer nat pol oec iur jur phil theol habil hab h-c techn tech
agr kfm kffr inform psych mba msc bsc mtro mtra mtre maitre me rev revd reverend father pastor pfr pfarrer imam rabbi
sor fra capt captain cpt kapt lt col maj sgt hon rt lord lady dame
""".split()
"""Titles of courtesy, learning, church and army in ten languages, folded; a hyphen stands for a point or a blank."""
_NAMES_TOO = """
fr me mag lic sig dipl ing arch eng col maj hon med dent vet rer nat pol phil pan doc univ priv doz geom rag ir sor
fra lord lady dame captain father pastor imam sr bay bc lt tech agr rt h-c
""".split()
"""Titles that are names, too, unless a point stands behind them or another title before."""


def _any_of(words: Iterable[str]) -> str:
    """A pattern of any of these words, the longest first."""
    return "|".join(sorted(words, key=lambda word: (-len(word), word))).replace("-", r"[.\s]{1,2}")


_BETWEEN = r"[.\s/-]+"
_LEADING = (
    rf"^(?:(?:{_any_of(set(_TITLES) - set(_NAMES_TOO))})(?:{_BETWEEN}|$)|(?:{_any_of(_NAMES_TOO)})\.(?:{_BETWEEN})?)"
)
_FOLLOWING = rf"^(?:{_any_of(_TITLES)})(?:{_BETWEEN}|$)"
_TITLES_AT_MOST = 6

_GENERATIONS = {
    "jr": "jr|jnr|jun|junior|d j|der jungere|fils|filho|hijo|figlio|ml|mladsi|mlodszy|the younger|den yngre|yngre",
    "sr": "sr|snr|sen|senior|d a|der altere|pere|pai|padre|st|starsi|the elder|den eldre|eldre",
    "neto": "neto|nieto|enkel|nipote|petit fils",
    "sobrinho": "sobrinho",
    "ii": "ii|2nd|the second|der zweite",
    "iii": "iii|3rd|the third",
    "iv": "iv|4th|the fourth",
    "v": "v|5th",
    "vi": "vi|6th",
}
_GENERATION_OF = {word: mark for mark, words in _GENERATIONS.items() for word in words.split("|")}
_SHORT = ("ml", "st")
"""Marks that are words, too, unless a point stands behind them."""
_MARKS = _any_of(word.replace(" ", "-") + (r"\." if word in _SHORT else "") for word in _GENERATION_OF)
GENERATION = rf"[ ,]+\(?({_MARKS})\.?\)?$"
"""Pattern of a generation behind a folded surname (`hale jr.`, `mahlsdorf d.a.`, `tavernac pere`)."""

AND = r"(?: (?:and|und|et|y|e|i|og|och|en|ja|a|ve|oder|or|u) | ?[&+/] ?)"
"""Pattern of what stands between two first names, folded."""
ORDINAL = r"(?i)\b\d+(?:st|nd|rd|th)\b"
"""Pattern of generations in digits."""
_TWO_FIRST_NAMES = rf"[a-z]\.?{AND}[a-z]{{2,}}"
FAMILY = (
    r"(?i)^(?:familie|family|famille|familia|famiglia|fam|rodina|the .+ family|messrs|eheleute|ehepaar)\b|\bfamily$|"
    rf"\b(?:mr|herr|hr|sr|sig|dhr)\b\.?{AND}(?:mrs|ms|frau|fr|mme|sra|sigra|mw)\b"
)
"""Pattern of names of families and couples: `Familie Gruber`, `Mr. and Mrs. Kent`."""
HINT_OF_FAMILY = r"(?i)fam|rodina|ehe|messrs"
"""Pattern without which no name in a single word is one of `FAMILY`."""
NOBODY = (
    "no name|noname|no nombre|sin nombre|ohne name|kein name|sans nom|senza nome|sem nome|geen naam|test test|"
    "unknown unknown|first last|first name last name|firstname lastname|vorname nachname|prenom nom|nombre apellido|"
    "name surname|name name|guest guest|anonymous anonymous|anonymous user|na na|n a|x x|xx xx|xxx xxx|a a|asdf asdf"
).split("|")
"""Folded first and last names together that stand where nobody's name is known."""
NO_GIVEN_NAME = (
    "guest|gast|huesped|ospite|invite|unknown|unbekannt|inconnu|inconnue|desconocido|sconosciuto|desconhecido|onbekend|"
    "anonymous|anonym|anonyme|anonimo|anoniem|customer|kunde|cliente|klant|user|benutzer|usuario|firstname|vorname|prenom|"
    "nombre|voornaam|noname|nobody|none|tbd|xx|xxx|xxxx|asdf"
).split("|")
"""Folded words that stand in place of a given name that is not known; some of them are surnames."""
NO_SURNAME = (
    "unknown|unbekannt|inconnu|inconnue|desconocido|sconosciuto|desconhecido|onbekend|anonymous|anonyme|anonimo|anoniem|"
    "customer|lastname|surname|nachname|apellido|achternaam|noname|nobody|tbd|xx|xxx|xxxx|asdf"
).split("|")
"""Folded words that stand in place of a surname that is not known."""


def is_title(word: str) -> bool:
    """Whether a word is a title and no name."""
    return re.sub(_LEADING, "", anyascii(word).lower()) == ""


def without_titles(first: pl.Series) -> pl.Series:
    """Folded first names without the titles before them; empty where there is nothing else.

    Points are still in them: *mag.* is a title, *mag* may be a name. What follows a title may be one without a point.
    """
    bare = first.str.replace(_LEADING, "")
    for _ in range(_TITLES_AT_MOST - 1):
        titled = bare != first
        if not titled.any():
            break
        fewer = bare.str.replace(_FOLLOWING, "")
        bare = pl.select(pl.when(titled).then(fewer).otherwise(bare)).to_series()
    return bare


@cache
def simpler() -> OpenCC:
    """The conversion of traditional Chinese characters into simplified ones."""
    return OpenCC("t2s")


def generations(last: pl.Series) -> pl.Series:
    """The generation behind folded surnames: jr, sr, ii, iii …, neto, sobrinho."""
    return generation_marks(last.str.extract(GENERATION))


def generation_marks(words: pl.Series) -> pl.Series:
    """Folded words for generations (`filho`, `d.j.`, `jun`) as one mark each; null for any other word."""
    plain = words.str.replace_all(r"[^a-z0-9]+", " ").str.strip_chars()
    return plain.replace_strict(_GENERATION_OF, default=None, return_dtype=pl.String)


def are_joint(first: pl.Series, last: pl.Series) -> pl.Series:
    """Marks of rows that stand for two people or a family, by their folded names: `john & jane`, `familie gruber`."""
    names = pl.DataFrame({"first": first, "last": last})
    whole = pl.concat_str("first", "last", separator=" ", ignore_nulls=True)
    joint = pl.col("first").str.contains(_TWO_FIRST_NAMES).fill_null(value=False) | whole.str.contains(FAMILY)
    return names.select(joint).to_series()
