"""Numbering plans in columns: libphonenumber's decisions for numbers written in the common ways, exactly.

Its own parsing takes one number at a time. Here the same steps run over whole columns, on the same metadata: which
digits are the calling code, whether a national prefix is taken off, which region a number belongs to, whether it is
valid there. What is written with anything but digits, blanks and `+().-/` is left to the library.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import NamedTuple

import polars as pl
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, SUPPORTED_REGIONS, PhoneMetadata, PhoneNumberDesc

NON_GEOGRAPHIC = "001"
TOO_FEW_OR_MANY = "not a phone number: too few or too many digits"
FEWEST_NUMBERS = 200
"""Below so many numbers of one plan its expressions cost more than the library."""
NUMBERS_A_PIECE = 100_000
_Step = Callable[[pl.DataFrame, str], tuple[str, list[pl.DataFrame]]]
LONGEST = 17
"""Digits of a national number at most; more are an error of parsing, which the library explains."""
_PLAIN = r"^[ (]*\+?[0-9 ().\-/]*$"
_SPECIAL = ("premium_rate", "toll_free", "shared_cost", "voip", "personal_number", "pager", "uan", "voicemail")
"""The types that go before fixed line and mobile, in the order in which libphonenumber asks for them."""
FIXED, MOBILE, EITHER = "FIXED_LINE", "MOBILE", "FIXED_LINE_OR_MOBILE"
_CODES = {str(code) for code in COUNTRY_CODE_TO_REGION_CODE}


class _Kind(NamedTuple):
    """Numbers of these lengths that match one of these patterns."""

    lengths: tuple[int, ...]
    pattern: str


class _Plan(NamedTuple):
    """The numbering plan of a region, from libphonenumber's metadata."""

    code: str
    international_prefix: str | None
    prefix: str | None
    groups: int
    rule: str | None
    general: _Kind
    special: tuple[tuple[str, _Kind], ...]
    any_special: tuple[_Kind, ...]
    fixed: _Kind | None
    mobile: _Kind | None
    lengths: tuple[int, ...]
    local: tuple[int, ...]
    leading: str | None


def decided(numbers: pl.DataFrame) -> pl.DataFrame:
    """Numbers decided from their digits as libphonenumber decides them; odd ones are left to it.

    Args:
        numbers: `phone`, and `region`: the country (ISO 3166 alpha-2) of a number without a calling code, or null. A
            leading `00` is taken for a `+`.

    Returns:
        The decided ones in their order: `place` (the row), `e164`, `country` and `kind` (its type) where the number is
        valid, else null and the region given, `problem` where it cannot be a number at all. The others are left out.
    """
    phone = pl.col("phone")
    text = pl.when(phone.str.starts_with("00")).then(pl.lit("+") + phone.str.slice(2)).otherwise(phone)
    frame = (
        numbers.lazy()
        .select("region", text=text, place=pl.int_range(pl.len(), dtype=pl.UInt32))
        .filter(pl.col("text").str.len_bytes() <= 60, pl.col("text").str.contains(_PLAIN))
        .select(
            "place",
            "region",
            plus=pl.col("text").str.contains("+", literal=True),
            digits=pl.col("text").str.replace_all(r"[^0-9]+", ""),
        )
        .filter(pl.col("digits").str.len_bytes().is_between(7, 20))
        .collect()
    )
    foreign = frame.filter("plus")
    home = frame.filter(~pl.col("plus"))
    nowhere = home.filter(pl.col("region").is_null())
    work: list[tuple[_Step, pl.DataFrame, str]] = [
        (_international, *group) for group in _groups(_coded(foreign), "code")
    ]
    work += [(_national, *group) for group in _groups(home, "region") if group[1] in SUPPORTED_REGIONS]
    by_code: dict[str, list[pl.DataFrame]] = {}
    with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
        for code, frames in threads.map(_done, work):
            by_code.setdefault(code, []).extend(frames)
        together = [(code, pl.concat(frames)) for code, frames in by_code.items()]
        pieces = [(piece, code) for code, whole in together for piece in whole.iter_slices(NUMBERS_A_PIECE)]
        results = list(threads.map(lambda piece: _of_country(*piece), pieces))
    nothing = _result(nowhere, pl.lit(None), pl.lit(None), pl.lit(None))
    return pl.concat([nothing, *(frame for several in results for frame in several)]).sort("place")


def _done(work: tuple[_Step, pl.DataFrame, str]) -> tuple[str, list[pl.DataFrame]]:
    step, frame, key = work
    return step(frame, key)


def _groups(frame: pl.DataFrame, column: str) -> Iterator[tuple[pl.DataFrame, str]]:
    """A frame by a column's values, in pieces; a value with so few rows that the library is quicker is left out."""
    for key, group in frame.drop_nulls(column).partition_by(column, as_dict=True).items():
        if len(group) >= FEWEST_NUMBERS:
            yield from ((piece, str(key[0])) for piece in group.iter_slices(NUMBERS_A_PIECE))


