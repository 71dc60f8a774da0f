"""Export files are read as they are; what cannot be read is rejected with file, line and reason."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.exports.formats import known_formats, normalised, recognise
from connectors.exports.lines import pieces
from connectors.exports.lines import rows as csv_rows
from connectors.exports.reading import read_export
from connectors.exports.writing import write_csv
from transforms.normalise.records import to_records
from transforms.schema.errors import InputError

Export = Callable[[str, str], Path]


def test_the_samples_are_recognised_by_their_headers_alone() -> None:
    from conftest import SAMPLES

    found = {path.name: read_export(path, source="x", rank=0).format for path in sorted(SAMPLES.glob("*-*.csv"))}

    assert found == {
        "google-contacts.csv": "google",
        "hubspot-contacts.csv": "hubspot",
        "mailchimp-audience.csv": "mailchimp",
        "wix-contacts.csv": "wix",
    }


@pytest.mark.parametrize(("encoding", "mark"), [("utf-8", b""), ("utf-8-sig", b""), ("utf-16", b""), ("cp1252", b"")])
def test_encodings_are_found(tmp_path: Path, encoding: str, mark: bytes) -> None:
    path = tmp_path / "people.csv"
    lines = ["First Name,Last Name,Email", *(f"José,Müller,jose{n}@engines.example" for n in range(40))]
    path.write_bytes(mark + "\n".join(lines).encode(encoding))

    rows = read_export(path, source="x", rank=0).rows

    assert rows["first"][0] == "José"
    assert rows["last"][0] == "Müller"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_found(export: Export, delimiter: str) -> None:
    lines = [["Vorname", "Nachname", "E-Mail"], ["Ada", "Lovelace", "ada@engines.example"]]
    path = export("people.csv", "\n".join(delimiter.join(line) for line in lines))

    rows = read_export(path, source="x", rank=0).rows

    assert rows.select("first", "last").row(0) == ("Ada", "Lovelace")
    assert rows["emails"][0][0]["value"] == "ada@engines.example"


def test_text_above_the_header_and_a_sep_line_are_passed_over(export: Export) -> None:
    path = export("a.csv", 'sep=;\nNotes:\n"Some addresses are missing"\n\nFirst Name;Last Name\nAda;Lovelace\n')

    reading = read_export(path, source="x", rank=0)

    assert reading.rows.select("line", "first").row(0) == (6, "Ada")


def test_a_row_with_cells_too_many_and_an_open_quote_cost_only_themselves(export: Export) -> None:
    path = export(
        "a.csv",
        'First Name,Last Name,Email\nAda,Lovelace,ada@e.example\nBad,"Quote,x@e.example\n'
        'Byron,Gordon,b@e.example,surplus\nCarl,"said ""hi""",c@e.example\n"Dora\nMay",Fox,d@e.example\n',
    )

    reading = read_export(path, source="x", rank=0)

    assert reading.rows["first"].to_list() == ["Ada", "Carl", "Dora\nMay"]
    assert reading.rejects.select("line", "row", "reason").rows() == [
        (3, 2, "a quote is opened and never closed"),
        (4, 3, "4 cells where the header has 3"),
    ]
    assert reading.rejects["raw"][0] == 'Bad,"Quote,x@e.example'


@pytest.mark.parametrize(
    ("cell", "company"),
    [
        (r'"The \"Best\" Bakery"', 'The "Best" Bakery'),
        (r'"Ray, \"Sons\", & Co"', 'Ray, "Sons", & Co'),
        ('"The "Best" Bakery"', 'The "Best" Bakery'),
        ('"The ""Best"" Bakery"', 'The "Best" Bakery'),
        ('"C:\\books\\"', "C:\\books\\"),
        ('"The "Best", that is"', None),
        ('"12" pans"', None),
    ],
)
def test_quotes_within_a_cell_are_its_own_or_the_row_is_rejected(
    export: Export, cell: str, company: str | None
) -> None:
    path = export("a.csv", f"First Name,Company,Last Name\nAda,{cell},Novak\nByron,Plain,Poe\n")

    reading = read_export(path, source="x", rank=0)

    assert reading.rows.select("first", "company", "last").rows() == [
        *([("Ada", company, "Novak")] if company else []),
        ("Byron", "Plain", "Poe"),
    ]
    assert reading.rejects["line"].to_list() == ([] if company else [2])


def test_a_header_repeated_in_the_middle_and_an_empty_row_are_rejected(export: Export) -> None:
    path = export("a.csv", "First Name,Email\nAda,a@e.example\nFirst Name,Email\n,\nByron,b@e.example\n")

    reading = read_export(path, source="x", rank=0)

    assert reading.rejects["reason"].to_list() == ["the header again", "the row is empty"]
    assert reading.rows["row"].to_list() == [1, 4]


