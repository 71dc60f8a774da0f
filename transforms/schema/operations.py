"""The operations of a plan, one by one and as a table."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import polars as pl

from transforms.schema.contact import Info
from transforms.schema.tables import PLAN

CREATED_BY = "@"
"""Before the id of an operation, in the place of a contact: the one that it creates."""


class Kind(StrEnum):
    """Kinds of operations on a site."""

    CREATE = "create"
    MERGE = "merge"
    UPDATE = "update"
    LABEL = "label"


class State(StrEnum):
    """Whether an operation is done by itself, waits for a person, or can never be done."""

    AUTO = "auto"
    REVIEW = "review"
    BLOCKED = "blocked"


class Cause(StrEnum):
    """Kinds of reasons why an operation waits for a person."""

    NONE = ""
    ALIKE = "alike"
    BIRTH = "birth dates differ"
    CONTRADICTION = "decisions contradict"
    OPT_OUT = "opt-out"
    MEMBERS = "two members"
    TOO_MANY = "too many for one contact"
    LEFT = "left before"


class Outcome(StrEnum):
    """Outcome of an operation: unknown yet, done, held, stale, or refused."""

    OPEN = "open"
    DONE = "done"
    HELD = "held"
    STALE = "stale"
    FAILED = "failed"


@dataclass(slots=True)
class Operation:
    """One operation: a row of `PLAN`, whose columns these are, in their order.

    Attributes:
        id: the column `operation`; the same whenever the same is planned of the same records.
        reason, cause: why it waits: in words, and which kind of reason that is.
        preconditions: as JSON: the fingerprint of each contact's content that the decision rests on, by its id.
        target: the contact it is about; empty for a create.
        before, after: the target's content as `Info` writes it; None where there is none.
    """

    id: str
    cluster: str
    step: int
    kind: Kind
    state: State
    reason: str
    cause: Cause
    target: str
    sources: Sequence[str]
    records: Sequence[str]
    allow_duplicates: bool
    labels: Sequence[str]
    preconditions: str
    before: str | None
    after: str | None
    changes: Sequence[str]
    evidence: str
    link: Sequence[str]

    def fingerprints(self) -> Mapping[str, str]:
        """The `preconditions`, read."""
        return dict(json.loads(self.preconditions))

    def content_before(self) -> Info:
        """The target's content before the operation; an empty one where there is none."""
        return Info.model_validate_json(self.before or "{}")

    def content_after(self) -> Info:
        """The target's content after the operation; an empty one where there is none."""
        return Info.model_validate_json(self.after or "{}")

    def touches_a_new_contact(self) -> bool:
        """Whether its target or a source is a contact that an earlier operation creates."""
        return any(name.startswith(CREATED_BY) for name in (self.target, *self.sources))


SECONDS_A_CASE = 15
"""Seconds that a person takes for a case."""


def minutes_for(cases: int) -> int:
    """Minutes that a person takes for cases, rounded up."""
    return math.ceil(cases * SECONDS_A_CASE / 60)


class PlanCounts(NamedTuple):
    """Counts of what a plan will do.

    Attributes:
        create, update, label: contacts.
        merge, into, merge_calls: contacts merged away, into how many, by how many calls.
        touched: contacts of the site that something is done to.
        review, blocked: cases that wait for a person, and that can never be done.
    """

    create: int
    update: int
    merge: int
    into: int
    merge_calls: int
    label: int
    touched: int
    review: int
    blocked: int

    def is_nothing(self) -> bool:
        """Whether the site is left as it is."""
        return not (self.create or self.update or self.merge or self.label)


class Tally(NamedTuple):
    """Counts of what was done with a plan so far.

    Attributes:
        created, updated, merged, labelled: contacts; all 0 before anything is applied.
        held: cases that wait for a person.
        failed: operations that the site refused, or of which it is not known whether they were done.
        left: operations still to be done.
    """

    created: int
    updated: int
    merged: int
    labelled: int
    held: int
    failed: int
    left: int


WAITS: tuple[str, ...] = (
    State.REVIEW.value, State.BLOCKED.value, Outcome.HELD.value, Outcome.STALE.value, Outcome.FAILED.value,
)  # fmt: skip
"""What an operation is that needs a person: by its plan, or by what came of it."""


def operations_of(plan: pl.DataFrame) -> Iterator[Operation]:
    """The operations of a `PLAN`, in its order."""
    for name, cluster, step, kind, state, reason, cause, target, *rest in plan.select(*PLAN).iter_rows():
        yield Operation(name, cluster, step, Kind(kind), State(state), reason, Cause(cause), target or "", *rest)


def operations_table(operations: Sequence[Operation]) -> pl.DataFrame:
    """Operations as `PLAN`."""
    columns: dict[str, pl.Series] = {}
    for column, kind in PLAN.items():
        values = [getattr(operation, "id" if column == "operation" else column) for operation in operations]
        columns[column] = _lists(values) if kind == pl.List(pl.String) else pl.Series(values, dtype=kind)
    table = pl.DataFrame(columns)
    return table.with_columns(target=pl.when(pl.col("target") != "").then("target"))


def _lists(values: Iterable[Sequence[str]]) -> pl.Series:
    """Lists of texts as a series: their items at once, which is quicker than list by list."""
    values = list(values)
    lengths = np.fromiter(map(len, values), dtype=np.uint32, count=len(values))
    flat = pl.DataFrame(
        {
            "row": np.repeat(np.arange(len(values), dtype=np.uint32), lengths),
            "item": pl.Series([item for value in values for item in value], dtype=pl.String),
        }
    )
    grouped = flat.group_by("row", maintain_order=True).agg("item")
    rows = pl.DataFrame({"row": np.arange(len(values), dtype=np.uint32)})
    return rows.join(grouped, on="row", how="left", maintain_order="left")["item"].fill_null([])