def _coded(frame: pl.DataFrame) -> pl.DataFrame:
    """Numbers behind a `+` with their calling code, and `number`, what follows it."""
    heads = [pl.col("digits").str.slice(0, length) for length in (1, 2, 3)]
    code = pl.coalesce(pl.when(head.is_in(_CODES)).then(head) for head in heads)
    return frame.with_columns(code=code).with_columns(number=pl.col("digits").str.slice(pl.col("code").str.len_bytes()))


def _international(frame: pl.DataFrame, code: str) -> tuple[str, list[pl.DataFrame]]:
    return code, [_bare(frame, _main_plan(code))]


def _national(frame: pl.DataFrame, region: str) -> tuple[str, list[pl.DataFrame]]:
    """Numbers as they are dialled in a region, maybe with its own calling code; calls abroad are not decided."""
    plan = _plan(region, 0)
    assert plan is not None
    if plan.international_prefix:
        frame = frame.filter(~pl.col("digits").str.contains(f"^(?:{plan.international_prefix})"))
    coded = frame.filter(pl.col("digits").str.starts_with(plan.code)).with_columns(
        number=pl.col("digits").str.slice(len(plan.code))
    )
    coded = coded.with_columns(number=_without_prefix(coded["number"], plan))
    better = ~_matches(coded["digits"], plan.general.pattern) & _matches(coded["number"], plan.general.pattern)
    coded = coded.filter(better | _too_long(coded["digits"], plan))
    plain = frame.join(coded.select("place"), on="place", how="anti", maintain_order="left") if len(coded) else frame
    plain = plain.with_columns(number=pl.col("digits"))
    return plan.code, [_bare(coded, _main_plan(plan.code)), _bare(plain, plan)]


def _bare(frame: pl.DataFrame, plan: _Plan) -> pl.DataFrame:
    """Numbers (`number`, behind their calling code) without their national prefix: `place`, `region`, `number`."""
    stripped = _without_prefix(frame["number"], plan)
    length = stripped.str.len_bytes()
    usable = ~length.is_in(plan.local) & (length.is_in(plan.lengths) | (length > plan.lengths[-1]))
    number = stripped.zip_with(usable, frame["number"])
    length = number.str.len_bytes()
    return frame.select("place", "region", number=number).filter((length >= 2) & (length <= LONGEST))


def _of_country(frame: pl.DataFrame, code: str) -> list[pl.DataFrame]:
    """Results for the national numbers (`place`, `region`, `number`) of a calling code."""
    regions = COUNTRY_CODE_TO_REGION_CODE[int(code)]
    e164 = pl.concat_str(pl.lit(f"+{code}"), pl.col("number"))
    frames: list[pl.DataFrame] = []
    rest = frame
    for region in regions:
        here = _plan(region, int(code))
        if here is None:
            continue
        claims = here.leading is not None and len(regions) > 1
        claimed = rest["number"].str.contains(f"^(?:{here.leading})") if claims else None
        mine = rest if claimed is None else rest.filter(claimed)
        if mine.is_empty():
            continue
        mine = mine.with_columns(_kinds(mine["number"], here).alias("kind"))
        valid = mine["kind"].is_not_null()
        frames.append(_result(mine.filter(valid), e164, pl.lit(region), pl.lit(None), kind=pl.col("kind")))
        if claimed is None:
            rest = rest.filter(~valid)
        else:
            frames.append(_invalid(mine.filter(~valid), code))
            rest = rest.filter(~claimed)
    return [*frames, _invalid(rest, code)]


def _invalid(frame: pl.DataFrame, code: str) -> pl.DataFrame:
    plan = _main_plan(code)
    length = pl.col("number").str.len_bytes()
    possible = length.is_in((*plan.lengths, *plan.local))
    problem = pl.when(~possible).then(pl.lit(TOO_FEW_OR_MANY))
    return _result(frame, pl.lit(None), pl.col("region"), problem)


def _result(
    frame: pl.DataFrame,
    e164: pl.Expr,
    country: pl.Expr,
    problem: pl.Expr,
    *,
    kind: pl.Expr = pl.lit(None),  # noqa: B008 - immutable
) -> pl.DataFrame:
    return frame.select(
        "place",
        e164=e164.cast(pl.String),
        country=country.cast(pl.String),
        kind=kind.cast(pl.String),
        problem=problem.cast(pl.String),
    )


