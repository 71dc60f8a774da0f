"""How alike two records are: one level a field, the best of all their values, null-safe.

Level 0 is *missing* and says nothing; the higher the level, the more alike. Equality is decided first; strings are
compared once a distinct pair of values.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import resources

import numpy as np
import polars as pl
from rapidfuzz import process
from rapidfuzz.distance import OSA, JaroWinkler
from rapidfuzz.fuzz import token_set_ratio

from transforms.records import Records

Scorer = Callable[..., float]

LEVELS: dict[str, tuple[str, ...]] = {
    "first": ("missing", "other first name", "same initial", "nickname", "similar first name", "same first name"),
    "middle": ("missing", "other middle name", "same middle name"),
    "last": ("missing", "other surname", "part of the surname", "similar surname", "same surname"),
    "suffix": ("missing", "other generation", "one of them has a generation", "same generation"),
    "birth": ("missing", "other birth date", "similar birth date", "same birthday", "same birth date"),
    "email": (
        "missing", "other e-mail", "other e-mail at the same company", "similar e-mail", "same e-mail name",
        "same shared mailbox", "same e-mail",
    ),
    "phone": ("missing", "other phone", "similar phone", "same shared phone", "same phone"),
    "address": ("missing", "other place", "same city", "same postcode", "similar address", "same address"),
    "company": ("missing", "other company", "similar company", "same company"),
    "title": ("missing", "other job title", "same job title"),
}  # fmt: skip
"""The levels of each field, in words."""

IDENTIFIER_LEVELS = ("missing", "other value", "similar value", "same value")
FREE_MAIL_FANOUT = 40
"""A domain with more different mailboxes than this part of all is a provider's, not a company's (per mille)."""


def compare(pairs: pl.DataFrame, tables: Records) -> pl.DataFrame:
    """Levels of agreement for candidate pairs.

    Args:
        pairs: `left`, `right`.
        tables: the records.

    Returns:
        The pairs with `level_<field>` (u8) for each field of `LEVELS` and each identifier, and `value_<field>` for
        those whose agreement is worth more the rarer the value is.
    """
    people = tables.records
    names = _names(pairs, people)
    frames = [
        pairs,
        names,
        _suffix(pairs, people),
        _birth(pairs, people),
        _emails(pairs, tables),
        _phones(pairs, tables),
        _addresses(pairs, tables),
        _text(pairs, people, "company_key", "company"),
        _equal(pairs, people, "title_key", "title"),
    ]
    frames += [_identifier(pairs, tables, name) for name in identifier_names(tables)]
    return pl.concat(frames, how="horizontal")


def identifier_names(tables: Records) -> list[str]:
    """The declared identifying columns, in order of name."""
    return sorted(tables.identifiers["name"].unique())


def _both(pairs: pl.DataFrame, people: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """The records' columns beside each pair: `<column>` of the left and `<column>_other` of the right one."""
    left, right = pairs["left"], pairs["right"]
    return pl.DataFrame(
        {
            **{name: people[name].gather(left) for name in columns},
            **{f"{name}_other": people[name].gather(right) for name in columns},
        }
    )


def similarity(left: pl.Series, right: pl.Series, scorer: Scorer, *, where: pl.Series) -> pl.Series:
    """The scorer's value for each pair of texts, computed once a distinct pair; 0 outside of `where`.

    Args:
        left, right: texts of equal length.
        scorer: a rapidfuzz scorer.
        where: which pairs to compare at all.
    """
    frame = pl.DataFrame({"a": left, "b": right, "where": where & left.is_not_null() & right.is_not_null()})
    frame = frame.with_columns(low=pl.min_horizontal("a", "b"), high=pl.max_horizontal("a", "b"))
    wanted = frame.filter("where").select("low", "high").unique(maintain_order=True)
    if wanted.is_empty():
        return pl.Series("score", np.zeros(len(frame), dtype=np.float32))
    scores = process.cpdist(
        wanted["low"].to_list(), wanted["high"].to_list(), scorer=scorer, workers=-1, dtype=np.float32
    )
    scored = wanted.with_columns(score=pl.Series(scores))
    joined = frame.join(scored, on=["low", "high"], how="left", maintain_order="left")
    return joined.select(pl.when("where").then("score").otherwise(0.0).fill_null(0.0).alias("score")).to_series()


@cache
def nicknames() -> pl.DataFrame:
    """Pairs of first names that stand for each other: `low`, `high`. A name and its short form, or two short forms."""
    path = resources.files("nicknames") / "names.csv"
    forms = pl.read_csv(path.read_bytes()).select(name=pl.col("name1"), nick=pl.col("name2"))
    siblings = forms.join(forms, on="name", suffix="_other").select(name="nick", nick="nick_other")
    both = pl.concat([forms, siblings]).filter(pl.col("name") != pl.col("nick"))
    return both.select(low=pl.min_horizontal("name", "nick"), high=pl.max_horizontal("name", "nick")).unique()


