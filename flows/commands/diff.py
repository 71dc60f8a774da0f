"""What differs between the plans of two runs of one site."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from connectors.store.run_folder import Run
from flows.settings import PlannedSettings
from transforms.cases.cases import SAME, cases
from transforms.cases.changes import changes
from transforms.cases.values import names_of
from transforms.schema.errors import UsageError

MOST_SHOWN = 10
"""Cases of a kind that are shown at most."""
_NOTHING_DONE = {"operation": pl.String, "state": pl.String, "detail": pl.String}
_WORDS = {True: "cases that wait", False: "people dealt with"}


@dataclass(frozen=True)
class Difference:
    """The differences between two plans (`CHANGES`), and the runs' names."""

    before: str
    after: str
    changes: pl.DataFrame
    names: Mapping[str, str]

    def text(self) -> str:
        """For a terminal."""
        if self.changes.is_empty():
            return f"{self.before} and {self.after} plan the same."
        lines = [f"{self.after} against {self.before}:"]
        for (waits, change), rows in self.changes.group_by("waits", "change", maintain_order=True):
            lines += ["", f"{len(rows):>7,} {_WORDS[bool(waits)]} are {change}"]
            for row in rows.head(MOST_SHOWN).iter_rows(named=True):
                what = row["why"] if row["does"] is not None else row["was"]
                lines.append(f"        {self.names.get(row['record_id'], row['record_id'])}: {_did(row)}{what}")
            if len(rows) > MOST_SHOWN:
                lines.append(f"        … and {len(rows) - MOST_SHOWN:,} more (--json has all)")
        return "\n".join(lines)

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return {"before": self.before, "after": self.after, "changes": self.changes.to_dicts()}


def _did(row: Mapping[str, Any]) -> str:
    kinds = [kind for kind in dict.fromkeys((row["did"], row["does"])) if kind is not None]
    return f"{', now '.join(kinds)}: "


def compare_runs(before: Run, after: Run) -> Difference:
    """What differs between two plans of one site. A case is the same in both when it is about the same people.

    Raises:
        UsageError: the runs are of different sites.
    """
    if set(before.facts().site_names).isdisjoint(after.facts().site_names):
        raise UsageError(f"{before.folder} and {after.folder} are runs of different sites.")
    found = changes(_cases_of(before), _cases_of(after))
    names: dict[str, str] = {}
    for run in (before, after):
        names |= names_of(run.table("records"), found["record_id"])
    return Difference(before.name, after.name, found, names)


def _cases_of(run: Run) -> pl.DataFrame:
    """The cases of a run in which something is done or waits, by the identities of their records.

    The run's own label is left out of the contents: it differs from run to run.
    """
    label = PlannedSettings(**run.facts().settings).policy_for(run.name).label
    nothing = pl.DataFrame(schema=_NOTHING_DONE)
    every = cases(run.table("plan"), nothing, run.table("clusters"), run.table("pairs"), run.table("losses"))
    shown = every.filter(pl.col("does") != SAME).with_row_index("at")
    identities = run.table("identities").select("record", "identity", "record_id")
    members = shown.select("at", record=pl.concat_list("records", "others")).explode("record")
    named = members.join(identities, on="record", maintain_order="left").group_by("at", maintain_order=True)
    people = named.agg(people=pl.col("identity").sort(), record_id=pl.col("record_id").first())
    return shown.join(people, on="at", maintain_order="left").select(
        "people",
        "waits",
        "does",
        "why",
        pl.col("after").str.replace_all(json.dumps(label, ensure_ascii=False), '""', literal=True),
        "record_id",
    )
