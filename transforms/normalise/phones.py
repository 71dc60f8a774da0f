"""Phones: taken apart, and brought to E.164 by libphonenumber's rules."""

from __future__ import annotations

import re

import numpy as np
import phonenumbers
import polars as pl

from transforms.columns.cleaning import cleaned, once, position, repaired
from transforms.columns.parallel import each
from transforms.normalise.phone_plans import TOO_FEW_OR_MANY, decided
from transforms.schema.contact import EXTENSION_WORDS
from transforms.schema.tables import PHONES, REPAIRS, conform

_SEPARATORS = r"\s*(?: ::: |;|\n|\s+or\s+|\s+/\s+|,)\s*"
_EXTENSION = r"(?i)\s*;\s*ext=\s*"
_NAMED = r"(?i)^(tel|phone|p|t|m):\s*"
_BESIDE = (
    rf"(?i)\s*(?:[,;]\s*(?:,|ext(?:ension|n)?\b\.?|x)|\b(?:{EXTENSION_WORDS})\b\.?)"
    r"\s*(\d{1,7})#?\s*$"
)
"""Pattern of an extension behind a comma, or after a word for it that the library does not know."""
_MORE = r"[^0-9+() .-]|\.0+$"
"""Pattern of cells that may hold more than a number."""
_POINT_ZERO = r"^(\+?\d{7,})\.0+$"
"""Pattern of a number that a spreadsheet held as a decimal."""
_WORDS_BEHIND = r"^(\+?[\d(][\d\s()./–-]{4,}\d\)?)[\s,(\[–-]+\p{L}[^\d]*$"
"""Pattern of a number with words behind it; a number in letters (`1-800-FLOWERS`) has fewer digits before them."""
_EXTENDED = r"^([+(\d][\d ().-]*\d\)?)[ \t,]*(?i:e?xt(?:ensio)?n?|x|#)[:.]?[ \t,-]*(\d{1,9})#?$"
"""Pattern of a number and its extension as libphonenumber parts them, in the spellings of nearly all."""
_FEWEST_DIGITS = 7
"""Digits of a number that words may stand behind, at least."""
_SLASH = r"\d\)?\s+/\s+\(?\+?\d"
_RUINED = re.compile(r"\+?\d([.,]\d+)?e\+?\d+", re.IGNORECASE)
_COUNTING = r"0?1234567(?:8(?:9(?:0(?:\d{1,2})?)?)?)?|(?:9?8)?7654321(?:0)?"
NOT_A_NUMBER = "a placeholder, not a number"
_PARSED = dict.fromkeys(("e164", "country", "kind", "extension", "problem"), pl.String)
_Parsed = tuple[str | None, str | None, str | None, str | None, str | None]


def phones(cells: pl.DataFrame) -> pl.DataFrame:
    """The phones of records, as `phones_and_repeats` has them."""
    return phones_and_repeats(cells)[0]


