"""Reading an export file: bytes to text, text to rows, rows to places.

Every row of the file ends as a row of `ROWS` or in `REJECTS` with file, line, reason and raw text.
"""

from __future__ import annotations

import csv
import gc
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from charset_normalizer import from_bytes

from connectors.exports.cards import cards, is_cards
from connectors.exports.containers import Part, parts
from connectors.exports.formats import Format, known_formats, normalised, recognise
from transforms.errors import InputError
from transforms.schema import ADDRESS_PARTS, REJECTS, ROWS, conform

DELIMITERS = ",;\t|"
CHUNK = 50_000
"""Rows that are held as lists of cells at once."""
HEADER_WITHIN = 20
"""A header is looked for in this many first rows: some exports put text above it."""

SAMPLE_BYTES = 1 << 18
DEFUSED = r"^'([=+\-@\t\r])"
"""What writers, ours among them, put before a text that a spreadsheet would take for a formula."""
TAGS = {"work", "home", "mobile", "fax", "main", "billing", "shipping"}
_MARKS = [
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
]
_ENCODINGS = ["utf_8", "cp1252", "cp1250", "cp1251", "cp1255", "mac_roman"]

csv.field_size_limit(1 << 24)


@dataclass(frozen=True)
class Reading:
    """What became of one file: its rows, its rejects, and how it was understood."""

    file: str
    rows: pl.DataFrame
    rejects: pl.DataFrame
    format: str
    encoding: str
    delimiter: str
    header_line: int
    places: dict[str, str] = field(default_factory=dict)
    unmapped: tuple[str, ...] = ()
    data_rows: int = 0


class _Line(NamedTuple):
    """One record of the file: where it begins, its cells, its raw text, and what is wrong with it."""

    number: int
    cells: list[str]
    raw: str
    problem: str | None = None


def read_file(
    path: Path,
    *,
    source: str,
    rank: int,
    region: str | None = None,
    format_name: str | None = None,
    first_row: int = 1,
    identifiers: Sequence[str] = (),
    key_column: str | None = None,
) -> list[Reading]:
    """The tables and sets of cards of one export file as rows of the schema `ROWS`; a packed file may hold several.

    Args:
        path: the file: a text table, a workbook, vCards, or any of them packed by gzip or zip.
        source: the name of the source it belongs to.
        rank: the source's place in the order of trust, 0 first.
        region: the country (ISO 3166 alpha-2) that phones without a country code are taken to be in.
        format_name: the format to read tables as; recognised by their headers when not given.
        first_row: the number of the file's first data row within its source.
        identifiers: further columns that identify a person, by header.
        key_column: the column that holds the row's own id in its source, by header.

    Raises:
        InputError: the file is damaged or empty, or nothing in it has a column that can be used.
    """
    readings: list[Reading] = []
    problems: list[InputError] = []
    for part in parts(path):
        placed = _Placed(source, rank, region, part.name, first_row + sum(one.data_rows for one in readings))
        try:
            readings.append(_read_part(part, placed, format_name, identifiers, key_column))
        except InputError as error:
            problems.append(error)
    if not readings or (problems and len(readings) + len(problems) == 1):
        raise problems[0]
    readings += [_unusable(error, source) for error in problems]
    return readings


def read_export(path: Path, **more: Any) -> Reading:  # noqa: ANN401 - as `read_file`
    """The one table, or set of cards, of an export file. See `read_file`.

    Raises:
        InputError: as there, or the file holds several.
    """
    readings = read_file(path, **more)
    if len(readings) > 1:
        raise InputError(f"{path.name} holds several tables: give one of them.")
    return readings[0]


class _Placed(NamedTuple):
    """Where rows come from."""

    source: str
    rank: int
    region: str | None
    file: str
    first_row: int

    def columns(self) -> dict[str, pl.Expr]:
        return {
            "source": pl.lit(self.source),
            "source_rank": pl.lit(self.rank),
            "region": pl.lit(self.region, dtype=pl.String),
            "file": pl.lit(self.file),
        }


def _read_part(
    part: Part, placed: _Placed, format_name: str | None, identifiers: Sequence[str], key_column: str | None
) -> Reading:
    if part.sheet is not None:
        rows = (row for row in enumerate(part.sheet, start=1) if any(row[1]))
        lines: Iterator[_Line] = (_Line(number, cells, _as_csv(cells)) for number, cells in rows)
        return _read_table(lines, placed, format_name, identifiers, key_column, encoding="workbook", delimiter="")
    text, encoding = _decode(part)
    if is_cards(text):
        return _read_cards(text, placed, encoding)
    delimiter = _delimiter(text)
    lines = _records(text, delimiter)
    del text
    with _uncollected():
        return _read_table(lines, placed, format_name, identifiers, key_column, encoding=encoding, delimiter=delimiter)


