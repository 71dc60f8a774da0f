"""Forecast of applying a plan: calls, minutes, and the budget."""

from __future__ import annotations

import math

import polars as pl

from flows.engine.options import BATCH, LABELLED, Options
from flows.settings import ApplySettings, Settings
from flows.sites import calls_a_minute
from transforms.schema.operations import Kind, State

FEWEST_OPERATIONS = 20
"""Contacts that may be merged away whatever their share of the site is."""


def calls(plan: pl.DataFrame, options: Options) -> int:
    """Calls that applying a plan takes when nothing goes wrong.

    Args:
        plan: `PLAN`.
        options: how it is to be applied.
    """
    auto = plan.filter(pl.col("state") == State.AUTO)
    if auto.is_empty():
        return 0
    kinds = dict(auto["kind"].value_counts().iter_rows())
    merges = auto.filter(pl.col("kind") == Kind.MERGE)
    sources = int(merges["sources"].list.len().sum() or 0)
    many = kinds.get(Kind.CREATE, 0) + kinds.get(Kind.UPDATE, 0) + sources + (2 if options.preview else 1) * len(merges)
    clusters = auto.group_by("cluster", maintain_order=True).agg(pl.col("target").is_not_null().any())
    batches = clusters.with_row_index().filter("target").select((pl.col("index") // BATCH).n_unique()).item()
    labelled = auto.filter(pl.col("kind") == Kind.LABEL).group_by("labels").len()["len"]
    jobs = sum(2 * math.ceil(number / LABELLED) for number in labelled)  # one starts it, one looks whether it is over
    names = len(auto.select(pl.col("labels").explode().drop_nulls().unique()))
    is_marking = {Kind.CREATE, Kind.MERGE} & kinds.keys()
    marker = (2 if options.keep_marker else 4) if is_marking else 2
    return int(many + batches + jobs + (names + 1 if names else 0) + marker)


def minutes(plan: pl.DataFrame, settings: Settings, options: Options) -> float | None:
    """Minutes that applying takes at the site's rate; None where no rate is set."""
    rate = calls_a_minute(settings)
    return None if rate is None else calls(plan, options) / rate


def over_budget(merged: int, site_contacts: int, settings: ApplySettings) -> str | None:
    """Why a plan is over its budget, in one sentence; None when it is not.

    Args:
        merged: contacts that are merged away.
        site_contacts: contacts of the site.
        settings: the budget.
    """
    if settings.max_deletes is not None and merged > settings.max_deletes:
        return f"It merges {merged:,} contacts away, and [apply] max_deletes allows {settings.max_deletes:,}."
    share = merged / max(site_contacts, 1)
    if merged > FEWEST_OPERATIONS and share > settings.max_merge_share:
        return (
            f"It merges {share:.1%} of the site's contacts away, and [apply] max_merge_share allows "
            f"{settings.max_merge_share:.0%}."
        )
    return None