def _names(pairs: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    compact = people.with_columns(last=pl.col("last_key").str.replace_all(" ", ""))
    both = _both(pairs, compact, "first_key", "middle_key", "last", "last_key")
    a, b = both["first_key"], both["first_key_other"]
    x, y = both["last"], both["last_other"]
    close_first = similarity(a, b, JaroWinkler.normalized_similarity, where=(a != b))
    typo_first = similarity(a, b, OSA.normalized_similarity, where=(a != b))
    close_last = similarity(x, y, JaroWinkler.normalized_similarity, where=(x != y))
    typo_last = similarity(x, y, OSA.normalized_similarity, where=(x != y))
    nick = both.select(
        low=pl.min_horizontal("first_key", "first_key_other"),
        high=pl.max_horizontal("first_key", "first_key_other"),
    )
    nick = nick.join(
        nicknames().with_columns(nick=pl.lit(value=True)),
        on=["low", "high"],
        how="left",
        maintain_order="left",
    )
    frame = both.with_columns(
        jw_first=close_first, osa_first=typo_first, jw_last=close_last, osa_last=typo_last,
        nick=nick["nick"].fill_null(value=False),
    )  # fmt: skip
    one, two = pl.col("first_key"), pl.col("first_key_other")
    last, last_two = pl.col("last"), pl.col("last_other")
    swapped = ((one == last_two) & (two == last)).fill_null(value=False)
    glued = (pl.concat_str(one, last) == pl.concat_str(two, last_two)).fill_null(value=False)
    shorter = pl.min_horizontal(one.str.len_chars(), two.str.len_chars())
    initial = (shorter == 1) & (one.str.head(1) == two.str.head(1))
    contained = (shorter >= 3) & (one.str.starts_with(two) | two.str.starts_with(one))
    middles = (one == pl.col("middle_key_other").str.extract(r"^(\w+)")) | (
        two == pl.col("middle_key").str.extract(r"^(\w+)")
    )
    first_level = (
        pl.when(swapped | glued).then(5)
        .when(one.is_null() | two.is_null()).then(0)
        .when(one == two).then(5)
        .when((pl.col("jw_first") >= 0.92) | ((pl.col("osa_first") >= 0.75) & (shorter >= 4))).then(4)
        .when(pl.col("nick") | contained | middles.fill_null(value=False)).then(3)
        .when(initial).then(2)
        .otherwise(1)
    )  # fmt: skip
    words, words_two = pl.col("last_key").str.split(" "), pl.col("last_key_other").str.split(" ")
    part = words.list.set_intersection(words_two).list.eval(pl.element().str.len_chars() >= 3).list.any()
    shorter_last = pl.min_horizontal(last.str.len_chars(), last_two.str.len_chars())
    short_last = (shorter_last == 1) & (last.str.head(1) == last_two.str.head(1))
    last_level = (
        pl.when(swapped | glued).then(4)
        .when(last.is_null() | last_two.is_null()).then(0)
        .when(last == last_two).then(4)
        .when((pl.col("jw_last") >= 0.93) | ((pl.col("osa_last") >= 0.75) & (shorter_last >= 4))).then(3)
        .when(part | short_last).then(2)
        .otherwise(1)
    )  # fmt: skip
    m, m_two = pl.col("middle_key"), pl.col("middle_key_other")
    agree = (m == m_two) | (m.str.head(1) == m_two.str.head(1)) & (
        pl.min_horizontal(m.str.len_chars(), m_two.str.len_chars()) == 1
    )
    middle_level = pl.when(m.is_null() | m_two.is_null()).then(0).when(agree).then(2).otherwise(1)
    return frame.select(
        level_first=first_level.cast(pl.UInt8),
        level_middle=middle_level.cast(pl.UInt8),
        level_last=last_level.cast(pl.UInt8),
        value_first=pl.when(first_level == 5).then(one),
        value_last=pl.when(last_level == 4).then(last),
    )


def _suffix(pairs: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    one, two = pl.col("suffix_key"), pl.col("suffix_key_other")
    level = (
        pl.when(one.is_null() & two.is_null()).then(0)
        .when(one == two).then(3)
        .when(one.is_null() | two.is_null()).then(2)
        .otherwise(1)
    )  # fmt: skip
    return _both(pairs, people, "suffix_key").select(level_suffix=level.cast(pl.UInt8))


def _birth(pairs: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    dated = people.with_columns(born=pl.col("birthdate").dt.strftime("%Y%m%d"))
    both = _both(pairs, dated, "born", "birthday")
    typo = similarity(both["born"], both["born_other"], OSA.distance, where=(both["born"] != both["born_other"]))
    one, two = pl.col("born"), pl.col("born_other")
    swapped = (
        (one.str.head(4) == two.str.head(4))
        & (one.str.slice(4, 2) == two.str.slice(6, 2))
        & (one.str.slice(6, 2) == two.str.slice(4, 2))
    )
    dateless = one.is_null() | two.is_null()
    level = (
        pl.when(one == two).then(4)
        .when(dateless & (pl.col("birthday") == pl.col("birthday_other"))).then(3)
        .when(dateless & (pl.col("birthday") != pl.col("birthday_other"))).then(1)
        .when(dateless).then(0)
        .when(swapped | (pl.col("typo") <= 1)).then(2)
        .otherwise(1)
    )  # fmt: skip
    return both.with_columns(typo=typo).select(
        level_birth=level.cast(pl.UInt8), value_birth=pl.when(one == two).then(one)
    )


def _crossed(pairs: pl.DataFrame, values: pl.DataFrame) -> pl.DataFrame:
    """Every value of a pair's left record beside every value of its right one: `pair` and both records' columns."""
    numbered = pairs.select("left", "right").with_row_index("pair")
    return numbered.join(values, left_on="left", right_on="record", maintain_order="left").join(
        values, left_on="right", right_on="record", suffix="_other", maintain_order="left"
    )


def _best(pairs: pl.DataFrame, crossed: pl.DataFrame, level: str, value: str | None = None) -> pl.DataFrame:
    """The highest level of each pair over all of its values, 0 where one of the two has none."""
    wanted = [pl.col(level).max()] + ([pl.col(value).sort_by(level).last()] if value else [])
    best = crossed.group_by("pair").agg(wanted)
    joined = pairs.select(pair=pl.int_range(pl.len(), dtype=pl.UInt32)).join(
        best, on="pair", how="left", maintain_order="left"
    )
    return joined.select(pl.col(level).fill_null(0).cast(pl.UInt8), *([value] if value else []))


def shared_values(values: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """Which values belong to several people: held under three or more different pairs of initials.

    Args:
        values: `record`, `value`.
        people: `RECORDS`.

    Returns:
        `value`, `records` (how many hold it), `shared`.
    """
    one, two = pl.col("first_key").str.head(1), pl.col("last_key").str.head(1)
    initials = people.select("record", initials=pl.concat_str(pl.min_horizontal(one, two), pl.max_horizontal(one, two)))
    held = values.join(initials, on="record", how="left")
    return held.group_by("value").agg(
        records=pl.col("record").n_unique(), shared=pl.col("initials").drop_nulls().n_unique() >= 3
    )


def _emails(pairs: pl.DataFrame, tables: Records) -> pl.DataFrame:
    mail = tables.emails.drop_nulls("match_key").select("record", "role", value="match_key")
    mail = mail.join(shared_values(mail, tables.records).select("value", "shared"), on="value", how="left")
    mail = mail.with_columns(
        local=pl.col("value").str.extract(r"^(.*)@"), domain=pl.col("value").str.extract(r"@([^@]*)$")
    )
    many = max(8, len(mail) * FREE_MAIL_FANOUT // 1000)
    popular = mail.group_by("domain").agg(company=pl.col("value").n_unique() <= many)
    mail = mail.join(popular, on="domain", how="left").with_columns(shared=pl.col("shared") | pl.col("role"))
    crossed = _crossed(pairs, mail.select("record", "value", "shared", "local", "domain", "company"))
    close = similarity(
        crossed["value"],
        crossed["value_other"],
        OSA.distance,
        where=crossed["value"] != crossed["value_other"],
    )
    one, two = pl.col("value"), pl.col("value_other")
    plain = pl.col("local").str.replace_all("[^a-z0-9]", "")
    same_local = (plain == pl.col("local_other").str.replace_all("[^a-z0-9]", "")) & (plain.str.len_chars() >= 5)
    numbers, numbers_two = (pl.col(name).str.replace_all(r"\D", "") for name in ("local", "local_other"))
    typo = (pl.col("close") <= 2) & (pl.col("local").str.len_chars() >= 6) & (numbers == numbers_two)
    level = (
        pl.when((one == two) & pl.col("shared")).then(5)
        .when(one == two).then(6)
        .when(same_local & ~pl.col("shared")).then(4)
        .when(typo & ~pl.col("shared")).then(3)
        .when((pl.col("domain") == pl.col("domain_other")) & pl.col("company")).then(2)
        .otherwise(1)
    )  # fmt: skip
    crossed = crossed.with_columns(close=close).with_columns(
        level_email=level, value_email=pl.when(one == two).then(one)
    )
    return _best(pairs, crossed, "level_email", "value_email")


def _phones(pairs: pl.DataFrame, tables: Records) -> pl.DataFrame:
    phone = tables.phones.filter(pl.col("phone").is_not_null()).select(
        "record", value=pl.coalesce("e164", pl.col("phone").str.replace_all(r"\D", "").replace({"": None}))
    )
    phone = phone.drop_nulls().join(
        shared_values(phone, tables.records).select("value", "shared"), on="value", how="left"
    )
    crossed = _crossed(pairs, phone)
    digits = crossed.select(
        a=pl.col("value").str.replace_all(r"\D", "").str.tail(10),
        b=pl.col("value_other").str.replace_all(r"\D", "").str.tail(10),
    )
    close = similarity(digits["a"], digits["b"], OSA.distance, where=crossed["value"] != crossed["value_other"])
    one, two = pl.col("value"), pl.col("value_other")
    long = pl.min_horizontal(one.str.len_chars(), two.str.len_chars()) >= 8
    tails = long & (one.str.tail(8) == two.str.tail(8))
    level = (
        pl.when(((one == two) | tails) & pl.col("shared")).then(3)
        .when((one == two) | tails).then(4)
        .when(long & (pl.col("close") <= 1)).then(2)
        .otherwise(1)
    )  # fmt: skip
    crossed = crossed.with_columns(close=close).with_columns(
        level_phone=level, value_phone=pl.when(one == two).then(one)
    )
    return _best(pairs, crossed, "level_phone", "value_phone")


def _addresses(pairs: pl.DataFrame, tables: Records) -> pl.DataFrame:
    home = tables.addresses.select("record", "street_key", "city_key", "postal_key").filter(
        pl.any_horizontal(pl.col("street_key", "city_key", "postal_key").is_not_null())
    )
    crossed = _crossed(pairs, home)
    street = similarity(
        crossed["street_key"], crossed["street_key_other"], token_set_ratio,
        where=crossed["street_key"] != crossed["street_key_other"],
    )  # fmt: skip
    house, house_two = (pl.col(name).str.extract(r"(\d+)") for name in ("street_key", "street_key_other"))
    same_street = pl.col("street_key") == pl.col("street_key_other")
    like_street = (pl.col("close") >= 80) & ((house == house_two) | house.is_null() | house_two.is_null())
    postal = pl.col("postal_key") == pl.col("postal_key_other")
    city = pl.col("city_key") == pl.col("city_key_other")
    place = (postal | city).fill_null(value=False)
    placeless = pl.col("postal_key").is_null() & pl.col("city_key").is_null()
    level = (
        pl.when(same_street & (place | placeless)).then(5)
        .when((like_street & place) | same_street).then(4)
        .when(postal).then(3)
        .when(city).then(2)
        .otherwise(1)
    )  # fmt: skip
    crossed = crossed.with_columns(close=street).with_columns(level_address=level)
    return _best(pairs, crossed, "level_address")


def _text(pairs: pl.DataFrame, people: pl.DataFrame, column: str, field: str) -> pl.DataFrame:
    both = _both(pairs, people, column)
    one, two = both[column], both[f"{column}_other"]
    close = similarity(one, two, token_set_ratio, where=one != two)
    typo = similarity(one, two, JaroWinkler.normalized_similarity, where=one != two)
    a, b = pl.col(column), pl.col(f"{column}_other")
    level = (
        pl.when(a.is_null() | b.is_null()).then(0)
        .when(a == b).then(3)
        .when((pl.col("close") >= 90) | (pl.col("typo") >= 0.92)).then(2)
        .otherwise(1)
    )  # fmt: skip
    return both.with_columns(close=close, typo=typo).select(
        level.cast(pl.UInt8).alias(f"level_{field}"), pl.when(a == b).then(a).alias(f"value_{field}")
    )


def _equal(pairs: pl.DataFrame, people: pl.DataFrame, column: str, field: str) -> pl.DataFrame:
    a, b = pl.col(column), pl.col(f"{column}_other")
    level = pl.when(a.is_null() | b.is_null()).then(0).when(a == b).then(2).otherwise(1)
    return _both(pairs, people, column).select(level.cast(pl.UInt8).alias(f"level_{field}"))


def _identifier(pairs: pl.DataFrame, tables: Records, name: str) -> pl.DataFrame:
    held = tables.identifiers.filter(pl.col("name") == name).select("record", "value")
    crossed = _crossed(pairs, held)
    close = similarity(
        crossed["value"],
        crossed["value_other"],
        OSA.distance,
        where=crossed["value"] != crossed["value_other"],
    )
    one, two = pl.col("value"), pl.col("value_other")
    long = pl.min_horizontal(one.str.len_chars(), two.str.len_chars()) >= 5
    level = pl.when(one == two).then(3).when(long & (pl.col("close") <= 1)).then(2).otherwise(1)
    field = f"level_{name}"
    return _best(pairs, crossed.with_columns(close=close).with_columns(level.alias(field)), field)