def _read_table(
    lines: Iterator[_Line],
    placed: _Placed,
    format_name: str | None,
    identifiers: Sequence[str],
    key_column: str | None,
    *,
    encoding: str,
    delimiter: str,
) -> Reading:
    start = list(islice(lines, HEADER_WITHIN))
    before, header = _header(start, placed.file)
    layout = _layout(header.cells, format_name, identifiers, key_column, placed.file)
    rest = chain(start[before + 1 :], lines)
    frames, rejects = [pl.DataFrame(schema=dict(ROWS))], list[dict[str, object]]()
    row = placed.first_row - 1
    width, names = len(header.cells), [normalised(cell) for cell in header.cells]
    while several := list(islice(rest, CHUNK)):
        good: list[_Line] = []
        numbers: list[int] = []
        for line in several:
            problem = line.problem or _misfit(line.cells, names)
            row += 1
            if problem:
                rejects.append({"line": line.number, "row": row, "reason": problem, "raw": line.raw})
            else:
                good.append(line)
                numbers.append(row)
        frames.append(_frame(good, numbers, width, layout, placed))
    return Reading(
        file=placed.file,
        rows=pl.concat(frames),
        rejects=_rejected(rejects, placed),
        format=layout.format.name,
        encoding=encoding,
        delimiter=delimiter,
        header_line=header.number,
        places={name: place for name, place in layout.places.items() if place is not None},
        unmapped=tuple(layout.unmapped),
        data_rows=row - placed.first_row + 1,
    )


@contextmanager
def _uncollected() -> Iterator[None]:
    """While rows are made: they hold no cycles, so nothing is gained by looking for some again and again."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _frame(good: list[_Line], numbers: list[int], width: int, layout: _Layout, placed: _Placed) -> pl.DataFrame:
    """Rows of a table as `ROWS`; short ones are filled up, long ones have only empty cells too many."""
    whole = (line.cells if len(line.cells) == width else (line.cells + [""] * width)[:width] for line in good)
    columns = list(zip(*whole, strict=True)) or [()] * width
    cells = {
        name: pl.Series(name, columns[index], dtype=pl.String).str.replace(DEFUSED, "$1")
        for index, name in enumerate(layout.columns)
        if name in layout.wanted
    }
    frame = pl.DataFrame(
        {
            **cells,
            ".line": pl.Series([line.number for line in good], dtype=pl.UInt32),
            ".row": pl.Series(numbers, dtype=pl.UInt32),
            ".raw": pl.Series([line.raw for line in good], dtype=pl.String),
        }
    )
    rows = frame.select(
        line=pl.col(".line"), row=pl.col(".row"), raw=pl.col(".raw"), **placed.columns(), **layout.expressions()
    )
    return conform(rows, ROWS)


def _read_cards(text: str, placed: _Placed, encoding: str) -> Reading:
    rows, rejects = list[dict[str, object]](), list[dict[str, object]]()
    row = placed.first_row - 1
    for line, raw, places in cards(text):
        row += 1
        if isinstance(places, str):
            rejects.append({"line": line, "row": row, "reason": places, "raw": raw})
        else:
            rows.append({"line": line, "row": row, "raw": raw, **places})
    frame = pl.DataFrame(rows, schema_overrides={name: kind for name, kind in ROWS.items() if rows and name in rows[0]})
    return Reading(
        file=placed.file,
        rows=conform(frame.with_columns(**placed.columns()) if rows else frame, ROWS),
        rejects=_rejected(rejects, placed),
        format="vcard",
        encoding=encoding,
        delimiter="",
        header_line=1,
        data_rows=row - placed.first_row + 1,
    )


def _rejected(rejects: list[dict[str, object]], placed: _Placed) -> pl.DataFrame:
    where = {name: one for name, one in placed.columns().items() if name in REJECTS}
    schema = {name: kind for name, kind in REJECTS.items() if name in ("line", "row", "reason", "raw")}
    return conform(pl.DataFrame(rejects, schema=schema).with_columns(**where), REJECTS)


def _unusable(error: InputError, source: str) -> Reading:
    """One table of several that cannot be used: it is rejected whole."""
    name = str(error).partition(" ")[0]
    reject: dict[str, object] = {"line": 1, "row": None, "reason": str(error), "raw": None}
    placed = _Placed(source, 0, None, name, 1)
    return Reading(name, pl.DataFrame(schema=dict(ROWS)), _rejected([reject], placed), "unknown", "", "", 1)


def _as_csv(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def _decode(part: Part) -> tuple[str, str]:
    data = part.data
    if not data.strip(b"\r\n\t \x00\xef\xbb\xbf"):
        raise InputError(f"{part.name} is empty: there is nothing to import in it.")
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace"), encoding.removesuffix("-sig")
    if b"\x00" in data[:SAMPLE_BYTES]:
        raise InputError(f"{part.name} is not a text table: export it again as CSV.")
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        best = from_bytes(data[:SAMPLE_BYTES], cp_isolation=_ENCODINGS).best()
        encoding = best.encoding if best is not None else "cp1252"
        text, western = data.decode(encoding, errors="replace"), data.decode("cp1252", errors="replace")
        return (text, "cp1252") if text == western else (text, encoding)


def _delimiter(text: str) -> str:
    """The delimiter under which most headers are known, then the first rows agree best on their number of cells."""
    first = text[: 1 << 16]
    if first[:4].lower() == "sep=" and len(first) > 4:
        return first[4]

    def evidence(delimiter: str) -> tuple[int, float, int]:
        reader = csv.reader(io.StringIO(first, newline=""), delimiter=delimiter)
        rows = [cells for cells, _ in zip(reader, range(HEADER_WITHIN), strict=False) if cells]
        counts = [len(cells) for cells in rows]
        if max(counts, default=0) < 2:
            return (0, 0.0, 0)
        usual = max(set(counts), key=lambda count: (counts.count(count), count))
        return (max(_known(cells) for cells in rows), counts.count(usual) / len(counts), usual)

    return max(DELIMITERS, key=evidence)


def _records(text: str, delimiter: str) -> Iterator[_Line]:
    """The file's records with the line each begins on; one that cannot be parsed costs only its own line."""
    lines = list(io.StringIO(text, newline=""))
    del text
    start = 0
    if lines and lines[0].lower().startswith("sep") and len(next(csv.reader([lines[0]], delimiter=delimiter), [])) < 3:
        cells = next(csv.reader([lines[0]], delimiter=delimiter), [])
        start = int(len(cells) == 1 or not any(cells[1:]))
    while start < len(lines):
        reader = csv.reader(islice(lines, start, None), delimiter=delimiter, strict=True)
        origin = start
        try:
            for cells in reader:
                end = origin + reader.line_num
                if cells:
                    raw = lines[start] if end == start + 1 else "".join(lines[start:end])
                    yield _Line(start + 1, cells, raw.rstrip("\r\n"))
                start = end
            start = len(lines)
        except csv.Error:
            yield _repaired(lines[start], start + 1, delimiter)
            start += 1


