"""Golden records in columns are what folding a person's records one after the other leaves."""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.exports.reading import read_export
from transforms.normalise.records import to_records
from transforms.plan.contents import contents, unplaced
from transforms.plan.golden import golden_records
from transforms.plan.operations import contributions_of
from transforms.plan.survivorship import SINGLE, fold, shown
from transforms.schema.contact import Info
from transforms.schema.records import Records

FIELDS = {
    "First Name": ["Ada", "ADA", "Boris", ""],
    "Last Name": ["Novak", "Brook", ""],
    "Company": ["Kite Ltd", "KITE Limited", "Rook Inc", "", "-"],
    "Job Title": ["Engineer", "Buyer", ""],
    "Birthday": ["1980-04-12", "1975-11-30", ""],
    "Email": ["ada@kite.example", "ADA@kite.example", "b@rook.example", ""],
    "Email 2": ["office@kite.example", ""],
    "Phone": ["+1 212 555 0147", "(212) 555-0147", "0301234567", "49301234567", ""],
    "Mobile Phone": ["+49 30 1234567", "30 1234567", ""],
    "Street": ["1 Elm St", "1  elm st", "9 Oak Rd", ""],
    "City": ["Salem", "Keizer", ""],
    "Labels": ["VIP", "VIP;Rotary", ""],
}
ROWS = st.lists(
    st.tuples(st.integers(0, 2), st.tuples(*(st.sampled_from(values) for values in FIELDS.values()))),
    min_size=1,
    max_size=9,
)


def records(rows: list[tuple[str, ...]]) -> Records:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "crm.csv"
        path.write_text(
            "\n".join([",".join(FIELDS), *(",".join(row) for row in rows)]),
            "utf-8",
        )
        return to_records(read_export(path, source="crm", rank=0, region=None).rows, everyone=True)


def folded(tables: Records, members: list[int]) -> Info:
    """The members folded one by one, as a plan does it."""
    rows = tables.records.filter(pl.col("record").is_in(members)).sort("source_rank", "row", "record")
    said = contributions_of(rows, contents(tables, opt_out_label=""), unplaced(tables))
    info, company = Info(), None
    for record, key in rows.select("record", "company_key").iter_rows():
        info, changes, _ = fold(info, said[record], company_key=company)
        if any(change.field == "company" for change in changes):
            company = key
    return info


@settings(deadline=None, max_examples=30)
@given(ROWS)
def test_a_golden_record_is_what_folding_one_by_one_leaves(rows: list[tuple[int, tuple[str, ...]]]) -> None:
    tables = records([row for _, row in rows])
    groups = pl.Series([group for group, _ in rows], dtype=pl.UInt32)[: len(tables.records)]
    if len(tables.records) < len(rows):  # blank lines are no rows
        return

    golden = golden_records(tables, groups)

    assert sorted(golden["cluster"]) == sorted(set(groups))
    for row in golden.iter_rows(named=True):
        members = [at for at, group in enumerate(groups) if group == row["cluster"]]
        info = folded(tables, members)
        assert row["records"] == len(members)
        assert [row[name] for name in SINGLE] == [getattr(info, name) for name in SINGLE]
        for name in ("emails", "phones", "addresses"):
            assert row[name] == [shown(item) for item in getattr(info, name)], name
        assert row["labels"] == list(info.labels)
