"""Reading an export file: bytes to text, text to rows, rows to places.

Every row of the file ends as a row of `ROWS` or in `REJECTS` with file, line, reason and raw text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from charset_normalizer import from_bytes

from connectors.exports.formats import Format, known_formats, normalised, recognise
from transforms.errors import InputError
from transforms.schema import ADDRESS_PARTS, REJECTS, ROWS, conform

DELIMITERS = ",;\t|"
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

    rows: pl.DataFrame
    rejects: pl.DataFrame
    format: str
    encoding: str
    delimiter: str
    header_line: int
    places: dict[str, str] = field(default_factory=dict)
    unmapped: tuple[str, ...] = ()
    data_rows: int = 0


@dataclass(frozen=True)
class _Line:
    """One record of the file: where it begins, its cells, its raw text, and what is wrong with it."""

    number: int
    cells: list[str]
    raw: str
    problem: str | None = None


def read_export(
    path: Path,
    *,
    source: str,
    rank: int,
    region: str | None = None,
    format_name: str | None = None,
    first_row: int = 1,
    identifiers: Sequence[str] = (),
    key_column: str | None = None,
) -> Reading:
    """One export file as rows of the schema `ROWS`.

    Args:
        path: the file.
        source: the name of the source it belongs to.
        rank: the source's place in the order of trust, 0 first.
        region: the country (ISO 3166 alpha-2) that phones without a country code are taken to be in.
        format_name: the format to read it as; recognised by its headers when not given.
        first_row: the number of the file's first data row within its source.
        identifiers: further columns that identify a person, by header.
        key_column: the column that holds the row's own id in its source, by header.

    Raises:
        InputError: the file is not a text table, is empty, or has no column that can be used.
    """
    text, encoding = _decode(path)
    delimiter = _delimiter(text)
    lines = _records(text, delimiter)
    before, header = _header(lines, path)
    layout = _layout(header.cells, format_name, identifiers, key_column, path)
    good: list[_Line] = []
    numbers: list[int] = []
    rejects: list[dict[str, object]] = []
    row = first_row - 1
    for line in lines[before + 1 :]:
        problem = line.problem or _misfit(line.cells, header.cells)
        row += 1
        if problem:
            rejects.append({"line": line.number, "row": row, "reason": problem, "raw": line.raw})
        else:
            good.append(line)
            numbers.append(row)
    width = len(header.cells)
    columns = list(zip(*((line.cells + [""] * width)[:width] for line in good), strict=True)) or [()] * width
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
    placed = {"source": pl.lit(source), "file": pl.lit(path.name), "region": pl.lit(region, dtype=pl.String)}
    rows = frame.select(
        source_rank=pl.lit(rank),
        line=pl.col(".line"),
        row=pl.col(".row"),
        raw=pl.col(".raw"),
        **placed,
        **layout.expressions(),
    )
    return Reading(
        rows=conform(rows, ROWS),
        rejects=conform(pl.DataFrame(rejects).with_columns(**placed) if rejects else pl.DataFrame(), REJECTS),
        format=layout.format.name,
        encoding=encoding,
        delimiter=delimiter,
        header_line=header.number,
        places={name: place for name, place in layout.places.items() if place is not None},
        unmapped=tuple(layout.unmapped),
        data_rows=row - first_row + 1,
    )


def _decode(path: Path) -> tuple[str, str]:
    data = path.read_bytes()
    if not data.strip(b"\r\n\t \x00\xef\xbb\xbf"):
        raise InputError(f"{path.name} is empty: there is nothing to import in it.")
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace"), encoding.removesuffix("-sig")
    if b"\x00" in data[:SAMPLE_BYTES] or data.startswith((b"%PDF", b"PK\x03\x04", b"\x1f\x8b", b"\x89PNG")):
        raise InputError(f"{path.name} is not a text table: export it again as CSV.")
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


def _records(text: str, delimiter: str) -> list[_Line]:
    """The file's records with the line each begins on; one that cannot be parsed costs only its own line."""
    lines = list(io.StringIO(text, newline=""))
    records: list[_Line] = []
    start = 0
    while start < len(lines):
        reader = csv.reader(_from(lines, start), delimiter=delimiter, strict=True)
        origin = start
        try:
            for cells in reader:
                end = origin + reader.line_num
                if cells:
                    records.append(_Line(start + 1, cells, "".join(lines[start:end]).rstrip("\r\n")))
                start = end
            start = len(lines)
        except csv.Error:
            records.append(_repaired(lines[start], start + 1, delimiter))
            start += 1
    if records and len(records[0].cells) == 1 and records[0].cells[0].lower().startswith("sep"):
        del records[0]
    return records


def _from(lines: list[str], start: int) -> Iterator[str]:
    for index in range(start, len(lines)):
        yield lines[index]


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


def _header(lines: list[_Line], path: Path) -> tuple[int, _Line]:
    """The index and the record of the header: the first rows' line that most headers are known of."""
    candidates = lines[:HEADER_WITHIN]
    scores = [_known(line.cells) for line in candidates]
    if not scores or max(scores) == 0:
        raise InputError(
            f"{path.name} has no column that can be used: none of its headers names a person, an e-mail or a phone."
        )
    index = scores.index(max(scores))
    return index, candidates[index]


def _misfit(cells: list[str], header: list[str]) -> str | None:
    if not any(cell.strip() for cell in cells):
        return "the row is empty"
    if [normalised(cell) for cell in cells] == [normalised(cell) for cell in header]:
        return "the header again"
    alone = not any(cell.strip() for cell in cells[1:])
    if cells[0].lstrip().startswith("#") and (alone or len(cells) < len(header)):
        return "a comment, not a row"
    if len(cells) == 1 < len(header) and "@" not in cells[0]:
        return f"1 cell where the header has {len(header)}"
    if any(cell.strip() for cell in cells[len(header) :]):
        return f"{len(cells)} cells where the header has {len(header)}"
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
    header: list[str], format_name: str | None, identifiers: Sequence[str], key_column: str | None, path: Path
) -> _Layout:
    columns = _unique(header)
    names = [normalised(cell) for cell in header]
    generic = known_formats()["generic"]
    if format_name is not None and format_name not in known_formats():
        known = ", ".join(known_formats())
        raise InputError(f"{path.name}: there is no format {format_name!r}. Known formats: {known}.")
    form = known_formats()[format_name] if format_name is not None else recognise(names)
    places: dict[str, str | None] = {}
    for column, name in zip(columns, names, strict=True):
        place = form.place(name)
        places[column] = generic.place(name) if place is None and form is not generic and name else place
    declared = frozenset(_named(columns, wanted, path) for wanted in identifiers)
    places = {column: None if column in declared else place for column, place in places.items()}
    if key_column is not None:
        chosen = _named(columns, key_column, path)
        places = {column: None if place == "source_key" else place for column, place in places.items()}
        places[chosen] = "source_key"
    telling = {"first", "last", "full_name", "emails", "phones"}
    if not declared and not telling.intersection(str(place).partition(".")[0] for place in places.values()):
        raise InputError(
            f"{path.name} has no column that can be used: none of its headers names a person, an e-mail or a phone."
        )
    return _Layout(form, columns, places, declared)


def _named(columns: list[str], wanted: str, path: Path) -> str:
    for column in columns:
        if normalised(column) == normalised(wanted):
            return column
    raise InputError(f"{path.name} has no column {wanted!r}. Its columns: {', '.join(columns)}.")


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
