"""Names: one column taken apart, and folded keys for comparing."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

import ftfy
import polars as pl
from cleanco import termdata
from nameparser import HumanName
from nameparser.config import CONSTANTS

from transforms.columns.coding import by_value, coded
from transforms.columns.folding import folded
from transforms.normalise.name_words import (
    AND,
    FAMILY,
    GENERATION,
    NO_GIVEN_NAME,
    NO_SURNAME,
    NOBODY,
    generation_marks,
    generations,
    is_title,
    without_titles,
)

_SHORT_FORMS = ("sa rl", *"co ag kg ug sa bv nv oy ab as lp sl ks".split())
"""Legal forms of two letters that stand behind a company's name more often than a word of it does."""
_WORDS_TOO = {"ent", "private", "sal", "sem", "vat"}
"""Legal forms that are words of names as well."""
_NO_COMPANY = (
    "private|privat|privatperson|prive|privato|privada|privado|particular|particulier|individual|personal|home|household|"
    "self|self employed|selfemployed|freelance|freelancer|autonomo|selbstandig|selbststandig|independent|retired|"
    "rentner|unemployed|student|none|no company|keine|keine firma|sin empresa|no|nothing|unknown|unbekannt|"
    "not applicable|not available|na|n a|tbd|test|x|xx|xxx"
).split("|")
"""Folded words that stand where somebody has no company."""
_SURE_FORMS = (
    "gmbh|mbh|kgaa|ohg|inc|incorporated|llc|llp|ltd|limited|corp|corporation|plc|pty|sarl|srl|sprl|bvba|ltda|sro|doo|kft|"
    "spzoo|oyj|ooo|& co|and company"
)
"""Legal forms that no person's name ends with."""
_BEHIND_GIVEN = r" (jr|jnr|jun|junior|sr|snr|sen|senior|ii|iii|iv)$"
_LAST_WORD = r"[ ,]([^ ,]+)$"
_CHARACTERS = r"^[\p{Han}\p{Hangul}\s]{2,6}$"
_TWO_CHARACTERS = (
    r"^(?:欧阳|歐陽|司马|司馬|上官|诸葛|諸葛|东方|東方|皇甫|尉迟|公孙|公孫|慕容|令狐|司徒|夏侯|宇文|长孙|長孫|"
    r"남궁|제갈|선우|황보)"
)
"""Family names of two characters among those of one."""
_PLAIN_NAME = r"^[\p{L}]+(?:['’-][\p{L}]+)*(?: [\p{L}]+(?:['’-][\p{L}]+)*){1,2}$"
_PARTS = ("first", "middle", "last", "suffix", "nickname")
_QUOTED = re.compile(r"[\"“”„]([^\"“”„]+)[\"“”„]|(?<!\S)['‘]([^'’‘]+)['’](?!\S)")
_BRACKETS = re.compile(r"[(\[{][^)\]}]*[)\]}]")
_SHORT_SURNAME = re.compile(r"[A-Z][a-z]{1,2}$")
"""A word that is spelled as a surname; degrees have points or capitals."""


def split_full_names(names: pl.Series) -> pl.DataFrame:
    """`full_name`, `first`, `middle`, `last`, `suffix`, `nickname` for distinct one-column names.

    Names in Chinese characters or Hangul begin with the family's. Two or three plain words of which none means more
    than itself are taken apart at once. nameparser is asked about the others: titles, particles, suffixes, initials,
    `Last, First`. A generation that it does not know (`filho`, `père`) stays behind the surname, where `name_keys`
    looks for it.
    """
    characters = names.str.contains(_CHARACTERS)
    family_first = _family_first(names.filter(characters))
    rest = names.filter(~characters)
    generation = rest.str.extract(_LAST_WORD).to_frame("word").select(_is_generation("word")).to_series()
    generation &= rest.str.count_matches(" ") >= 2
    bare = rest.zip_with(~generation, rest.str.replace(_LAST_WORD, "").str.strip_chars(" ,"))
    parts = _split_by_words(bare.unique())
    joined = pl.DataFrame({"full_name": bare, "given": rest}).join(parts, on="full_name", maintain_order="left")
    behind = joined["given"].str.extract(_LAST_WORD).zip_with(generation, pl.Series([None], dtype=pl.String))
    western = joined.select(
        pl.col("given").alias("full_name"),
        "first",
        "middle",
        pl.concat_str("last", behind.alias("behind"), separator=" ", ignore_nulls=True).replace({"": None}),
        "suffix",
        "nickname",
    )
    return pl.concat([family_first, western])


