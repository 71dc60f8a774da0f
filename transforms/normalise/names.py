"""Names: one column taken apart, and folded keys for comparing."""

from __future__ import annotations

from functools import cache
from importlib import resources

import ftfy
import polars as pl
from cleanco import termdata
from nameparser import HumanName
from nameparser.config import CONSTANTS

from transforms.columns.coding import by_value, coded
from transforms.columns.folding import folded

_TITLES = "dr|mr|mrs|ms|miss|prof|professor|sir|herr|frau|mme|mlle|sr|sra|rev|ing|dipl"
_GENERATIONS = {
    "jr": "jr",
    "junior": "jr",
    "jnr": "jr",
    "sr": "sr",
    "senior": "sr",
    "snr": "sr",
    "ii": "ii",
    "iii": "iii",
    "iv": "iv",
}
_GENERATION = r"(?i)[ ,]+(jr|junior|jnr|sr|senior|snr|ii|iii|iv)\.?$"
_SHORT_FORMS = ("sa rl", *"co ag kg ug sa bv nv oy ab as lp sl ks".split())
"""Legal forms of two letters that stand behind a company's name more often than a word of it does."""
_WORDS_TOO = {"ent", "private", "sal", "sem", "vat"}
"""Legal forms that are words of names as well."""
_SURE_FORMS = (
    "gmbh|mbh|kgaa|ohg|inc|incorporated|llc|llp|ltd|limited|corp|corporation|plc|pty|sarl|srl|sprl|bvba|ltda|sro|doo|kft|"
    "spzoo|oyj|ooo|& co|and company"
)
"""Legal forms that no person's name ends with."""
_PLAIN_NAME = r"^[\p{L}]+(?:['’-][\p{L}]+)*(?: [\p{L}]+(?:['’-][\p{L}]+)*){1,2}$"
_PARTS = ("first", "middle", "last", "suffix")


def split_full_names(names: pl.Series) -> pl.DataFrame:
    """`full_name`, `first`, `middle`, `last`, `suffix` for distinct one-column names, as nameparser takes them apart.

    Two or three plain words of which none means more than itself are taken apart at once; the library is asked about
    the others: titles, particles, suffixes, initials, `Last, First`.
    """
    words = pl.DataFrame({"full_name": names, "word": names.str.split(" ")})
    telling = words.explode("word").group_by("full_name").agg(
        plain=~(pl.col("word").str.to_lowercase().is_in(_telling_words()) | (pl.col("word").str.len_chars() < 2)).any()
    )  # fmt: skip
    words = words.join(telling, on="full_name", how="left", maintain_order="left")
    plain = words["plain"].fill_null(value=False) & names.str.contains(_PLAIN_NAME)
    simple = words.filter(plain).select(
        "full_name",
        first=pl.col("word").list.first(),
        middle=pl.when(pl.col("word").list.len() == 3).then(pl.col("word").list.get(1)),
        last=pl.col("word").list.last(),
        suffix=pl.lit(None, dtype=pl.String),
    )
    parsed = [(name, HumanName(name)) for name in names.filter(~plain)]
    western = pl.DataFrame(
        [(name, parts.first, parts.middle, parts.last, parts.suffix) for name, parts in parsed],
        schema=simple.schema,
        orient="row",
    ).with_columns(pl.col(_PARTS).replace({"": None}))
    return pl.concat([simple, western])


@cache
def _telling_words() -> list[str]:
    """Words by which a name is more than its parts in a row."""
    sets = (
        CONSTANTS.titles, CONSTANTS.first_name_titles, CONSTANTS.prefixes, CONSTANTS.suffix_acronyms,
        CONSTANTS.suffix_not_acronyms, CONSTANTS.conjunctions, CONSTANTS.bound_first_names,
    )  # fmt: skip
    return sorted({str(word).lower() for words in sets for word in words})


def are_companies(names: pl.Series) -> pl.Series:
    """Which names end with a legal form, as a company's does and no person's."""
    plain = folded(names).str.replace_all(r"['’`.]", "").str.replace_all(r"\bsp z oo\b", "spzoo")
    return plain.str.contains(rf"\S[ ,]+(?:{_SURE_FORMS})$").fill_null(value=False)


