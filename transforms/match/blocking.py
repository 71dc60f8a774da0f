"""Blocking: candidate pairs are records that share at least one blocking key."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from itertools import pairwise
from operator import add
from typing import NamedTuple, TypeVar

import numpy as np
import polars as pl

from transforms.columns.coding import Numbers, begins, coded, hashed
from transforms.match.term_frequency import FieldValues
from transforms.schema.records import Records

T = TypeVar("T")

MAX_BLOCK = 60
"""Largest block kept: a key of more records says nothing about identity. Clusters stay well below it."""

FOUND = "found"
"""The rule of all keys by rules that were found in the data."""
RULES = (
    "email", "email name", "phone", "name", "joined name", "initial, surname and company", "first name and company",
    "surname, initial and title", "first name and birth", "surname and birth", "birth and postcode",
    "surname and postcode", "first name and postcode", "first name and street", "surname and street",
    "surname, initial and city", "house", "identifier", FOUND,
)  # fmt: skip
"""The blocking rules: the values two records may share to become a candidate pair."""
BLOCK_SIZE_FACTORS = {"surname, initial and title": 0.4, "joined name": 0.3, "email name": 0.4, "phone": 0.5}
"""Share of `MAX_BLOCK` for rules whose keys strangers share more often."""
MOST_RECORDS_ALONE = 8
"""Largest block whose pairs become candidates by this key alone; pairs of bigger blocks need a second shared key."""
RULES_ENOUGH_ALONE = {"email", "identifier", FOUND}
"""Keys that say enough alone, however many hold them."""
PAIRS_AT_ONCE = 30_000_000
"""Pairs built in one step; bounds the memory of a run."""
RULE_BITS = 5
"""Bits that tell the rules apart."""
ENOUGH_BIT = 31
"""The bit above those of the rules: one of the shared keys suffices alone."""


class Blocks(NamedTuple):
    """Blocks of one rule and one size: one row a key, its records in order."""

    rule: str
    held: Numbers

    @property
    def says_enough(self) -> bool:
        """Whether pairs of these blocks are candidates without a second shared key."""
        return self.rule in RULES_ENOUGH_ALONE or self.held.shape[1] <= MOST_RECORDS_ALONE

    @property
    def pairs(self) -> int:
        """Number of candidate pairs in these blocks."""
        keys, size = self.held.shape
        return int(keys * size * (size - 1) // 2)


def blocking_keys(tables: Records, field_values: Mapping[str, FieldValues]) -> Iterator[tuple[str, pl.DataFrame]]:
    """The blocking keys of every record, rule by rule.

    Args:
        tables: the records.
        held: their values.

    Returns:
        For each rule its name, and `record` (u32), `key` (u64), each key once a record.
    """
    yield from _for_each_rule(tables, field_values, lambda rule, keys: (rule, keys))


def shared_keys(tables: Records, field_values: Mapping[str, FieldValues]) -> list[Blocks]:
    """Who shares a key that is worth looking at, see `blocks`."""
    by_rule = _for_each_rule(tables, field_values, lambda rule, keys: blocks([(rule, keys)]))
    return [block for several in by_rule for block in several]


def _for_each_rule(
    tables: Records, field_values: Mapping[str, FieldValues], work: Callable[[str, pl.DataFrame], T]
) -> Iterator[T]:
    """The result of `work` on the keys of each rule, on all cores.

    A key is the sum of its parts' hashes; a part is hashed once a different value.
    """
    everyone, homes = tables.records["record"], tables.addresses["record"]
    values = {field: of_field.values for field, of_field in field_values.items()} | {
        "title": coded(tables.records["title_key"])
    }
    street = tables.addresses["street_key"]
    places = {
        "house": street.str.extract(r"(\d+)"),
        "street": street.str.extract(r"([a-z]{4,})"),
        "postcode": tables.addresses["postal_key"],
        "city": tables.addresses["city_key"],
    }
    places = {name: _hashed(name, texts) for name, texts in places.items()}

    def part(field: str, size: int | None = None, *, of: pl.Series = everyone) -> pl.Series:
        """Hashes of a single field of these records, or of its first letters."""
        code, different = values[field]
        hashes = _hashed(field, different if size is None else different.str.head(size))
        return hashes.gather(code if of is everyone else code.gather(of))

    def at_home(*parts: tuple[str, int | None], beside: Sequence[str]) -> pl.Series:
        return _sum(*(part(*names, of=homes) for names in parts), *(places[name] for name in beside))

    def named() -> pl.Series:
        """Hashes of both names in either order; a missing name is replaced by the present one."""
        last = part("last")
        first = _hashed("last", values["first"].different).gather(values["first"].code)
        both = pl.DataFrame({"first": first, "last": last})
        return both.select(pl.coalesce("first", "last") + pl.coalesce("last", "first")).to_series()

    def joined() -> pl.Series:
        texts = (values[field].different.gather(values[field].code) for field in ("first", "last"))
        return _hashed("name", pl.select(pl.concat_str(*texts).str.head(14)).to_series())

    def mailboxes() -> pl.Series:
        """Hashes of local parts that are long enough and may be a person's own."""
        local = values["email"].different.str.splitn("@", 2).struct[0]
        hashes = _hashed("email", local).set(local.str.len_chars() < 6, None).gather(values["email"].code)
        return hashes.set(tables.emails.drop_nulls("match_key")["role"], None)

    rules: dict[str, tuple[pl.Series, Callable[[], pl.Series]]] = {
        "email": (field_values["email"].record, lambda: values["email"].each(lambda texts: _hashed("email", texts))),
        "email name": (field_values["email"].record, mailboxes),
        "phone": (
            field_values["phone"].record,
            lambda: values["phone"].each(lambda texts: _hashed("phone", texts.str.strip_prefix("+").str.tail(8))),
        ),
        "name": (everyone, named),
        "joined name": (everyone, joined),
        "initial, surname and company": (everyone, lambda: _sum(part("first", 1), part("last"), part("company"))),
        "first name and company": (everyone, lambda: _sum(part("first"), part("company"))),
        "surname, initial and title": (everyone, lambda: _sum(part("last"), part("first", 1), part("title"))),
        "first name and birth": (everyone, lambda: _sum(part("first", 3), part("birth"))),
        "surname and birth": (everyone, lambda: _sum(part("last", 3), part("birth"))),
        "birth and postcode": (homes, lambda: at_home(("birth", None), beside=["postcode"])),
        "surname and postcode": (homes, lambda: at_home(("last", 4), beside=["postcode"])),
        "first name and postcode": (homes, lambda: at_home(("first", 4), beside=["postcode"])),
        "first name and street": (homes, lambda: at_home(("first", 3), beside=["house", "street"])),
        "surname and street": (homes, lambda: at_home(("last", 3), beside=["house", "street"])),
        "surname, initial and city": (homes, lambda: at_home(("last", None), ("first", 1), beside=["city"])),
        "house": (homes, lambda: at_home(beside=["house", "street", "postcode"])),
        "identifier": (
            tables.identifiers["record"],
            lambda: _sum(*(_hashed(name, tables.identifiers[name]) for name in ("name", "value"))),
        ),
    }

    def done(rule: str) -> T:
        record, key = rules[rule]
        keys = pl.DataFrame({"record": record, "key": key()}).drop_nulls("key")
        several = record is not everyone and (keys["record"] == keys["record"].shift(1)).any()
        return work(rule, keys.unique() if several else keys)

    with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
        yield from threads.map(done, rules)


