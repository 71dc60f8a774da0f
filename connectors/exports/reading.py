"""Reading an export file: bytes to text, text to rows, rows to places.

Every row of the file ends as a row of `ROWS` or in `REJECTS` with file, line, reason and raw text. A text is read in
pieces: what is held of the file itself does not grow with it.
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from connectors.exports.balance import Balance, balance
from connectors.exports.cards import cards, is_cards
from connectors.exports.containers import Part, parts
from connectors.exports.decoding import decoded, doubt_about
from connectors.exports.formats import normalised
from connectors.exports.guards import unguarded
from connectors.exports.layout import Layout, how_many_known, layout, no_column
from connectors.exports.limits import Limits
from connectors.exports.lines import CHUNK, Line, Piece, pieces, rows
from transforms.schema.errors import InputError
from transforms.schema.tables import REJECTS, ROWS, conform, empty

DELIMITERS = ",;\t|"
HEADER_WITHIN = 20
"""First rows among which the header is looked for: some exports put text above it."""
ROWS_LOOKED_AT = 100
"""Cells of a column that are looked at before all of them."""
PIECES_AT_ONCE = 4
"""Pieces of a table that wait to be put in their places."""


@dataclass(frozen=True)
class Reading:
    """The reading of one file: its rows, its rejects, and how it was understood.

    Attributes:
        rival_encoding: an encoding that is nearly as likely, and gives another text.
        balance: where its filled cells went; not counted where the rows come by content.
    """

    file: str
    rows: pl.DataFrame
    rejects: pl.DataFrame
    format: str
    encoding: str = ""
    rival_encoding: str | None = None
    delimiter: str = ""
    header_line: int = 1
    places: dict[str, str] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    unmapped: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    data_rows: int = 0
    balance: Balance = field(default_factory=Balance)

    def doubt(self) -> str | None:
        """Why a person should look at how the file was read, if one should."""
        return doubt_about(self.file, self.encoding, self.rival_encoding)


@dataclass(frozen=True)
class Wanted:
    """The wishes about reading the tables of a file.

    Attributes:
        source: the name of the source the file belongs to.
        rank: the source's place in the order of trust, 0 first.
        region: the country (ISO 3166 alpha-2) that phones without a country code are taken to be in.
        format_name: the format to read tables as; recognised by their headers when not given.
        columns: places that a person has chosen, by header.
        encoding: what texts are in; found when not given.
        auto_saved: whether rows are wanted that an address book saved on its own.
        first_row: the number of the file's first data row within its source.
        identifiers: further columns that identify a person, by header.
        key_column: the column that holds the row's own id in its source, by header.
        by_content: whether the rows come in an order that depends on what they say alone, instead of the file's.
        limits: how large what is read may be.
    """

    source: str
    rank: int
    region: str | None = None
    format_name: str | None = None
    encoding: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    auto_saved: bool = False
    first_row: int = 1
    identifiers: Sequence[str] = ()
    key_column: str | None = None
    by_content: bool = False
    limits: Limits = field(default_factory=Limits)

    @property
    def named(self) -> set[str]:
        """The headers that were named, folded."""
        return {normalised(column) for column in (*self.columns, *self.identifiers, *filter(None, [self.key_column]))}

    def placed(self, file: str) -> dict[str, pl.Expr]:
        """The columns of `ROWS` that say where a row comes from."""
        return {
            "source": pl.lit(self.source),
            "source_rank": pl.lit(self.rank, dtype=pl.Int32),
            "region": pl.lit(self.region, dtype=pl.String),
            "file": pl.lit(file),
        }


class _Table(NamedTuple):
    """The reading of a piece of a table, and the first filled cell of each column."""

    rows: pl.DataFrame
    rejects: pl.DataFrame
    examples: dict[str, str]
    rejected: pl.DataFrame
    balance: Balance = Balance()


class _Origin(NamedTuple):
    """The origin of a table."""

    encoding: str
    delimiter: str = ""
    rival_encoding: str | None = None


_LINE_END = re.compile(r"\r\n|\r|\n")
_NAMED_DELIMITER = re.compile(r"sep=([^\w\s\"]|\t)\s*(?:\r\n|\r|\n|$)", re.IGNORECASE | re.ASCII)
_HEADER_AGAIN = "the header again"
_AUTO_SAVED = "saved by the address book on its own; [[source]] auto_saved = true takes such rows"


def read_file(path: Path, **wanted: Any) -> list[Reading]:  # noqa: ANN401 - as `Wanted`
    """The tables and sets of cards of one export file as rows of the schema `ROWS`; a packed file may hold several.

    Args:
        path: the file: a text table, a workbook, vCards, or any of them packed by gzip or zip.
        wanted: see `Wanted`.

    Raises:
        InputError: the file is damaged or empty, or nothing in it has a column that can be used.
    """
    how = Wanted(**wanted)
    readings: list[Reading] = []
    problems: list[tuple[str, InputError]] = []
    try:
        for part in parts(path, how.limits):
            here = replace(how, first_row=how.first_row + sum(reading.data_rows for reading in readings))
            try:
                readings.append(_read_part(part, here))
            except InputError as error:
                problems.append((part.name, error))
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    if not readings or (problems and len(readings) + len(problems) == 1):
        raise problems[0][1]
    for reading in readings:
        assert len(reading.rows) + reading.rejects["row"].count() == reading.data_rows
    return readings + [_unusable(name, error, how) for name, error in problems]


def read_export(path: Path, **wanted: Any) -> Reading:  # noqa: ANN401 - as `Wanted`
    """The one table, or set of cards, of an export file. See `read_file`.

    Raises:
        InputError: as there, or the file holds several.
    """
    readings = read_file(path, **wanted)
    if len(readings) > 1:
        raise InputError(f"{path.name} holds several tables: give one of them.")
    return readings[0]


def header_cells(line: str) -> list[str]:
    """The cells of a table's header line, apart at whichever delimiter makes most of them known."""
    delimiter, _ = _delimiter(line, Wanted("header", 0))
    return next((row.cells for row in rows(iter([line]), delimiter)), [])


