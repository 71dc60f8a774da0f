"""Phones: taken apart, and brought to E.164 by libphonenumber's rules."""

from __future__ import annotations

import phonenumbers
import polars as pl

from transforms.cells import cleaned, position
from transforms.numbering import TOO_FEW_OR_MANY, decided
from transforms.schema import PHONES, conform

_SEPARATORS = r"\s*(?: ::: |;(?:ext=)?|\n|\s+or\s+|\s+/\s+|,)\s*"
_RUINED = r"(?i)^\d([.,]\d+)?e\+?\d+$"


def phones(cells: pl.DataFrame) -> pl.DataFrame:
    """The phones of records, one row each.

    Args:
        cells: `record`, `position`, `value`, `tag`, and `country`: the country (ISO 3166 alpha-2) a number without a
            country code is taken to be in, or null.

    Returns:
        `PHONES`: `phone` as cleaned, `e164` and `country` where the number is valid, else the `problem`. No number
        twice in a record.
    """
    split = (
        cells.select("record", "position", "tag", region="country", given=cleaned(pl.col("value")))
        .drop_nulls("given")
        .with_columns(given=pl.col("given").str.replace_all(_SEPARATORS, "\x1f").str.split("\x1f"))
        .explode("given")
        .with_columns(phone=pl.col("given").str.replace(r"(?i)^(tel|phone|p|t|m):\s*", "").str.strip_chars())
        .filter(pl.col("phone") != "")
    )
    parsed = _parsed(split.select("phone", "region").unique(maintain_order=True))
    frame = (
        split.join(parsed, on=["phone", "region"], how="left", nulls_equal=True, maintain_order="left")
        .with_columns(identity=pl.coalesce("e164", pl.col("phone").str.replace_all(r"\D", "")))
        .unique(["record", "identity"], keep="first", maintain_order=True)
        .with_columns(
            position=position(),
            phone=pl.when(pl.col("problem").is_null()).then(pl.col("phone")),
        )
    )
    return conform(frame, PHONES)


def _parsed(numbers: pl.DataFrame) -> pl.DataFrame:
    """`phone`, `region`, `e164`, `country`, `problem` for distinct numbers in their regions, as the library says.

    The common spellings are decided in columns; the library is asked about the others.
    """
    known = decided(numbers)
    odd = numbers.join(known, on=["phone", "region"], how="anti", nulls_equal=True, maintain_order="left")
    ruined = odd["phone"].str.contains(_RUINED)
    rows = [
        (phone, region, *(_ruin if bad else _parse(phone, region)))
        for (phone, region), bad in zip(odd.iter_rows(), ruined, strict=True)
    ]
    return pl.concat([known, pl.DataFrame(rows, schema=known.schema, orient="row")])


_ruin = (None, None, "digits lost by a spreadsheet (scientific notation)")


def _parse(phone: str, region: str | None) -> tuple[str | None, str | None, str | None]:
    text = "+" + phone[2:] if phone.startswith("00") else phone
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        digits = sum(character.isdigit() for character in phone)
        if region is None and digits >= 7:
            return None, None, None
        return None, None, "not a phone number"
    if phonenumbers.is_valid_number(number):
        e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        return e164, phonenumbers.region_code_for_number(number), None
    if phonenumbers.is_possible_number(number):
        return None, region, None
    return None, region, TOO_FEW_OR_MANY
