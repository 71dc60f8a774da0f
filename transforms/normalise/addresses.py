"""Postal addresses: country and subdivision codes, and keys that make spellings comparable."""

from __future__ import annotations

from functools import cache

import polars as pl
import pycountry
from babel import Locale

from transforms.columns.cleaning import NO_PLACE, cleaned, position
from transforms.columns.coding import by_value
from transforms.columns.folding import folded
from transforms.schema.tables import ADDRESS_PARTS, ADDRESSES, conform

_STREET_WORDS = {
    "street": "st", "avenue": "ave", "road": "rd", "boulevard": "blvd", "drive": "dr", "lane": "ln", "court": "ct",
    "place": "pl", "square": "sq", "terrace": "tce", "crescent": "cres", "circuit": "cct", "strasse": "str",
    "highway": "hwy", "parade": "pde", "close": "cl", "north": "n", "south": "s", "east": "e", "west": "w",
}  # fmt: skip
_OTHER_COUNTRY_NAMES = {
    "uk": "GB",
    "england": "GB",
    "scotland": "GB",
    "usa": "US",
    "the netherlands": "NL",
    "turkey": "TR",
}
LANGUAGES = ("en", "de", "fr", "es", "pt", "it", "nl", "sv", "he")
"""The languages that headers, countries and languages are known in."""


def addresses(cells: pl.DataFrame) -> pl.DataFrame:
    """The addresses of records, one row each; one that says nothing is left out.

    Args:
        cells: `record`, `position`, `tag` and the parts as given.

    Returns:
        `ADDRESSES`: parts cleaned, `country` as ISO 3166 alpha-2 and `region` as ISO 3166-2 where they are known,
        and folded `street_key`, `city_key`, `postal_key`.
    """
    parts = cells.with_columns(cleaned(pl.col(part), words=NO_PLACE) for part in ADDRESS_PARTS)
    parts = parts.filter(pl.any_horizontal(pl.col(part).is_not_null() for part in ADDRESS_PARTS))
    countries = {value: country_code(value) for value in parts["country"].unique().drop_nulls()}
    parts = parts.with_columns(
        country=pl.col("country").replace_strict(countries, return_dtype=pl.String, default=None)
    )
    regions = parts.select("country", "region").unique().drop_nulls()
    codes = pl.DataFrame(
        [(country, region, subdivision_code(country, region)) for country, region in regions.iter_rows()],
        schema={"country": pl.String, "region": pl.String, "code": pl.String},
        orient="row",
    )
    parts = parts.join(codes, on=["country", "region"], how="left", maintain_order="left")
    street = pl.concat_str("street", "street2", separator=" ", ignore_nulls=True)
    keys = parts.select(street=street, city="city", postal="postal_code")
    return conform(
        parts.with_columns(
            region=pl.coalesce("code", "region"),
            street_key=by_value(keys["street"], _street_keys),
            city_key=by_value(keys["city"], folded),
            postal_key=by_value(keys["postal"], _postal_keys),
            position=position(),
        ),
        ADDRESSES,
    )


def _street_keys(streets: pl.Series) -> pl.Series:
    """Folded streets with their usual words cut short. Every word stands between blanks of its own meanwhile."""
    plain = folded(streets)
    odd = plain.str.contains("[^a-z0-9 ]").arg_true()
    if len(odd):
        plain = plain.scatter(odd, plain.gather(odd).str.replace_all("[^a-z0-9]+", " "))
    words = plain.str.replace_all(" ", "  ", literal=True)
    padded = pl.select(pl.concat_str(pl.lit(" "), words, pl.lit(" "))).to_series()
    short = padded.str.replace_many({f" {word} ": f" {short} " for word, short in _STREET_WORDS.items()})
    return short.str.replace_all("  ", " ", literal=True).str.strip_chars().replace({"": None})


def _postal_keys(codes: pl.Series) -> pl.Series:
    return folded(codes).str.replace_all(r"[^a-z0-9]", "").replace({"": None})


@cache
def country_code(name: str) -> str | None:
    """ISO 3166 alpha-2 of a country's code or its name in one of `LANGUAGES`, or None."""
    text = " ".join(name.casefold().split())
    return _countries().get(text) or _countries().get(text.replace(".", "")) or _foreign_countries().get(text)


@cache
def _countries() -> dict[str, str]:
    names = {
        str(name).casefold(): country.alpha_2
        for country in pycountry.countries
        for name in (
            country.alpha_2,
            country.alpha_3,
            country.name,
            *(getattr(country, f"{kind}_name", "") for kind in ("official", "common")),
        )
        if name
    }
    return names | _OTHER_COUNTRY_NAMES


@cache
def _foreign_countries() -> dict[str, str]:
    """Names of countries in the languages that exports come in; looked for only where English does not do."""
    return {
        name.casefold(): code
        for language in LANGUAGES
        for code, name in Locale(language).territories.items()
        if pycountry.countries.get(alpha_2=code)
    }


@cache
def _subdivisions(country: str) -> dict[str, str]:
    known = pycountry.subdivisions.get(country_code=country) or []  # type: ignore[no-untyped-call] # untyped there
    by_name = {subdivision.name.casefold(): subdivision.code for subdivision in known}
    return (
        by_name
        | {subdivision.code.partition("-")[2].casefold(): subdivision.code for subdivision in known}
        | {subdivision.code.casefold(): subdivision.code for subdivision in known}
    )


def subdivision_code(country: str, region: str) -> str | None:
    """ISO 3166-2 of a region of a country by its code (`NY`, `US-NY`) or its name, or None."""
    return _subdivisions(country).get(region.casefold().removesuffix(f" ({country.casefold()})"))