def _read_part(part: Part, wanted: Wanted) -> Reading:
    if part.sheet is not None:
        filled = [Line(number, cells, _as_csv(cells)) for number, cells in enumerate(part.sheet, start=1) if any(cells)]
        before, header = _header(filled[:HEADER_WITHIN], part.name, wanted)
        return _read_table(
            part.name,
            header,
            [Piece(filled[before + 1 :])],
            wanted,
            _Origin(part.encoding),
        )
    with part.file as file:
        text = decoded(part.name, file, wanted.encoding)
        head = text.head()
        if is_cards(head):
            return _read_cards(part.name, text.lines(), wanted, _Origin(text.encoding, rival_encoding=text.rival))
        delimiter, begin = _delimiter(head, wanted)
        beginning = text.lines()
        lines_read = rows(islice(beginning, begin, None), delimiter)
        _, header = _header(list(islice(lines_read, HEADER_WITHIN)), part.name, wanted)
        beginning.close()
        header = header._replace(number=begin + header.number)
        behind = header.number + 1 + len(_LINE_END.findall(header.raw))
        lines = islice(text.lines(), behind - 1, None)
        several = pieces(lines, delimiter, len(header.cells), first_line=behind)
        return _read_table(part.name, header, several, wanted, _Origin(text.encoding, delimiter, text.rival))


def _read_table(name: str, header: Line, several: Iterable[Piece], wanted: Wanted, origin: _Origin) -> Reading:
    places = layout(
        header.cells,
        name,
        format_name=wanted.format_name,
        columns=wanted.columns,
        identifiers=wanted.identifiers,
        key_column=wanted.key_column,
    )
    where = wanted.placed(name)

    def placed(lines: pl.DataFrame) -> pl.DataFrame:
        return conform(lines.select("line", "row", "raw", **where, **places.expressions()), ROWS)

    def work(piece: Piece, row: int) -> _Table:
        table = _table(piece, row, header, places, where, wanted)
        if wanted.by_content:
            return table
        rows = placed(table.rows)
        counted = balance(table.rows, rows, table.rejected, places, name)
        return table._replace(rows=rows, rejected=table.rejected.clear(), balance=counted)

    tables: list[_Table] = []
    row = wanted.first_row
    with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
        waiting: deque[Future[_Table]] = deque()
        for piece in several:
            waiting.append(threads.submit(work, piece, row))
            row += len(piece)
            if len(waiting) > PIECES_AT_ONCE:
                tables.append(waiting.popleft().result())
        tables += [piece.result() for piece in waiting]
        frames = [table.rows for table in tables]
        if wanted.by_content and frames:
            frames = list(threads.map(placed, _by_content(pl.concat(frames)).iter_slices(CHUNK)))
    examples: dict[str, str] = {}
    for table in tables:
        examples = table.examples | examples
    return Reading(
        file=name,
        rows=pl.concat([empty(ROWS), *frames]),
        rejects=pl.concat([empty(REJECTS), *(table.rejects for table in tables)]),
        format=places.format.name,
        encoding=origin.encoding,
        rival_encoding=origin.rival_encoding,
        delimiter=origin.delimiter,
        header_line=header.number,
        places={column: place for column, place in places.places.items() if place is not None},
        examples=examples,
        unmapped=tuple(places.unmapped),
        ignored=tuple(places.ignored),
        data_rows=row - wanted.first_row,
        balance=sum((table.balance for table in tables), Balance()),
    )