def phones_and_repeats(cells: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The phones of records, one row each, and the cells that say one of them again.

    Args:
        cells: `record`, `position`, `value`, `tag`, and `country`: the country (ISO 3166 alpha-2) a number without a
            country code is taken to be in, or null.

    Returns:
        `PHONES`: `phone` as cleaned, `e164`, `country`, `kind` and `extension` where the number is valid, else the
        `problem`; no number twice in a record. The others as `REPAIRS`.
    """
    split = cells.select("record", "position", "tag", "value", region="country", given=cleaned(pl.col("value")))
    split = split.drop_nulls("given")
    several = split["given"].str.contains(_MORE)
    if several.any():
        split = pl.concat(
            [split.filter(~several).with_columns(phone="given", cell="given"), _taken_apart(split.filter(several))]
        )
        split = split.sort("record", "position", maintain_order=True)
    else:
        split = split.with_columns(phone="given", cell="given")
    frame = pl.concat([split, _parsed(split.select("phone", "region"))], how="horizontal")
    identity, problem = frame["e164"], frame["problem"]
    odd, extended = identity.is_null().arg_true(), frame["extension"].is_not_null().arg_true()
    if len(odd):
        unknown = frame["phone"].gather(odd)
        identity = identity.scatter(odd, unknown.str.replace_all(r"\D", ""))
        problem = problem.scatter(odd.filter(_are_placeholders(unknown)), NOT_A_NUMBER)
    if len(extended):
        identity = identity.scatter(extended, identity.gather(extended) + ";" + frame["extension"].gather(extended))
    frame = frame.with_columns(
        problem=problem,
        identity=identity,
        repaired=repaired(frame["value"], frame["cell"]) | (frame["given"] != frame["phone"]),
    )
    frame, again = once(frame, "identity")
    number = pl.when(pl.col("problem").is_null()).then(pl.col("phone"))
    again = again.join(frame, on=["record", "given"], how="anti", maintain_order="left")
    repeats = again.select(
        "record",
        "given",
        value=pl.coalesce("e164", number),
        field=pl.lit("phone"),
        repair=pl.lit("the same phone again"),
    )
    return conform(frame.with_columns(position=position(), phone=number), PHONES), conform(repeats, REPAIRS)


def _are_placeholders(phones: pl.Series) -> pl.Series:
    """Marks of numbers that are one digit again and again, or count: `0000000000`, `+1 555 555 5555`."""
    again = "|".join(rf"{digit}{{6,}}" for digit in range(10))
    return phones.str.replace_all(r"[^\d+]", "").str.contains(rf"^(?:\+?\d{{1,3}})??(?:{again}|{_COUNTING})$")


def _taken_apart(cells: pl.DataFrame) -> pl.DataFrame:
    """Cells that may hold several numbers, or more than a number, as one row a number.

    A slash between blanks parts two numbers, but not where the whole is a number and a part of it is none.
    """
    whole = (
        pl.col("given")
        .str.replace(_POINT_ZERO, "$1")
        .str.replace_all(_EXTENSION, " ext. ")
        .str.replace(_BESIDE, " ext. $1")
    )
    cells = cells.with_columns(cell="given", given=whole)
    cells = cells.with_columns(given=_without_slashes(cells))
    return (
        cells.with_columns(pl.col("given").str.replace_all(_SEPARATORS, "\x1f").str.split("\x1f"))
        .explode("given")
        .with_columns(given=pl.col("given").str.strip_chars())
        .with_columns(phone=_without_words(pl.col("given").str.replace(_NAMED, "").str.strip_chars()))
        .filter(pl.col("phone") != "")
        .select(*cells.drop("cell").columns, "phone", "cell")
    )


def _without_words(phone: pl.Expr) -> pl.Expr:
    """Numbers without the words behind them (`030 1234567 Bob`)."""
    bare = phone.str.extract(_WORDS_BEHIND)
    is_number = bare.str.count_matches(r"\d") >= _FEWEST_DIGITS
    return pl.when(is_number.fill_null(value=False)).then(bare).otherwise(phone)


def _without_slashes(cells: pl.DataFrame) -> pl.Series:
    """The cells, without slashes that stand within one number (`030 / 12345678`)."""
    given = cells["given"]
    at = given.str.contains(_SLASH).arg_true()
    if at.is_empty():
        return given
    slashed = cells.select("region", phone="given")[at].with_row_index("of")
    joined = slashed.with_columns(pl.col("phone").str.replace_all(r"\s+/\s+", " "))
    parts = slashed.with_columns(pl.col("phone").str.split(" / ")).explode("phone")
    is_whole = _parsed(joined.select("phone", "region"))["e164"].is_not_null()
    valid = _parsed(parts.select("phone", "region"))["e164"].is_not_null()
    all_parts = parts.with_columns(valid=valid).group_by("of", maintain_order=True).agg(pl.col("valid").all())["valid"]
    chosen = (is_whole & ~all_parts).arg_true()
    return given.scatter(at.gather(chosen), joined["phone"].gather(chosen))


def _parsed(numbers: pl.DataFrame) -> pl.DataFrame:
    """`e164`, `country`, `kind`, `extension`, `problem` of numbers (`phone`, `region`), as the library says.

    The common spellings are decided in columns; the library is asked about the others.
    """
    bare, extension = numbers, pl.Series([None], dtype=pl.String).new_from_index(0, len(numbers))
    extended = numbers["phone"].str.contains(_EXTENDED).arg_true()
    if len(extended):
        parts = numbers["phone"].gather(extended)
        bare = numbers.with_columns(numbers["phone"].scatter(extended, parts.str.extract(_EXTENDED, 1)))
        extension = extension.scatter(extended, parts.str.extract(_EXTENDED, 2))
    known = decided(bare)
    own = extension.gather(known["place"])
    known = known.with_columns(extension=own.set(known["e164"].is_null(), None)).select("place", *_PARSED)
    is_known = np.zeros(len(numbers), dtype=np.bool_)
    is_known[known["place"].to_numpy()] = True
    odd = numbers.with_row_index("place").filter(~pl.Series(is_known))
    if odd.is_empty():
        return known.drop("place")
    different = odd.select("phone", "region").unique()
    answers = pl.DataFrame(each(_parse, list(different.iter_rows())), schema=_PARSED, orient="row")
    answers = odd.join(
        pl.concat([different, answers], how="horizontal"), on=["phone", "region"], nulls_equal=True, how="left"
    )
    return pl.concat([known, answers.select(known.columns)]).sort("place").drop("place")


_RUIN: _Parsed = (None, None, None, None, "digits lost by a spreadsheet (scientific notation)")


def _parse(number: tuple[str, str | None]) -> _Parsed:
    phone, region = number
    if _RUINED.fullmatch(phone):
        return _RUIN
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