def _repaired(line: str, number: int, delimiter: str) -> _Line:
    """A line that breaks the quoting rules, read leniently when its quotes are at least paired."""
    raw = line.rstrip("\r\n")
    if line.count('"') % 2 == 0:
        cells = next(csv.reader([line], delimiter=delimiter), [])
        return _Line(number, cells, raw)
    return _Line(number, [], raw, "a quote is opened and never closed")


def _known(cells: Sequence[str]) -> int:
    """How many of these cells are headers that are known."""
    names = [normalised(cell) for cell in cells]
    form, generic = recognise(names), known_formats()["generic"]
    return sum(1 for name in names if name and (form.place(name) is not None or generic.place(name) is not None))


def _header(lines: list[_Line], name: str) -> tuple[int, _Line]:
    """The index and the record of the header: the first rows' line that most headers are known of."""
    candidates = lines[:HEADER_WITHIN]
    scores = [_known(line.cells) for line in candidates]
    if not scores or max(scores) == 0:
        raise InputError(
            f"{name} has no column that can be used: none of its headers names a person, an e-mail or a phone."
        )
    index = scores.index(max(scores))
    return index, candidates[index]


def _misfit(cells: list[str], names: list[str]) -> str | None:
    """Why a line is no row of a table with these columns (their names normalised), if so."""
    if not any(cell.strip() for cell in cells):
        return "the row is empty"
    width = len(names)
    if len(cells) == width:
        if normalised(cells[0]) == names[0] and [normalised(cell) for cell in cells] == names:
            return "the header again"
        if cells[0][:1] not in ("#", " ", "\t") or cells[0].lstrip()[:1] != "#":
            return None
    alone = not any(cell.strip() for cell in cells[1:])
    if cells[0].lstrip().startswith("#") and (alone or len(cells) < width):
        return "a comment, not a row"
    if len(cells) == 1 < width and "@" not in cells[0]:
        return f"1 cell where the header has {width}"
    if any(cell.strip() for cell in cells[width:]):
        return f"{len(cells)} cells where the header has {width}"
    return None