def test_a_comment_and_a_total_line_are_nobody(export: Export) -> None:
    text = (
        "First Name,Last Name,Email\n# exported by Robin, in May\nAda,Novak,a@e.example\n#,,\nb@e.example\nTotal: 2\n"
    )

    reading = read_export(export("a.csv", text), source="x", rank=0)

    assert reading.rows["line"].to_list() == [3, 5]
    assert reading.rejects.select("line", "reason").rows() == [
        (2, "a comment, not a row"),
        (4, "a comment, not a row"),
        (6, "1 cell where the header has 3"),
    ]


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("empty.csv", b"", "is empty"),
        ("blank.csv", b"\n \n", "is empty"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00", "is not a text table"),
        ("letter.csv", b"Dear all,\nthis is no table\nBest wishes\n", "has no column that can be used"),
        ("stock.csv", b"Article,Price\nLamp,12\n", "has no column that can be used"),
        ("towns.csv", b"City,Country\nYork,GB\n", "has no column that can be used"),
    ],
)
def test_a_file_without_people_in_it_is_one_sentence(tmp_path: Path, name: str, data: bytes, sentence: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)

    with pytest.raises(InputError, match=sentence):
        read_export(path, source="x", rank=0)


def test_passwords_and_cards_are_never_read(export: Export) -> None:
    path = export("a.csv", "First Name,Email,Portal Password,Card Number\nAda,a@e.example,hunter2,4111\n")

    reading = read_export(path, source="x", rank=0)

    assert "hunter2" not in str(reading.rows.drop("raw").to_dicts())
    assert reading.unmapped == ()


def test_two_columns_of_one_name_are_both_kept(export: Export) -> None:
    path = export("a.csv", "Name,Email,Email,,Shoe size\nAda Lovelace,a@e.example,b@e.example,x,41\n")

    reading = read_export(path, source="x", rank=0)

    assert reading.unmapped == ("column 4", "Shoe size")
    assert [one["value"] for one in reading.rows["emails"][0]] == ["a@e.example", "b@e.example"]


def test_what_a_second_column_of_a_single_field_says_stays_beside_the_row(export: Export) -> None:
    path = export(
        "a.csv",
        "Name,Email,Company,Company\nAda,a@e.example,Kestrel,Umbra\nMia,m@e.example,,Umbra\nJo,j@e.example,K,K\n",
    )

    tables = to_records(read_export(path, source="x", rank=0).rows)

    assert tables.records["company"].to_list() == ["Kestrel", "Umbra", "K"]
    assert tables.extras.select("record", "name", "value").rows() == [(0, "Company (2)", "Umbra")]


TEXT = st.text(st.sampled_from(list('ab,,,"""\n\n\r;# \x00é')), max_size=60)


@given(text=TEXT, width=st.integers(1, 4), chunk=st.integers(1, 5))
def test_lines_taken_apart_in_columns_are_what_csv_makes_of_them(text: str, width: int, chunk: int) -> None:
    lines = list(io.StringIO(text, newline=""))
    expected = [(one.number, None if one.problem else one.cells, one.raw) for one in csv_rows(iter(lines), ",")]

    found = []
    for piece in pieces(iter(lines), ",", width, first_line=1, chunk=chunk):
        found += [(one.number, None if one.problem else one.cells, one.raw) for one in piece.single]
        for one in piece.apart(width).iter_rows(named=True):
            found.append((one["line"], [one[str(at)] for at in range(width)], one["raw"]))

    assert sorted(found, key=lambda one: one[0]) == expected


def test_reading_holds_a_piece_of_the_file_and_not_the_file(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    with path.open("w") as file:
        file.write("First Name,Email,Notes\n")
        file.writelines(f"Ada{at},a{at}@e.example,{'x' * 2000}\n" for at in range(40_000))
    tracemalloc.start()

    held = 0
    for piece in pieces(islice(path.open(newline=""), 1, None), ",", 3, first_line=2, chunk=500):
        held += len(piece.apart(3))

    assert held == 40_000
    assert tracemalloc.get_traced_memory()[1] < 8e6 < path.stat().st_size
    tracemalloc.stop()


def test_every_signature_recognises_its_own_format() -> None:
    for one in known_formats().values():
        if one.signature:
            assert recognise([group[0] for group in one.signature]).name == one.name
    assert recognise(["first name", "email"]).name == "generic"


@given(st.lists(st.lists(st.text(alphabet='ab,";\n @.', max_size=8), min_size=1, max_size=4), max_size=8))
def test_rows_in_are_records_and_rejects_whatever_stands_in_them(rows: list[list[str]]) -> None:
    import csv
    import io
    import tempfile

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([["First Name", "Last Name", "Email"], *rows])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.csv"
        path.write_text(out.getvalue(), "utf-8", newline="")
        reading = read_export(path, source="x", rank=0)

    tables = to_records(reading.rows)
    numbers = [*reading.rejects["row"], *tables.rejects["row"], *tables.records["row"]]

    assert sorted(numbers) == list(range(1, reading.data_rows + 1))


def test_headers_are_compared_folded() -> None:
    assert normalised("\ufeff E-Mail_Address ") == "e-mail address"


@given(
    st.lists(st.text(st.sampled_from(list("=+-@\t\r\n'\",;ab é1#")), min_size=1, max_size=6), min_size=1, max_size=5)
)
def test_what_is_written_for_people_has_no_formula_and_reads_back_as_it_was(values: list[str]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        write_csv(pl.DataFrame({"Name": ["Ada"] * len(values), "Note": values}), path)

        written = pl.read_csv(path, infer_schema=False, empty_string_is_null=False)["Note"]
        read = read_export(path, source="x", rank=0).rows["extras"]

    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in written)
    assert [several[0]["value"] for several in read] == values
