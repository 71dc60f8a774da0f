"""Numbers of a workbook are read as it shows them."""

from __future__ import annotations

from pathlib import Path

import pytest
import xlsxwriter

from connectors.exports.number_formats import shown
from connectors.exports.reading import read_export


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (2134, "00000", "02134"),
        (493012345678, '"+"0', "+493012345678"),
        (491711234567, r"\+00 000 0000000", "+49 171 1234567"),
        (5551234, "[<=9999999]###-####;(###) ###-####", "555-1234"),
        (2025551234, "[<=9999999]###-####;(###) ###-####", "(202) 555-1234"),
        (21345678, "00000-0000", "02134-5678"),
        (7, r"\K\D\-0000", "KD-0007"),
        (1067, "[$-407]00000", "01067"),
        (-5, "000", "-005"),
        (-5, "000;(000)", "(005)"),
        (0, '000;-000;"none"0', "none0"),
        (1234, "#,##0", None),
        (12, "0%", None),
        (5, "General", None),
        (5, "0", None),
        (45000, "dd.mm.yyyy", None),
        (3.5, "000", None),
        (12, "#,##0.00 [$€-407]", None),
    ],
)
def test_a_number_under_a_format_of_digits_is_the_text_that_is_shown(value: float, code: str, text: str | None) -> None:
    assert shown(value, code) == text


def test_postcodes_keep_their_zeros_wherever_the_table_begins_and_amounts_stay_numbers(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet, empty = book.add_worksheet("People"), book.add_worksheet("Empty")
    digits, amount = book.add_format({"num_format": "00000"}), book.add_format({"num_format": "#,##0"})
    for column, header in enumerate(["First Name", "ZIP", "Donated"], start=2):
        sheet.write(3, column, header)
    for row, (name, code, donated) in enumerate([("Ada", 501, 12000), ("Byron", "0077", None)], start=4):
        sheet.write(row, 2, name)
        sheet.write(row, 3, code, digits)
        if donated:
            sheet.write(row, 4, donated, amount)
    empty.write(0, 0, None, digits)
    book.close()

    rows = read_export(path, source="x", rank=0).rows

    assert [address[0]["postal_code"] for address in rows["addresses"]] == ["00501", "0077"]
    assert rows["extras"][0][0]["value"] == "12000"