def _table(
    piece: Piece, row: int, header: Line, places: Layout, where: Mapping[str, pl.Expr], wanted: Wanted
) -> _Table:
    """A piece's rows by their cells `0`, `1` …, the first of them being this `row` of its source."""
    lines = _together(piece, header)
    lines = lines.with_columns(pl.int_range(row, row + len(lines), dtype=pl.UInt32, eager=True).alias("row"))
    longest = wanted.limits.cell_characters
    if (lines["raw"].str.len_bytes() > longest).any():
        is_long = pl.any_horizontal(pl.col(str(at)).str.len_chars() > longest for at in range(len(header.cells)))
        reason = f"a cell of more than {longest:,} characters; [limits] cell_characters allows that"
        lines = lines.with_columns(reason=pl.coalesce("reason", pl.when(is_long).then(pl.lit(reason))))
    if not wanted.auto_saved and (unasked := places.unasked()) is not None:
        lines = lines.with_columns(reason=pl.coalesce("reason", pl.when(unasked).then(pl.lit(_AUTO_SAVED))))
    rejects = lines.filter(pl.col("reason").is_not_null())
    if len(rejects):
        lines = lines.filter(pl.col("reason").is_null())
    lines = lines.with_columns(unguarded(lines[at]) for at in map(str, places.wanted))
    filled = {places.columns[at]: _first_filled(lines[str(at)]) for at in places.wanted}
    return _Table(
        rows=lines.drop("reason"),
        rejects=conform(rejects.with_columns(**where), REJECTS),
        rejected=rejects,
        examples={column: cell for column, cell in filled.items() if cell},
    )