def _hashed(kind: str, texts: pl.Series) -> pl.Series:
    """Hashes (u64) of texts of a kind; equal texts of two kinds have different hashes."""
    return hashed(texts, zlib.crc32(kind.encode()))


def _sum(*parts: pl.Series) -> pl.Series:
    return reduce(add, parts)


def largest(rule: str) -> int:
    """Largest block kept for this rule; bigger ones are dropped."""
    return max(2, round(MAX_BLOCK * BLOCK_SIZE_FACTORS.get(rule, 1)))


def blocks(keys: Iterable[tuple[str, pl.DataFrame]]) -> list[Blocks]:
    """The blocks of two records or more, up to the largest size of their rule.

    Args:
        keys: as `blocking_keys` returns them.
    """
    return [Blocks(rule, members) for rule, frame in keys for members in blocks_up_to(frame, largest(rule))]


def blocks_up_to(keys: pl.DataFrame, most: int) -> Iterator[Numbers]:
    """The records of each block (`record`, `key`), in order, by the size of the block.

    A record stands in place of the last bits of its key, so that both are sorted at once.
    """
    record = keys["record"].to_numpy().astype(np.uint64)
    bits = np.uint64(int(record.max(initial=0)).bit_length())
    both = pl.Series(keys["key"].to_numpy() >> bits << bits | record).sort().to_numpy()
    key, record = both >> bits, (both & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.uint32)
    first = np.flatnonzero(begins(key))
    size = np.diff(first, append=len(key))
    shared = (size >= 2) & (size <= most)
    first, size = first[shared], size[shared]
    for count in np.unique(size):
        yield record[first[size == count][:, None] + np.arange(count)]