def _family_first(names: pl.Series) -> pl.DataFrame:
    """Names in characters: with a blank `family given`; without, a family name of one or, of four, two characters."""
    size = pl.col("full_name").str.len_chars()
    family = pl.when((size >= 4) | pl.col("full_name").str.contains(_TWO_CHARACTERS)).then(2).otherwise(1)
    spaced = pl.col("full_name").str.contains(r"\s")
    nothing = pl.lit(None, dtype=pl.String)
    return names.alias("full_name").to_frame().select(
        "full_name",
        first=pl.when(spaced).then(pl.col("full_name").str.extract(r"\s(.*)$"))
        .otherwise(pl.col("full_name").str.slice(family)).str.strip_chars(),
        middle=nothing,
        last=pl.when(spaced).then(pl.col("full_name").str.extract(r"^(\S+)"))
        .otherwise(pl.col("full_name").str.slice(0, family)),
        suffix=nothing,
        nickname=nothing,
    )  # fmt: skip


def _split_by_words(names: pl.Series) -> pl.DataFrame:
    """Distinct names in Latin or other letters, as `split_full_names` says; a family's is all before the last word."""
    of_families = names.str.contains(FAMILY) & names.str.contains(" ", literal=True)
    families = names.filter(of_families).alias("full_name").to_frame().select(
        "full_name",
        first=pl.col("full_name").str.extract(r"^(.*) [^ ]+$"),
        middle=pl.lit(None, dtype=pl.String),
        last=pl.col("full_name").str.extract(r" ([^ ]+)$"),
        suffix=pl.lit(None, dtype=pl.String),
        nickname=pl.lit(None, dtype=pl.String),
    )  # fmt: skip
    names = names.filter(~of_families)
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
        nickname=pl.lit(None, dtype=pl.String),
    )
    western = pl.DataFrame(
        [(name, *_parsed(name)) for name in names.filter(~plain)], schema=simple.schema, orient="row"
    ).with_columns(pl.col(_PARTS).replace({"": None}))
    return pl.concat([families, simple, western])


def _parsed(name: str) -> tuple[str, str, str, str, str]:
    """First, middle, last, suffix and nickname of a name with titles, particles, degrees, quotes or brackets.

    A word that is a title for nameparser is one where two others follow, or where it is one of courtesy (`Dr Poe`):
    *Prince Okoro* and *Earl Simmons* are people's names. *Ma* is a surname, *MA* or *M.A.* a degree.
    """
    nickname = " ".join(filter(None, (one for found in _QUOTED.findall(name) for one in found)))
    bare = _BRACKETS.sub(" ", _QUOTED.sub(" ", name)).split()
    bare = bare or name.split()
    if len(bare) == 1:
        return bare[0], "", "", "", nickname
    if len(bare) == 2 and not any("," in word for word in bare) and not is_title(bare[0]):
        return bare[0], "", bare[1], "", nickname
    behind = ""
    if len(bare) > 2 and _SHORT_SURNAME.match(bare[-1]) and bare[-1].lower() in CONSTANTS.suffix_acronyms:
        behind = bare.pop()
    parts = HumanName(" ".join(bare))
    if behind:
        return parts.first, " ".join(filter(None, (parts.middle, parts.last))), behind, parts.suffix, nickname
    return parts.first, parts.middle, parts.last, parts.suffix, nickname