@dataclass(frozen=True)
class _Layout:
    """Which column of the file goes to which place of a row."""

    format: Format
    columns: list[str]
    places: dict[str, str | None]
    identifiers: frozenset[str]

    @property
    def unmapped(self) -> list[str]:
        return [name for name, place in self.places.items() if place is None and name not in self.identifiers]

    @property
    def wanted(self) -> set[str]:
        return {name for name, place in self.places.items() if place != "ignored"} | self.identifiers

    def expressions(self) -> dict[str, pl.Expr]:
        """One expression a column of `ROWS` that the file has something for."""
        singles: dict[str, pl.Expr] = {}
        slots: dict[str, dict[str, dict[str, pl.Expr]]] = {}
        labels: list[pl.Expr] = []
        for name, place in self.places.items():
            if place in (None, "ignored"):
                continue
            cell = pl.col(name)
            head, _, rest = str(place).partition(".")
            if head == "labels":
                labels.append(cell)
            elif rest:
                slot, _, part = rest.partition(".")
                slots.setdefault(head, {}).setdefault(slot, {})[part or "value"] = cell
            else:
                filled = pl.when(cell.str.strip_chars() != "").then(cell)
                singles[head] = pl.coalesce(singles[head], filled) if head in singles else filled
        if parts := [singles.pop(one) for one in ("birth_year", "birth_month", "birth_day") if one in singles]:
            singles["birthdate"] = _birthdate(*parts) if len(parts) == 3 else pl.lit(None, dtype=pl.String)
        lists = {
            head: pl.concat_list([_slot(self.format, head, slot, parts) for slot, parts in by_slot.items()])
            for head, by_slot in slots.items()
        }
        if labels:
            lists["labels"] = pl.concat_list(labels)
        for column, names in (("extras", self.unmapped), ("identifiers", sorted(self.identifiers))):
            if names:
                lists[column] = pl.concat_list([pl.struct(name=pl.lit(name), value=pl.col(name)) for name in names])
        return singles | lists


def _birthdate(year: pl.Expr, month: pl.Expr, day: pl.Expr) -> pl.Expr:
    """A date from its three columns; without a year, a birthday."""
    tail = pl.concat_str(month.str.zfill(2), day.str.zfill(2), separator="-")
    return pl.concat_str(year.fill_null("-"), tail, separator="-")


def _slot(form: Format, head: str, slot: str, parts: dict[str, pl.Expr]) -> pl.Expr:
    """One element of a list column: an e-mail, a phone or an address of the row."""
    nothing = pl.lit(None, dtype=pl.String)
    name = slot.rstrip("0123456789")
    tag = parts.get("tag", pl.lit(name.upper()) if name in TAGS else nothing)
    if head == "phones" and form.bare_international and "value" in parts:
        parts = {**parts, "value": parts["value"].str.replace(r"^([1-9]\d{7,14})$", "+$1")}
    if head == "emails":
        return pl.struct(value=parts.get("value", nothing), tag=tag)
    if head == "phones":
        return pl.struct(value=parts.get("value", nothing), tag=tag, country=parts.get("country", nothing))
    if "number" in parts:
        street = pl.concat_str([parts["number"], parts.get("street", nothing)], separator=" ", ignore_nulls=True)
        parts = {**parts, "street": street}
    return pl.struct(tag.alias("tag"), *[parts.get(part, nothing).alias(part) for part in ADDRESS_PARTS])


def _layout(
    header: list[str], format_name: str | None, identifiers: Sequence[str], key_column: str | None, file: str
) -> _Layout:
    columns = _unique(header)
    names = [normalised(cell) for cell in header]
    generic = known_formats()["generic"]
    if format_name is not None and format_name not in known_formats():
        known = ", ".join(known_formats())
        raise InputError(f"{file}: there is no format {format_name!r}. Known formats: {known}.")
    form = known_formats()[format_name] if format_name is not None else recognise(names)
    places: dict[str, str | None] = {}
    for column, name in zip(columns, names, strict=True):
        place = form.place(name)
        places[column] = generic.place(name) if place is None and form is not generic and name else place
    declared = frozenset(_named(columns, wanted, file) for wanted in identifiers)
    places = {column: None if column in declared else place for column, place in places.items()}
    if key_column is not None:
        chosen = _named(columns, key_column, file)
        places = {column: None if place == "source_key" else place for column, place in places.items()}
        places[chosen] = "source_key"
    telling = {"first", "last", "full_name", "emails", "phones"}
    if not declared and not telling.intersection(str(place).partition(".")[0] for place in places.values()):
        raise InputError(
            f"{name} has no column that can be used: none of its headers names a person, an e-mail or a phone."
        )
    return _Layout(form, columns, places, declared)


def _named(columns: list[str], wanted: str, file: str) -> str:
    for column in columns:
        if normalised(column) == normalised(wanted):
            return column
    raise InputError(f"{file} has no column {wanted!r}. Its columns: {', '.join(columns)}.")


def _unique(header: list[str]) -> list[str]:
    """Column names without repeats: a blank one is called by its number, a second one `Name (2)`."""
    names: list[str] = []
    for number, cell in enumerate(header, start=1):
        base = cell.replace("\ufeff", "").strip() or f"column {number}"
        name, copy = base, 1
        while name in names:
            copy += 1
            name = f"{base} ({copy})"
        names.append(name)
    return names