def name_keys(names: pl.DataFrame) -> pl.DataFrame:
    """Folded keys of names.

    Args:
        names: `first`, `middle`, `last`, `suffix`, `nickname`, as given.

    Returns:
        `first_key` (the first given name), `middle_key` (the rest), `last_key` (words, without particles' blanks or
        punctuation), `suffix_key` (jr, sr, ii, iii, iv), and `suffix` where it stood in the last name.
    """
    first = coded(names["first"].fill_null(names["nickname"])).by(_given)
    last = coded(names["last"]).by(folded)
    given = coded(names["suffix"]).each(lambda texts: folded(texts).str.replace_all(r"[^a-z]", ""))
    generation = given.fill_null(last.each(lambda texts: texts.str.extract(_GENERATION)))
    more = coded(names["middle"]).each(lambda texts: folded(texts).str.replace_all(r"[^a-z ]", ""))
    middle = pl.DataFrame({"a": first.each(lambda texts: texts.str.extract(r" (.*)$")), "b": more}).select(
        pl.concat_str("a", "b", separator=" ", ignore_nulls=True).str.strip_chars().replace({"": None})
    )
    return pl.DataFrame(
        {
            "first_key": first.each(lambda texts: texts.str.extract(r"^([^ ]*)").replace({"": None})),
            "middle_key": middle.to_series(),
            "last_key": last.each(_family),
            "suffix_key": generation.replace_strict(_GENERATIONS, default=None, return_dtype=pl.String),
        }
    )


def _given(names: pl.Series) -> pl.Series:
    plain = folded(names).str.replace(rf"^(?:(?:{_TITLES})\.? +)+", "")
    return plain.str.replace_all(r"[^a-z0-9 ]", "").str.strip_chars()


def _family(names: pl.Series) -> pl.Series:
    plain = names.str.replace(_GENERATION, "").str.replace_all(r"['’`.]", "").str.replace_all(r"[^a-z0-9]+", " ")
    return plain.str.strip_chars().replace({"": None})


def company_keys(companies: pl.Series) -> pl.Series:
    """FoldedPeople company names without their legal form (`Müller & Söhne GmbH` → `muller sohne`)."""
    return by_value(companies, _company_keys)


def _company_keys(companies: pl.Series) -> pl.Series:
    plain = folded(companies).str.replace_all(r"['’`.]", "").str.replace_all(r"[^a-z0-9]+", " ").str.strip_chars()
    bare = plain.str.replace(r"^the ", "").str.replace(rf"(?: (?:{_legal_forms()}))+$", "")
    return (
        pl.DataFrame({"bare": bare, "plain": plain})
        .select(pl.when(pl.col("bare") != "").then("bare").otherwise("plain").replace({"": None}))
        .to_series()
    )


@cache
def _legal_forms() -> str:
    """Legal forms as they stand in a folded name, as a pattern: those cleanco knows, without those that are words."""
    known = {
        form
        for groups in (termdata.terms_by_type, termdata.terms_by_country)
        for forms in groups.values()
        for form in forms
    }
    plain = folded(pl.Series(sorted(map(ftfy.fix_encoding, known)))).str.replace_all(r"['’`.]", "")
    plain = plain.str.replace_all(r"[^a-z0-9]+", " ").str.strip_chars().drop_nulls()
    forms = {form for form in plain if len(form) > 2 and form not in _WORDS_TOO} | set(_SHORT_FORMS)
    return "|".join(sorted(forms, key=lambda form: (-len(form), form)))


@cache
def nicknames() -> pl.DataFrame:
    """Pairs of first names that stand for each other: `low`, `high`. A name and its short form, or two short forms."""
    path = resources.files("nicknames") / "names.csv"
    forms = pl.read_csv(path.read_bytes()).select(name=pl.col("name1"), nick=pl.col("name2"))
    siblings = forms.join(forms, on="name", suffix="_other").select(name="nick", nick="nick_other")
    both = pl.concat([forms, siblings]).filter(pl.col("name") != pl.col("nick"))
    return (
        both.select(low=pl.min_horizontal("name", "nick"), high=pl.max_horizontal("name", "nick"))
        .unique()
        .sort("low", "high")
    )
