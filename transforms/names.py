"""Names: one column taken apart, and folded keys for comparing."""

from __future__ import annotations

import polars as pl
from nameparser import HumanName

from transforms.folding import folded

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
_LEGAL_FORMS = (
    "inc|llc|ltd|limited|corp|corporation|co|company|gmbh|ag|kg|ohg|ug|mbh|sa|sarl|sas|srl|spa|bv|nv|oy|ab|as|plc|pty|llp|"
    "lp|kft|doo|sro|ltda|lda|sl"
)


def split_full_names(names: pl.Series) -> pl.DataFrame:
    """`full_name`, `first`, `middle`, `last`, `suffix` for distinct one-column names."""
    parsed = [(name, HumanName(name)) for name in names]
    return pl.DataFrame(
        [(name, one.first, one.middle, one.last, one.suffix) for name, one in parsed],
        schema=dict.fromkeys(["full_name", "first", "middle", "last", "suffix"], pl.String),
        orient="row",
    ).with_columns(pl.col("first", "middle", "last", "suffix").replace({"": None}))


def name_keys(names: pl.DataFrame) -> pl.DataFrame:
    """Folded keys of names.

    Args:
        names: `first`, `middle`, `last`, `suffix`, `nickname`, as given.

    Returns:
        `first_key` (the first given name), `middle_key` (the rest), `last_key` (words, without particles' blanks or
        punctuation), `suffix_key` (jr, sr, ii, iii, iv), and `suffix` where it stood in the last name.
    """
    first = (
        folded(names["first"].fill_null(names["nickname"]))
        .str.replace(rf"^(?:(?:{_TITLES})\.? +)+", "")
        .str.replace_all(r"[^a-z0-9 ]", "")
        .str.strip_chars()
    )
    last = folded(names["last"])
    generation = last.str.extract(_GENERATION)
    last = last.str.replace(_GENERATION, "").str.replace_all(r"['’`.]", "").str.replace_all(r"[^a-z0-9]+", " ")
    given = folded(names["suffix"]).str.replace_all(r"[^a-z]", "")
    words = first.str.split(" ")
    more = folded(names["middle"]).str.replace_all(r"[^a-z ]", "")
    middle = pl.DataFrame({"a": words.list.slice(1).list.join(" "), "b": more}).select(
        pl.concat_str("a", "b", separator=" ", ignore_nulls=True).str.strip_chars()
    )
    return pl.DataFrame(
        {
            "first_key": words.list.first().replace({"": None}),
            "middle_key": middle.to_series().replace({"": None}),
            "last_key": last.str.strip_chars().replace({"": None}),
            "suffix_key": given.fill_null(generation).replace_strict(
                _GENERATIONS, default=None, return_dtype=pl.String
            ),
        }
    )


def company_keys(companies: pl.Series) -> pl.Series:
    """Folded company names without their legal form (`Müller & Söhne GmbH` → `muller sohne`)."""
    plain = folded(companies).str.replace_all(r"['’`.]", "").str.replace_all(r"[^a-z0-9]+", " ").str.strip_chars()
    bare = plain.str.replace(r"^the ", "").str.replace(rf"(?: (?:{_LEGAL_FORMS}))+$", "")
    return (
        pl.DataFrame({"bare": bare, "plain": plain})
        .select(pl.when(pl.col("bare") != "").then("bare").otherwise("plain").replace({"": None}))
        .to_series()
    )