def _is_generation(word: str) -> pl.Expr:
    """Whether a word behind a name is a generation that nameparser does not know."""
    plain = pl.col(word).map_batches(folded, return_dtype=pl.String).str.strip_chars(".()")
    return plain.is_in(["pere", "fils", "filho", "neto", "nieto", "hijo", "padre", "sobrinho", "sen", "jun"]).fill_null(
        value=False
    )


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
        punctuation), `suffix_key` (jr, sr, ii, iii, iv, neto …). Null where no name is meant (`No Name`, `Guest`).
    """
    spelled = names["first"].fill_null(names["nickname"])
    first = coded(spelled).by(_given)
    last = coded(names["last"]).by(folded)
    generation = coded(names["suffix"]).each(lambda texts: generation_marks(folded(texts)))
    generation = generation.fill_null(last.each(generations)).fill_null(first.each(_generation_of_given))
    more = coded(names["middle"]).each(lambda texts: folded(texts).str.replace_all(r"[^a-z]+", " ").str.strip_chars())
    given = first.by(lambda texts: texts.str.replace(_BEHIND_GIVEN, ""))
    middle = pl.DataFrame({"a": given.each(lambda texts: texts.str.extract(r" (.*)$")), "b": more}).select(
        pl.concat_str("a", "b", separator=" ", ignore_nulls=True).str.strip_chars().replace({"": None})
    )
    keys = pl.DataFrame(
        {
            "first_key": given.each(lambda texts: texts.str.extract(r"^([^ ]*)").replace({"": None})),
            "middle_key": middle.to_series(),
            "last_key": last.each(_family),
            "suffix_key": generation,
        }
    )
    whole = pl.concat_str("first_key", "middle_key", "last_key", separator=" ", ignore_nulls=True)
    is_nobody = keys.select(whole.is_in(NOBODY).fill_null(value=False)).to_series()
    if is_nobody.any():
        keys = keys.with_columns(pl.when(~is_nobody).then(pl.col(keys.columns)))
    return keys.with_columns(
        keys["first_key"].set(keys["first_key"].is_in(NO_GIVEN_NAME), None),
        keys["last_key"].set(keys["last_key"].is_in(NO_SURNAME), None),
    )


def _given(names: pl.Series) -> pl.Series:
    """Given names in words, without titles; initials written together (`J.R.`, `JR`) are words of their own."""
    apart = names.str.replace(r"^([B-DF-HJ-NP-TV-XZ])([B-DF-HJ-NP-TV-XZ])$", "$1 $2")
    plain = without_titles(folded(apart)).str.replace_all(AND, " ")
    return plain.str.replace_all(r"['’`]", "").str.replace_all(r"[^a-z0-9]+", " ").str.strip_chars()


def _generation_of_given(names: pl.Series) -> pl.Series:
    return generation_marks(names.str.extract(_BEHIND_GIVEN))


def _family(names: pl.Series) -> pl.Series:
    plain = names.str.replace(GENERATION, "").str.replace_all(r"['’`.]", "").str.replace_all(r"[^a-z0-9]+", " ")
    return plain.str.strip_chars().replace({"": None})


def company_keys(companies: pl.Series) -> pl.Series:
    """FoldedPeople company names without their legal form (`Müller & Söhne GmbH` → `muller sohne`)."""
    return by_value(companies, _company_keys)


def _company_keys(companies: pl.Series) -> pl.Series:
    plain = folded(companies).str.replace_all(r"['’`.]", "").str.replace_all(r"[^a-z0-9]+", " ").str.strip_chars()
    bare = plain.str.replace(r"^the ", "").str.replace(rf"(?: (?:{_legal_forms()}))+$", "")
    key = pl.when(pl.col("bare") != "").then("bare").otherwise("plain").replace({"": None})
    return pl.DataFrame({"bare": bare, "plain": plain}).select(pl.when(~key.is_in(_NO_COMPANY)).then(key)).to_series()


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