def candidate_pairs(shared: Sequence[Blocks], *, records: int, at_once: int = PAIRS_AT_ONCE) -> pl.DataFrame:
    """Pairs of records that share a key that says enough alone, or several.

    Args:
        shared: as `blocks` returns it.
        records: how many records there are; their numbers are below that.
        at_once: how many pairs of the same key are held at once; it makes no difference to what is found.

    Returns:
        `left`, `right` (u32, left < right), each pair once, in order, with the bits of the `rules` it shares keys of.
    """
    parts = max(1, math.ceil(sum(block.pairs for block in shared) / at_once))
    bounds = [records * part // parts for part in range(parts + 1)]
    return pl.concat(_pairs(shared, low, high, records) for low, high in pairwise(bounds))


def with_every_pair(pairs: pl.DataFrame, *, records: int) -> pl.DataFrame:
    """Candidate pairs, and all other pairs of so many records, which share no key."""
    left, right = np.triu_indices(records, k=1)
    every = pl.DataFrame({"left": left, "right": right}, schema={"left": pl.UInt32, "right": pl.UInt32})
    both = every.join(pairs, on=["left", "right"], how="left", maintain_order="left")
    return both.with_columns(pl.col("rules").fill_null(0))


def _pairs(shared: Sequence[Blocks], low: int, high: int, records: int) -> pl.DataFrame:
    """The pairs whose left record is at least `low` and below `high`.

    A pair and its rule are one number while they are collected: both records in as many bits as the largest takes, the
    rule, and whether that says enough. Sorted, what is the same pair stands together.
    """
    width, below = records.bit_length(), RULE_BITS + 1
    numbers = [np.empty(0, dtype=np.uint64)]
    for block in shared:
        first, second = np.triu_indices(block.held.shape[1], k=1)
        whole = block.held.astype(np.uint64) << np.uint64(below)
        rule_bits = RULES.index(block.rule) << 1 | block.says_enough
        pairs = whole[:, first] << np.uint64(width) | whole[:, second] | np.uint64(rule_bits)
        within = (block.held >= low) & (block.held < high)
        numbers.append(pairs.ravel() if within.all() else pairs[within[:, first]])
    sorted_numbers = pl.Series(np.concatenate(numbers)).sort().to_numpy()
    pair, rule = (
        sorted_numbers >> np.uint64(below),
        (sorted_numbers >> np.uint64(1)).astype(np.uint32) & np.uint32((1 << RULE_BITS) - 1),
    )
    first = np.flatnonzero(begins(pair))
    enough = (sorted_numbers & np.uint64(1)).astype(np.uint32) << np.uint32(ENOUGH_BIT)
    rules = np.left_shift(np.uint32(1), rule) | enough
    rules = np.bitwise_or.reduceat(rules, first) if len(first) else rules
    kept = np.bitwise_count(rules) > 1  # another rule, or that this one says enough
    pair, rules = pair[first[kept]], rules[kept]
    return pl.DataFrame(
        {
            "left": (pair >> np.uint64(width)).astype(np.uint32),
            "right": (pair & np.uint64((1 << width) - 1)).astype(np.uint32),
            "rules": rules & np.uint32((1 << ENOUGH_BIT) - 1),
        }
    )
