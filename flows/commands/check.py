"""Looking at exports before anything is done with them: what they are taken for, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from connectors.exports.balance import Balance
from connectors.exports.formats import known_formats, normalised
from connectors.exports.layout import IGNORED
from connectors.exports.reading import Reading
from flows.engine.inputs import readings
from flows.settings import Settings
from transforms.match.further import further_columns, uses
from transforms.normalise.records import to_records
from transforms.quality import email_counts, phone_counts, problems
from transforms.schema.errors import InputError
from transforms.schema.records import Records
from transforms.schema.tables import PROBLEMS, conform

MOST_PROBLEMS = 10
MOST_LINES = 5
MOST_COLUMNS = 8
"""Names of columns shown in one line."""


@dataclass(frozen=True)
class Column:
    """A column, the place its values go to, and one of its values."""

    name: str
    place: str
    example: str | None


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with rows or values of a file, or was mended: how often, and the first lines."""

    what: str
    count: int
    lines: tuple[int, ...]


@dataclass(frozen=True)
class Table:
    """One table of an export: its format, its columns, and the quality of its values."""

    source: str
    file: str
    format: str
    title: str
    why: tuple[str, ...]
    encoding: str
    rival_encoding: str | None
    delimiter: str
    header_line: int
    rows: int
    records: int
    rejected: int
    balance: Balance
    columns: tuple[Column, ...]
    unmapped: tuple[str, ...]
    ignored: tuple[str, ...]
    compared: Mapping[str, str]
    emails: Mapping[str, int]
    phones: Mapping[str, int]
    dates: tuple[str, ...]
    problems: tuple[Problem, ...]

    def text(self, *, show_values: bool) -> str:
        """As a part of one screen."""
        because = f" (its headers {', '.join(self.why)})" if self.why else ""
        doubt = (
            f", or {self.rival_encoding}: look at the names, or say which (--encoding)" if self.rival_encoding else ""
        )
        lines = [self.title + because, self.encoding + doubt]
        if self.delimiter:
            lines.append(f"{_DELIMITERS.get(self.delimiter, self.delimiter)} between cells")
            lines.append(f"header in line {self.header_line}")
        lines = [f"{self.file}  source {self.source}", f"  {' · '.join(lines)}"]
        lines.append(f"  {self.rows:,} rows: {self.records:,} records, {self.rejected:,} rejected")
        counted = self.balance
        lines.append(
            f"  {counted.cells:,} filled cells: {counted.placed:,} in fields, {counted.beside:,} beside their rows, "
            f"{counted.left_out:,} left out on purpose, {counted.rejected:,} in rejected lines"
        )
        width = max((len(column.name) for column in self.columns), default=0)
        places = max((len(column.place) for column in self.columns), default=0)
        for column in self.columns:
            example = column.example if show_values or column.example is None else masked(column.example)
            lines.append(f"    {column.name:<{width}}  → {column.place:<{places}}  {example or ''}".rstrip())
        for title, names in (("not imported", self.unmapped), ("left out on purpose", self.ignored)):
            if names:
                more = f" and {len(names) - MOST_COLUMNS} more" if len(names) > MOST_COLUMNS else ""
                lines.append(f"  {title}: {', '.join(names[:MOST_COLUMNS])}{more}")
        if self.compared:
            lines.append(f"  compared as well: {', '.join(f'{name} ({use})' for name, use in self.compared.items())}")
        for title, counts in (("e-mails", self.emails), ("phones", self.phones)):
            if any(counts.values()):
                lines.append(f"  {title}: {', '.join(f'{count:,} {name}' for name, count in counts.items() if count)}")
        lines += [f"  {date}" for date in self.dates]
        if self.problems:
            lines.append("  most frequent:")
        for problem in self.problems:
            where = ", ".join(map(str, problem.lines)) + (" …" if problem.count > len(problem.lines) else "")
            lines.append(f"    {problem.count:>7,}  {problem.what}  (line {where})")
        return "\n".join(lines)