def _without_prefix(numbers: pl.Series, plan: _Plan) -> pl.Series:
    """Numbers without their national prefix, or as they are where the plan does not let it be taken off."""
    if plan.prefix is None:
        return numbers
    pattern = f"^(?:{plan.prefix})"
    has = numbers.str.contains(pattern)
    if not has.any():
        return numbers
    prefixed = numbers.filter(has)
    bare = prefixed.str.replace(pattern, "")
    if plan.rule is not None:
        last = prefixed.str.extract(pattern, plan.groups)
        changed = prefixed.str.replace(pattern, plan.rule)
        bare = bare.zip_with(last.is_null(), changed)
    viable = _matches(prefixed, plan.general.pattern)
    bare = prefixed.zip_with(viable & ~_matches(bare, plan.general.pattern), bare)
    return numbers.scatter(has.arg_true(), bare)


def _kinds(numbers: pl.Series, plan: _Plan) -> pl.Series:
    """The type of each national number, as the library names it; null where it is not valid under this plan."""
    length = numbers.str.len_bytes()
    nothing = pl.Series([False]).new_from_index(0, len(numbers))
    fixed = _of_kind(numbers, length, plan.fixed) if plan.fixed else nothing
    mobile = (
        nothing
        if plan.mobile is None
        else fixed
        if plan.mobile is plan.fixed
        else _of_kind(numbers, length, plan.mobile)
    )
    kinds = (
        pl.DataFrame({"fixed": fixed, "mobile": mobile})
        .select(
            pl.when("fixed", "mobile").then(pl.lit(EITHER))
            .when("fixed").then(pl.lit(FIXED))
            .when("mobile").then(pl.lit(MOBILE))
            .alias("kind")
        )
        .to_series()
    )  # fmt: skip
    special = nothing
    for kind in plan.any_special:
        special = special | _of_kind(numbers, length, kind)
    if special.any():
        places = special.arg_true()
        chosen = numbers.gather(places)
        lengths = chosen.str.len_bytes()
        for name, kind in reversed(plan.special):
            kinds = kinds.scatter(places.filter(_of_kind(chosen, lengths, kind)), name)
    return kinds.set(~_of_kind(numbers, length, plan.general), None)


def _of_kind(numbers: pl.Series, length: pl.Series, kind: _Kind) -> pl.Series:
    matching = _matches(numbers, kind.pattern)
    if len(kind.lengths) == 1:
        return matching & (length == kind.lengths[0])
    return matching & length.is_in(kind.lengths) if kind.lengths else matching


def _too_long(numbers: pl.Series, plan: _Plan) -> pl.Series:
    length = numbers.str.len_bytes()
    return ~length.is_in(plan.local) & (length > plan.lengths[-1])


def _matches(numbers: pl.Series, pattern: str) -> pl.Series:
    return numbers.str.contains(f"^(?:{pattern})$")


@cache
def _main_plan(code: str) -> _Plan:
    """The plan of the main region of a calling code."""
    plan = _plan(COUNTRY_CODE_TO_REGION_CODE[int(code)][0], int(code))
    assert plan is not None
    return plan


@cache
def _plan(region: str, code: int) -> _Plan | None:
    metadata = (
        PhoneMetadata.metadata_for_nongeo_region(code, None)
        if region == NON_GEOGRAPHIC
        else PhoneMetadata.metadata_for_region(region, None)
    )
    if metadata is None:
        return None
    general = metadata.general_desc
    assert general is not None
    fixed = _kind(metadata.fixed_line)
    special = [(name.upper(), kind) for name in _SPECIAL if (kind := _kind(getattr(metadata, name)))]
    by_lengths: dict[tuple[int, ...], list[str]] = {}
    for _, kind in special:
        by_lengths.setdefault(kind.lengths, []).append(kind.pattern)
    prefix = metadata.national_prefix_for_parsing or None
    rule = metadata.national_prefix_transform_rule or None
    return _Plan(
        code=str(metadata.country_code),
        international_prefix=metadata.international_prefix,
        prefix=prefix,
        groups=re.compile(prefix).groups if prefix else 0,
        rule=re.sub(r"\\(\d)", r"${\1}", rule) if rule else None,
        general=_Kind(tuple(general.possible_length), str(general.national_number_pattern)),
        special=tuple(special),
        any_special=tuple(_Kind(lengths, _either(patterns)) for lengths, patterns in by_lengths.items()),
        fixed=fixed,
        mobile=fixed if metadata.same_mobile_and_fixed_line_pattern else _kind(metadata.mobile),
        lengths=tuple(general.possible_length),
        local=tuple(general.possible_length_local_only),
        leading=metadata.leading_digits,
    )


def _kind(desc: PhoneNumberDesc | None) -> _Kind | None:
    if desc is None or not desc.national_number_pattern:
        return None
    return _Kind(tuple(desc.possible_length), desc.national_number_pattern)


def _either(patterns: Sequence[str]) -> str:
    return "|".join(f"(?:{pattern})" for pattern in dict.fromkeys(patterns))