def _by_content(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows ordered by what they say (`raw`), which is left out then."""
    raw = rows["raw"]
    hashes = raw.hash(seed=0)
    order = hashes.arg_sort()
    again = (hashes.gather(order).diff() == 0).arg_true()
    if (raw.gather(order.gather(again)) != raw.gather(order.gather(again - 1))).any():  # two texts of one hash
        order = rows.select(pl.arg_sort_by(hashes, "raw")).to_series()
    return rows.drop("raw").rechunk()[order].with_columns(raw=pl.lit(None, dtype=pl.String))


def _together(piece: Piece, header: Line) -> pl.DataFrame:
    """The rows of a piece in their order: `line`, `raw`, the cells as `0`, `1` …, and `reason` where it is no row."""
    names = [normalised(cell) for cell in header.cells]
    width = len(names)
    several = [(line, line.problem or _misfit(line.cells, names)) for line in piece.single]
    cells = list(zip(*((line.cells + [""] * width)[:width] for line, _ in several), strict=True)) or [()] * width
    single = pl.DataFrame(
        {
            "line": pl.Series([line.number for line, _ in several], dtype=pl.UInt32),
            "raw": pl.Series([line.raw for line, _ in several], dtype=pl.String),
            **{str(at): pl.Series(column, dtype=pl.String) for at, column in enumerate(cells)},
            "reason": pl.Series([reason for _, reason in several], dtype=pl.String),
        }
    )
    if piece.text.is_empty():
        return single
    whole = piece.apart(width)
    again = _is_header(whole, header)
    whole = whole.with_columns(reason=pl.when(again).then(pl.lit(_HEADER_AGAIN))).select(single.columns)
    return whole.merge_sorted(single, key="line") if len(single) else whole


def _is_header(whole: pl.DataFrame, header: Line) -> pl.Series:
    """Which of these rows are the header once more."""
    begin = header.cells[0].strip().lower()
    long = (whole["0"].str.len_chars() >= len(begin)).arg_true()
    first = long.filter(whole["0"].gather(long).str.to_lowercase().str.strip_chars("\ufeff \t") == begin)
    names = [normalised(cell) for cell in header.cells]
    cells = whole.select(map(str, range(len(names))))
    same = [at for at in first if [normalised(cell) for cell in cells.row(at)] == names]
    nowhere = pl.Series([False]).new_from_index(0, len(whole))
    return nowhere.scatter(same, True) if same else nowhere


def _first_filled(cells: pl.Series) -> str | None:
    """The first cell with anything in it."""
    for part in (cells.head(ROWS_LOOKED_AT), cells):
        filled = part.str.contains(r"\S").arg_max()
        if filled is not None and (cell := str(part[filled]).strip()):
            return cell
    return None


def _read_cards(name: str, lines: Iterator[str], wanted: Wanted, origin: _Origin) -> Reading:
    card_rows, rejects = list[dict[str, object]](), list[dict[str, object]]()
    row, counted = wanted.first_row, Balance()
    for card in cards(lines, wanted.limits):
        where: dict[str, object] = {"line": card.line, "row": row, "raw": card.raw}
        if card.reason is not None:
            rejects.append({**where, "reason": card.reason})
        else:
            card_rows.append({**where, **card.places})
        counted += card.balance
        row += 1
    kinds = {name: kind for name, kind in ROWS.items() if card_rows and name in card_rows[0]}
    frame = pl.DataFrame(card_rows, schema_overrides=kinds)
    frame = frame.with_columns(**wanted.placed(name)) if card_rows else frame
    return Reading(
        file=name,
        rows=conform(_by_content(frame) if card_rows and wanted.by_content else frame, ROWS),
        rejects=_rejected(rejects, name, wanted),
        format="vcard",
        encoding=origin.encoding,
        rival_encoding=origin.rival_encoding,
        data_rows=row - wanted.first_row,
        balance=counted,
    )


def _rejected(rejects: list[dict[str, object]], name: str, wanted: Wanted) -> pl.DataFrame:
    schema = {name: kind for name, kind in REJECTS.items() if name in ("line", "row", "reason", "raw")}
    return conform(pl.DataFrame(rejects, schema=schema).with_columns(**wanted.placed(name)), REJECTS)


def _unusable(name: str, error: InputError, wanted: Wanted) -> Reading:
    """One table of several that cannot be used: it is rejected whole."""
    reject: dict[str, object] = {"line": 1, "row": None, "reason": str(error), "raw": None}
    return Reading(name, pl.DataFrame(schema=dict(ROWS)), _rejected([reject], name, wanted), "unknown")


def _as_csv(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def _delimiter(head: str, wanted: Wanted) -> tuple[str, int]:
    """The delimiter under which most headers are known, then the first rows agree best on their number of cells.

    A first line that names it (`sep=;`) is one to pass over: the second value is how many those are.
    """
    if named := _NAMED_DELIMITER.match(head):
        return named[1], 1

    def evidence(delimiter: str) -> tuple[int, float, int]:
        reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)
        several = [cells for cells, _ in zip(reader, range(HEADER_WITHIN), strict=False) if cells]
        counts = [len(cells) for cells in several]
        if max(counts, default=0) < 2:
            return (0, 0.0, 0)
        usual = max(set(counts), key=lambda count: (counts.count(count), count))
        return (max(_telling(cells, wanted) for cells in several), counts.count(usual) / len(counts), usual)

    return max(DELIMITERS, key=evidence), 0


def _telling(cells: Sequence[str], wanted: Wanted) -> int:
    """Number of cells that are known headers, or named by the user."""
    named = wanted.named
    return how_many_known(cells) + sum(normalised(cell) in named for cell in cells)


def _header(lines: list[Line], name: str, wanted: Wanted) -> tuple[int, Line]:
    """The index and the record of the header: the first rows' line that most headers are known of."""
    scores = [_telling(line.cells, wanted) for line in lines]
    if not scores or max(scores) == 0:
        raise no_column(name)
    index = scores.index(max(scores))
    return index, lines[index]


def _misfit(cells: list[str], names: list[str]) -> str | None:
    """Why a line is no row of a table with these columns (their names normalised), if so."""
    if not any(cell.strip() for cell in cells):
        return "the row is empty"
    width = len(names)
    if len(cells) == width:
        if normalised(cells[0]) == names[0] and [normalised(cell) for cell in cells] == names:
            return _HEADER_AGAIN
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
