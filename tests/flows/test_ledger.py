"""Values in are values out, for a whole run: each value of a row is on its person's contact or in the ledger."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from anyascii import anyascii
from conftest import SAMPLES, Ended

VALUES = {
    "records": ("first", "last", "suffix", "nickname", "company", "job_title", "birthday", "locale"),
    "emails": ("given",),
    "phones": ("given",),
    "addresses": ("street", "street2", "city", "region", "postal_code", "country"),
    "labels": ("label",),
    "extras": ("value",),
}
ODD = (
    "First Name,Last Name,Name Suffix,Nickname,Email,Phone,Company,Street,City,Favourite colour,Birthday\n"
    "Ada,Novak,Jr.,Addie,ada@kite.example,+44 20 7946 0958 ext. 12,Kite Ltd,1 Elm Road,Leeds,blue,12-25\n"
    "Ada,Novak,,,ada@kite.example,+44 20 7946 0958 x77,Rook Ltd,1 Elm Road,Leeds,green,1985-03-14\n"
    "Ada,Novak,,Ady,ada@kite.example,none,,,York,,yesterday\n"
)


def folded(text: str) -> str:
    """A text by its letters and digits."""
    return re.sub(r"[^a-z0-9]+", "", anyascii(text).lower())


def leaves(value: object) -> Iterator[str]:
    """All texts within a JSON value."""
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from leaves(one)
    elif isinstance(value, str):
        yield value


def unheld(run: Path, *, ledger: bool = True) -> list[tuple[str, str, str]]:
    """Values (record, column, text) of export rows that are neither on a contact of their person nor in the ledger.

    Args:
        run: the folder of a planned run.
        ledger: whether the ledger is looked at.
    """
    tables = {path.stem: pl.read_parquet(path) for path in run.glob("*.parquet")}
    plan, losses, records = tables["plan"], tables["losses"], tables["records"]
    cluster_of = dict(tables["clusters"].select("record", "cluster").iter_rows())
    waiting = set(plan.filter(pl.col("state") != "auto")["cluster"])
    texts: dict[str, str] = {}
    now = dict(tables["contacts"].select("contact_id", "info").iter_rows())
    shown = [(cluster, after) for cluster, after in plan.select("cluster", "after").iter_rows() if after]
    on_site = records.filter(pl.col("contact_id").is_not_null()).select("record", "contact_id")
    shown += [(cluster_of[record], now[contact]) for record, contact in on_site.iter_rows()]
    for cluster, content in shown:
        texts[cluster] = texts.get(cluster, "") + "|".join(map(folded, leaves(json.loads(content)))) + "|"
    for cluster, value in losses.select("cluster", "value").iter_rows() if ledger else ():
        texts[cluster] = texts.get(cluster, "") + folded(value or "") + "|"
    numbers = {
        folded(given): folded(e164) for given, e164 in tables["phones"].select("given", "e164").iter_rows() if e164
    }
    missing = []
    rows = records.filter(pl.col("contact_id").is_null()).select("record", "record_id")
    for name, columns in VALUES.items():
        for record, record_id, *values in (
            tables[name].join(rows, on="record").select("record", "record_id", *columns).iter_rows()
        ):
            cluster = cluster_of[record]
            for column, text in zip(columns, values, strict=True):
                plain = folded(text or "")
                together = texts.get(cluster, "")
                is_there = plain in together or numbers.get(plain, "|none|") in together
                if plain and cluster not in waiting and not is_there:
                    missing.append((record_id, column, text))
    return missing


@pytest.mark.parametrize("data", ["samples", "odd"])
def test_each_value_of_a_run_is_on_a_contact_or_in_the_ledger(
    data: str, onefold: Callable[..., Ended], tmp_path: Path
) -> None:
    site = f"local:{tmp_path / 'site.db'}"
    if data == "samples":
        assert onefold("site", "load", SAMPLES / "site.jsonl", "--site", site).code == 0
        given = ["--config", str(SAMPLES / "onefold.toml")]
    else:
        (tmp_path / "people.csv").write_text(ODD)
        given = [str(tmp_path / "people.csv")]

    assert onefold("plan", *given, "--site", site, "--run", tmp_path / "run").code in (0, 3)

    assert unheld(tmp_path / "run") == []
    assert unheld(tmp_path / "run", ledger=False) != []
