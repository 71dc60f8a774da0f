"""Phones: taken apart, and brought to E.164 by libphonenumber's rules."""

from __future__ import annotations

import phonenumbers
import polars as pl

from transforms.cells import cleaned, once, position, repaired
from transforms.numbering import TOO_FEW_OR_MANY, decided
from transforms.schema import PHONES, conform
from transforms.workers import each

_SEPARATORS = r"\s*(?: ::: |;|\n|\s+or\s+|\s+/\s+|,)\s*"
_EXTENSION = r"(?i)\s*;\s*ext=\s*"
_NAMED = r"(?i)^(tel|phone|p|t|m):\s*"
_RUINED = r"(?i)^\d([.,]\d+)?e\+?\d+$"
_Parsed = tuple[str | None, str | None, str | None, str | None, str | None]


def phones(cells: pl.DataFrame) -> pl.DataFrame:
    """The phones of records, one row each.

    Args:
        cells: `record`, `position`, `value`, `tag`, and `country`: the country (ISO 3166 alpha-2) a number without a
            country code is taken to be in, or null.

    Returns:
        `PHONES`: `phone` as cleaned, `e164`, `country`, `kind` and `extension` where the number is valid, else the
        `problem`. No number twice in a record.
    """
    split = cells.select("record", "position", "tag", "value", region="country", given=cleaned(pl.col("value")))
    split = split.drop_nulls("given")
    several = split["given"].str.contains(r"[;,/\n]| or | ::: |:")
    if several.any():
        split = pl.concat(
            [split.filter(~several).with_columns(phone="given", cell="given"), _taken_apart(split.filter(several))]
        )
        split = split.sort("record", "position", maintain_order=True)
    else:
        split = split.with_columns(phone="given", cell="given")
    parsed = _parsed(split.select("phone", "region").unique(maintain_order=True))
    frame = split.join(parsed, on=["phone", "region"], how="left", nulls_equal=True, maintain_order="left")
    frame = frame.with_columns(
        identity=pl.coalesce("e164", pl.col("phone").str.replace_all(r"\D", "")),
        repaired=repaired(pl.col("value"), pl.col("cell")) | (pl.col("given") != pl.col("phone")),
    )
    return conform(
        once(frame, "identity").with_columns(
            position=position(), phone=pl.when(pl.col("problem").is_null()).then(pl.col("phone"))
        ),
        PHONES,
    )


def _taken_apart(cells: pl.DataFrame) -> pl.DataFrame:
    """Cells that may hold several numbers, or the name of one, as one row a number."""
    whole = pl.col("given").str.replace_all(_EXTENSION, " ext. ")
    return (
        cells.with_columns(cell="given", given=whole.str.replace_all(_SEPARATORS, "\x1f").str.split("\x1f"))
        .explode("given")
        .with_columns(given=pl.col("given").str.strip_chars())
        .with_columns(phone=pl.col("given").str.replace(_NAMED, "").str.strip_chars())
        .filter(pl.col("phone") != "")
        .select(*cells.columns, "phone", "cell")
    )


def _parsed(numbers: pl.DataFrame) -> pl.DataFrame:
    """`phone`, `region`, `e164`, `country`, `kind`, `extension`, `problem` for distinct numbers, as the library says.

    The common spellings are decided in columns; the library is asked about the others.
    """
    known = decided(numbers)
    odd = numbers.join(known, on=["phone", "region"], how="anti", nulls_equal=True, maintain_order="left")
    ruined = odd["phone"].str.contains(_RUINED)
    asked = odd.filter(~ruined)
    answers = each(_parse, list(asked.iter_rows()))
    rows = [(*number, *answer) for number, answer in zip(asked.iter_rows(), answers, strict=True)]
    rows += [(*number, *_RUIN) for number in odd.filter(ruined).iter_rows()]
    return pl.concat([known, pl.DataFrame(rows, schema=known.schema, orient="row")])


_RUIN: _Parsed = (None, None, None, None, "digits lost by a spreadsheet (scientific notation)")


def _parse(number: tuple[str, str | None]) -> _Parsed:
    phone, region = number
    text = "+" + phone[2:] if phone.startswith("00") else phone
    try:
        parsed = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        digits = sum(character.isdigit() for character in phone)
        if region is None and digits >= 7:
            return None, None, None, None, None
        return None, None, None, None, "not a phone number"
    if phonenumbers.is_valid_number(parsed):
        e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
        kind = phonenumbers.PhoneNumberType.to_string(phonenumbers.number_type(parsed))
        return e164, phonenumbers.region_code_for_number(parsed), kind, parsed.extension or None, None
    if phonenumbers.is_possible_number(parsed):
        return None, region, None, None, None
    return None, region, None, None, TOO_FEW_OR_MANY