@dataclass(frozen=True)
class Checked:
    """The tables of all exports, and the files that cannot be read at all."""

    tables: tuple[Table, ...]
    unreadable: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Whether every file can be read."""
        return not self.unreadable

    def text(self, *, show_values: bool) -> str:
        """As one screen."""
        return "\n\n".join([*(table.text(show_values=show_values) for table in self.tables), *self.unreadable])

    def facts(self, *, show_values: bool) -> dict[str, Any]:
        """As JSON."""
        tables = [asdict(table) for table in self.tables]
        for table in tables:
            for column in table["columns"]:
                if column["example"] and not show_values:
                    column["example"] = masked(column["example"])
        return {"tables": tables, "unreadable": list(self.unreadable)}


_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


def check_exports(settings: Settings, *, dns: bool = False) -> Checked:
    """Reads and normalises the settings' exports, and says what becomes of them. Nothing is written.

    Args:
        settings: the sources.
        dns: whether name servers are asked if the domains of e-mails take mail.

    Raises:
        UsageError: a file is missing.
        InputError: none can be read, or a column that was mapped is in none of them.
        Unavailable: no name server answers.
    """
    tables: list[Table] = []
    unreadable: list[str] = []
    for source, _, reading in readings(settings.ranked(), settings.limits.limits()):
        if isinstance(reading, InputError):
            unreadable.append(str(reading))
        elif reading.format == "unknown":
            unreadable += reading.rejects["reason"].to_list()
        else:
            tables.append(_table(source.name, reading, dns=dns))
    if not tables:
        raise InputError(" ".join(unreadable))
    return Checked(tuple(tables), tuple(unreadable))


def masked(value: str) -> str:
    """A value's shape: its letters as `x`, its digits as `9`, but for the first of each word."""
    text = re.sub(r"(?<=[^\W\d_])[^\W\d_]", "x", value)
    return re.sub(r"(?<=\d)\d", "9", text)[:40]


def _table(source: str, reading: Reading, *, dns: bool) -> Table:
    records = to_records(reading.rows)
    form = known_formats().get(reading.format)
    telling = {header for group in form.signature for header in group} if form else set()
    wrong = pl.concat([_row_problems(reading), problems(records), *([_undeliverable(records)] if dns else [])])
    return Table(
        source=source,
        file=reading.file,
        format=reading.format,
        title=form.title if form else "vCards",
        why=tuple(name for name in (*reading.places, *reading.unmapped) if normalised(name) in telling),
        encoding=reading.encoding,
        rival_encoding=reading.rival_encoding,
        delimiter=reading.delimiter,
        header_line=reading.header_line,
        rows=reading.data_rows,
        records=len(records.records),
        rejected=len(records.rejects) + len(reading.rejects),
        balance=reading.balance,
        columns=tuple(
            Column(name, place, reading.examples.get(name))
            for name, place in reading.places.items()
            if place != IGNORED
        ),
        unmapped=reading.unmapped,
        ignored=reading.ignored,
        compared=uses(further_columns(records)),
        emails=email_counts(records.emails),
        phones=phone_counts(records.phones),
        dates=tuple(
            f"{_DATES[column]}: {'month' if month_first else 'day'} first, decided by {why}"
            for column, month_first, why in records.date_orders.select("column", "is_month_first", "why").iter_rows()
        ),
        problems=_most_frequent(wrong),
    )


_DATES = {"birthdate": "birth dates", "created": "dates of creation", "updated": "dates of change"}


def _row_problems(reading: Reading) -> pl.DataFrame:
    rejects = reading.rejects.select(what=pl.format("row: {}", "reason"), line="line")
    return conform(rejects, PROBLEMS)


def _undeliverable(records: Records) -> pl.DataFrame:
    from connectors.mail_servers import without_mail

    mails = records.emails.drop_nulls("email").select("record", domain=pl.col("email").str.extract(r"@([^@]+)$"))
    problem_of = without_mail(mails["domain"].unique())
    undeliverable = mails.with_columns(
        problem=pl.col("domain").replace_strict(problem_of, default=None, return_dtype=pl.String)
    )
    undeliverable = undeliverable.drop_nulls("problem").join(
        records.records.select("record", "line"), on="record", how="left"
    )
    return conform(undeliverable.select(what=pl.format("e-mail: {}", "problem"), line="line"), PROBLEMS)


def _most_frequent(values: pl.DataFrame) -> tuple[Problem, ...]:
    counted = (
        values.group_by("what", maintain_order=True)
        .agg(count=pl.len(), lines=pl.col("line").drop_nulls().unique().sort().head(MOST_LINES))
        .sort("count", descending=True, maintain_order=True)
        .head(MOST_PROBLEMS)
    )
    return tuple(Problem(what, count, tuple(lines)) for what, count, lines in counted.iter_rows())
