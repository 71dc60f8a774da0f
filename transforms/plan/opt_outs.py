"""Opt-outs of export rows: which addresses they name, and what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from transforms.plan.policy import Policy
from transforms.schema.contact import Info
from transforms.schema.operations import Kind, State


class OptOuts(NamedTuple):
    """Counts of the opt-outs of exports.

    Attributes:
        rows: export rows that carry an opt-out.
        shown: of these, rows whose every address is on a contact, and no contact with it is without the label.
        waiting: of these, rows of which an address is on no contact: their person waits, or is not imported.
        subscribed_again: contacts that have opted out on the site and are merged into one that is subscribed.
    """

    rows: int
    shown: int
    waiting: int
    subscribed_again: int


def reaches(reach: pl.Expr, addresses: frozenset[str]) -> pl.Expr:
    """Whether one of a record's e-mails and phones is among these."""
    if not addresses:
        return pl.lit(value=False)
    return reach.list.eval(pl.element().is_in(sorted(addresses))).list.any()


def opted_out_addresses(people: pl.DataFrame, policy: Policy) -> frozenset[str]:
    """The addresses of export rows that carry an opt-out: their e-mails, or their phones where they have no e-mail."""
    rows = people.filter(pl.col("contact_id").is_null(), "opted_out")
    if not policy.opt_out_label:
        return frozenset()
    return frozenset(value for values in rows["reach"] for value in _addresses(values))


def _addresses(reach: Sequence[str]) -> list[str]:
    """Addresses of a row: its e-mails, or its phones where it has no e-mail."""
    return [value for value in reach if "@" in value] or list(reach)


def count_opt_outs(people: pl.DataFrame, operations: pl.DataFrame, outcome: pl.DataFrame, policy: Policy) -> OptOuts:
    """Opt-outs counted on a plan and the contacts it leaves."""
    rows = people.filter(pl.col("contact_id").is_null(), "opted_out")
    wanted = {value for values in rows["reach"] for value in _addresses(values)}
    shown: dict[str, bool] = {}
    if wanted:
        may_show = pl.col("info").str.contains_any(sorted(wanted), ascii_case_insensitive=True)
        for info in map(Info.model_validate_json, outcome.filter(may_show)["info"]):
            for value in (
                *(email.email.lower() for email in info.emails),
                *(phone.e164 or phone.phone for phone in info.phones),
            ):
                if value in wanted:
                    shown[value] = shown.get(value, True) and policy.opt_out_label in info.labels
    states = [[shown.get(value) for value in _addresses(values)] for values in rows["reach"]]
    contacts = people.drop_nulls("contact_id").select("contact_id", "opted_out", "subscribed")
    merges = operations.filter(pl.col("state") == State.AUTO, pl.col("kind") == Kind.MERGE).select("target", "sources")
    again = (
        merges.explode("sources")
        .join(contacts.filter("opted_out"), left_on="sources", right_on="contact_id", how="semi")
        .join(contacts.filter("subscribed"), left_on="target", right_on="contact_id", how="semi")
    )
    return OptOuts(
        rows=len(rows),
        shown=sum(bool(state) and all(state) for state in states),
        waiting=sum(None in shown_on or not shown_on for shown_on in states),
        subscribed_again=len(again),
    )
