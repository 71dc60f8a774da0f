"""Postal addresses: country and subdivision codes, and keys that make spellings comparable."""

from __future__ import annotations

from functools import cache

import polars as pl
import pycountry

from transforms.cells import cleaned, position
from transforms.folding import folded
from transforms.schema import ADDRESS_PARTS, ADDRESSES, conform

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
    "u.s.a.": "US",
    "deutschland": "DE",
}


def addresses(cells: pl.DataFrame) -> pl.DataFrame:
    """The addresses of records, one row each; one that says nothing is left out.

    Args:
        cells: `record`, `position`, `tag` and the parts as given.

    Returns:
        `ADDRESSES`: parts cleaned, `country` as ISO 3166 alpha-2 and `region` as ISO 3166-2 where they are known,
        and folded `street_key`, `city_key`, `postal_key`.
    """
    parts = cells.with_columns(cleaned(pl.col(part)) for part in ADDRESS_PARTS)
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
    street_key = folded(keys["street"]).str.replace_all(r"[^a-z0-9 ]", " ").str.replace_all(" +", " ").str.strip_chars()
    for word, short in _STREET_WORDS.items():
        street_key = street_key.str.replace_all(rf"\b{word}\b", short)
    return conform(
        parts.with_columns(
            region=pl.coalesce("code", "region"),
            street_key=street_key.replace({"": None}),
            city_key=folded(keys["city"]),
            postal_key=folded(keys["postal"]).str.replace_all(r"[^a-z0-9]", "").replace({"": None}),
            position=position(),
        ),
        ADDRESSES,
    )


@cache
def country_code(name: str) -> str | None:
    """ISO 3166 alpha-2 of a country's code or English name, or None."""
    known = _OTHER_COUNTRY_NAMES.get(name.casefold())
    if known:
        return known
    try:
        return str(pycountry.countries.lookup(name).alpha_2)
    except LookupError:
        return None


@cache
def _subdivisions(country: str) -> dict[str, str]:
    known = pycountry.subdivisions.get(country_code=country) or []  # type: ignore[no-untyped-call] # untyped there
    by_name = {one.name.casefold(): one.code for one in known}
    return (
        by_name
        | {one.code.partition("-")[2].casefold(): one.code for one in known}
        | {one.code.casefold(): one.code for one in known}
    )


def subdivision_code(country: str, region: str) -> str | None:
    """ISO 3166-2 of a region of a country by its code (`NY`, `US-NY`) or its name, or None."""
    return _subdivisions(country).get(region.casefold().removesuffix(f" ({country.casefold()})"))
