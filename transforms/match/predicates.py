"""Blocking rules found in the data: pairs of parts of values that bring many likely matches for few candidates.

A predicate is a part of a value: the whole, its first letters, its consonants. A rule is one predicate, or two of
different fields together. What a rule brings is estimated on a sample of its keys, within which all pairs are looked
at, so no labels are needed. Rules are chosen one after the other, each for what the others do not bring yet.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from transforms.columns.coding import Coded, coded, hashed
from transforms.match.blocking import FOUND, Blocks, blocks_up_to
from transforms.match.term_frequency import FieldValues
from transforms.normalise.given_names import sounds
from transforms.schema.records import Records

Rule = tuple[str, ...]
"""The names of one predicate or two."""
Pairs = NDArray[np.uint64]

MOST_TOGETHER = 40
"""Largest block of a found rule."""
MOST_RULES = 12
"""Rules that are found, at most."""
BUDGET = 10.0
"""Candidate pairs a record that all rules together may bring."""
LEAST_YIELD = 0.004
"""Expected matches for each further candidate below which a rule is not worth it."""
LEAST_GAIN = 0.0005
"""Expected matches a record below which a rule is not worth it."""
SAMPLED_RECORDS = 30_000
"""Records whose keys are looked at for each rule, about."""
SAMPLED_PAIRS = 400
"""Pairs that are compared for each rule, at most."""
SEED = 7
MIXED = np.uint64(0x9E3779B97F4A7C15)
"""What keys are multiplied by, so that a share of them is a sample."""


@dataclass(frozen=True)
class Predicate:
    """A part of a field's values.

    Attributes:
        field: the field; a rule has no two predicates of one field.
        record: the record of each value; None where there is one value a record, in order.
        key: the hash (u64) of the part; null where it is missing or too short.
    """

    field: str
    record: pl.Series | None
    key: pl.Series

    def of_records(self) -> pl.DataFrame:
        """`record`, `key` of all that is not missing."""
        record = pl.int_range(len(self.key), dtype=pl.UInt32, eager=True) if self.record is None else self.record
        return pl.DataFrame({"record": record, "key": self.key}).drop_nulls("key")

    def beside(self, other: Predicate) -> Predicate | None:
        """Both together; None where each has several values a record, in tables of their own."""
        record = self.record if self.record is not None else other.record
        if self.record is not None and other.record is not None and self.record is not other.record:
            return None
        keys = [
            part.key if part.record is record or record is None else part.key.gather(record) for part in (self, other)
        ]
        return Predicate(f"{self.field}, {other.field}", record, keys[0] * 3 + keys[1])


def predicates(tables: Records, field_values: Mapping[str, FieldValues], columns: pl.DataFrame) -> dict[str, Predicate]:
    """The predicates of these records, by name; `columns` as `further_columns` returns them."""
    records, homes = tables.records, tables.addresses
    found: dict[str, Predicate] = {}

    def add(field: str, record: pl.Series | None, values: Coded, **parts: Callable[[pl.Series], pl.Series]) -> None:
        for name, part in parts.items():
            label = f"{field} {name}".removesuffix(" whole").replace("_", " ")
            key = hashed(part(values.different), _seed(label)).gather(values.code)
            found[label] = Predicate(field, record, key)

    def whole(texts: pl.Series) -> pl.Series:
        return texts

    def start(size: int) -> Callable[[pl.Series], pl.Series]:
        return lambda texts: texts.str.head(size)

    def consonants(texts: pl.Series) -> pl.Series:
        bare = sounds(texts).str.replace_all(r"[aeiou0-9 ]", "")
        return bare.set(bare.str.len_chars() < 2, None)

    def end(size: int) -> Callable[[pl.Series], pl.Series]:
        return lambda texts: texts.str.tail(size).set(texts.str.len_chars() < size, None)

    first, last = field_values["first"].values, field_values["last"].values
    add("first name", None, first, whole=whole, start=start(3), consonants=consonants)
    add("surname", None, last, whole=whole, start=start(4), consonants=consonants)
    everyone = records["record"]
    words = pl.concat([first.different.gather(first.code), last.different.gather(last.code)])
    add("name", pl.concat([everyone, everyone]), coded(words), whole=whole, consonants=consonants)
    birth = field_values["birth"].values
    add("birth", None, birth, whole=whole, year=start(4), year_and_month=start(6), day_and_month=end(4))
    add("company", None, field_values["company"].values, whole=whole, start=start(5))
    add("job title", None, coded(records["title_key"]), whole=whole)
    mails, phones = field_values["email"], field_values["phone"]
    local = mails.values.by(lambda texts: texts.str.splitn("@", 2).struct[0].str.replace_all(r"[^a-z]", ""))
    add("email", mails.record, local, name=lambda texts: texts.set(texts.str.len_chars() < 4, None), start=start(5))
    add("phone", phones.record, phones.values, end=end(7))
    for name, column, size in (("postcode", "postal_key", 3), ("city", "city_key", 4), ("street", "street_key", 5)):
        add(name, homes["record"], coded(homes[column]), whole=whole, start=start(size))
    for (name,), rows in columns.group_by("name", maintain_order=True):
        add(str(name), rows["record"], coded(rows["value"]), whole=whole, start=start(4))
    return {name: predicate for name, predicate in found.items() if predicate.key.null_count() < len(predicate.key)}


def _seed(label: str) -> int:
    return zlib.crc32(label.encode())


def rule_keys(rule: Rule, known: Mapping[str, Predicate]) -> pl.DataFrame:
    """`record`, `key` of a rule; nothing where the records do not have its values."""
    parts = [known.get(name) for name in rule]
    both = parts[0] if parts[0] is not None and len(parts) == 1 else None
    if len(parts) == 2 and parts[0] is not None and parts[1] is not None:
        both = parts[0].beside(parts[1])
    if both is None:
        return pl.DataFrame(schema={"record": pl.UInt32, "key": pl.UInt64})
    keys = both.of_records()
    return keys if both.record is None else keys.unique(maintain_order=True)


def found_blocks(rules: Sequence[Rule], known: Mapping[str, Predicate]) -> list[Blocks]:
    """The blocks of these rules, up to the largest size."""
    with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
        keys = threads.map(lambda rule: list(blocks_up_to(rule_keys(rule, known), MOST_TOGETHER)), rules)
        return [Blocks(FOUND, held) for several in keys for held in several]


@dataclass(frozen=True)
class _Tried:
    """What a rule brings: pairs of a sample as numbers, and how many pairs each of them stands for."""

    rule: Rule
    pairs: Pairs
    scale: float


def found_rules(
    known: Mapping[str, Predicate],
    seeds: pl.DataFrame,
    likelihood: Callable[[pl.DataFrame], NDArray[np.float64]],
    *,
    records: int,
    budget: float = BUDGET,
) -> list[Rule]:
    """The rules that bring most of what the fixed rules do not.

    Args:
        known: predicates.
        seeds: candidates of the fixed rules.
        likelihood: the probability of each pair (`left`, `right`) to be one person, before anything is learned.
        records: how many records there are.
        budget: candidate pairs a record of all rules together.
    """
    share = min(1.0, SAMPLED_RECORDS / max(records, 1))
    tried = list(_all_tried(known, share))
    if not tried:
        return []
    pool = np.unique(np.concatenate([one.pairs for one in tried]))
    pairs = _frame(pool)
    likely = likelihood(pairs)
    shared = {name: _share(predicate, pairs) for name, predicate in known.items()}
    covered = (
        pairs.join(seeds, on=["left", "right"], how="left", maintain_order="left")["rules"].is_not_null().to_numpy()
    )
    places = {one.rule: np.searchsorted(pool, one.pairs) for one in tried}
    room = budget * records - len(seeds)
    chosen: list[Rule] = []
    while len(chosen) < MOST_RULES:
        worth = []
        for one in tried:
            fresh = places[one.rule][~covered[places[one.rule]]]
            gain, cost = one.scale * float(likely[fresh].sum()), one.scale * len(fresh)
            if cost <= room and gain >= LEAST_GAIN * records and gain >= LEAST_YIELD * cost and one.rule not in chosen:
                worth.append((gain * gain / cost, one.rule, cost))
        if not worth:
            break
        _, rule, cost = max(worth)
        chosen.append(rule)
        room -= cost
        covered |= np.logical_and.reduce([shared[name] for name in rule])
    return chosen


def _all_tried(known: Mapping[str, Predicate], share: float) -> Iterator[_Tried]:
    """What each predicate, and each two of them of different fields, bring; table by table."""
    tables = {id(predicate.record): predicate.record for predicate in known.values()}
    for record in tables.values():
        here = {name: one for name, one in known.items() if one.record is record}
        beside = {name: one for name, one in known.items() if one.record is None and record is not None}
        keys = {
            name: (one.key if one.record is record or record is None else one.key.gather(record))
            .fill_null(0)
            .to_numpy()
            for name, one in (here | beside).items()
        }
        rules: list[Rule] = [(name,) for name in here]
        rules += [
            (one, two) for one, two in combinations(keys, 2)
            if known[one].field != known[two].field and (one in here or two in here)
        ]  # fmt: skip
        owner = None if record is None else record.to_numpy()
        with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
            done = threads.map(lambda rule, keys=keys, owner=owner: _tried(rule, keys, owner, share), rules)
            yield from (one for one in done if len(one.pairs))


def _tried(
    rule: Rule, keys: Mapping[str, NDArray[np.uint64]], owner: NDArray[np.uint32] | None, share: float
) -> _Tried:
    """What a rule brings, from a sample of its keys.

    Args:
        rule: the rule.
        keys: the keys of its predicates, in one order; 0 for none.
        owner: the record of each key; None where they stand in the order of the records.
        share: the share of the keys that is looked at.
    """
    key = keys[rule[0]] if len(rule) == 1 else _both(keys[rule[0]], keys[rule[1]])
    sampled = np.flatnonzero((key * MIXED < np.uint64(min(share, 1.0) * (2**64 - 2**12))) & (key > 0))
    if len(rule) > 1:
        sampled = sampled[(keys[rule[0]][sampled] > 0) & (keys[rule[1]][sampled] > 0)]
    record = sampled.astype(np.uint32) if owner is None else owner[sampled]
    held = pl.DataFrame({"record": record, "key": key[sampled]})
    if owner is not None:
        held = held.unique(maintain_order=True)
    pairs = np.concatenate([np.empty(0, dtype=np.uint64), *_pairs_of(blocks_up_to(held, MOST_TOGETHER))])
    scale = 1 / min(share, 1.0)
    if len(pairs) > SAMPLED_PAIRS:
        scale *= len(pairs) / SAMPLED_PAIRS
        pairs = np.random.default_rng(SEED).choice(pairs, SAMPLED_PAIRS, replace=False)
    return _Tried(rule, np.sort(pairs), scale)


def _both(one: NDArray[np.uint64], two: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return one * np.uint64(3) + two


def _pairs_of(blocks: Iterable[NDArray[np.uint32]]) -> Iterator[Pairs]:
    for held in blocks:
        first, second = np.triu_indices(held.shape[1], k=1)
        wide = held.astype(np.uint64)
        yield (wide[:, first] << np.uint64(32) | wide[:, second]).ravel()


def _frame(pairs: Pairs) -> pl.DataFrame:
    low = np.uint64(0xFFFFFFFF)
    return pl.DataFrame({"left": (pairs >> np.uint64(32)).astype(np.uint32), "right": (pairs & low).astype(np.uint32)})


def _share(predicate: Predicate, pairs: pl.DataFrame) -> NDArray[np.bool_]:
    """Which pairs share a key of a predicate."""
    if predicate.record is None:
        left, right = (predicate.key.gather(pairs[side]) for side in ("left", "right"))
        return (left == right).fill_null(value=False).to_numpy()
    keys = predicate.of_records()
    wanted = np.zeros(int(keys["record"].to_numpy().max(initial=0)) + 1, dtype=np.bool_)
    seen = pl.concat([pairs["left"], pairs["right"]]).to_numpy()
    wanted[seen[seen < len(wanted)]] = True
    keys = keys.filter(wanted[keys["record"].to_numpy()]).unique()
    numbered = pairs.with_row_index("pair")
    both = numbered.join(keys, left_on="left", right_on="record").join(
        keys, left_on=["right", "key"], right_on=["record", "key"]
    )
    marks = np.zeros(len(pairs), dtype=np.bool_)
    marks[both["pair"].unique().to_numpy()] = True
    return marks
