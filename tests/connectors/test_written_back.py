"""A site's contacts, written to a file and read again, are the same contacts, field by field."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.contacts import Contact
from connectors.exports.reading import read_export
from connectors.exports.writing import write_contacts
from transforms.columns.cleaning import MANGLED
from transforms.columns.cleaning import WORDS as NOTHING
from transforms.normalise.records import to_records
from transforms.plan.contents import contents, info_json
from transforms.schema.contact import Address, Email, Info, Phone

BORN = st.dates(min_value=date(1920, 1, 1), max_value=date(2010, 1, 1)).map(date.isoformat)
AT = datetime(2024, 3, 1, 12, tzinfo=UTC)
LETTERS = st.characters(categories=("L",), exclude_characters="ªº", max_codepoint=0x24F)
WORDS = (
    st.text(LETTERS, min_size=2, max_size=8)
    .map(str.capitalize)
    .filter(lambda word: word.lower() not in NOTHING and not re.search(MANGLED, word))
)
"""Words, but for those that mean nothing and those that look like letters of another encoding."""
SPELLINGS = st.sampled_from(
    ["{}", "{} & Co.", "O'{}", "{}; {}", "{}, {}", '{} "{}"', "{}\\{}", "={}", "+{}", "{}: {}", "* {}"]
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A text with the marks that files part values by."""
    spelling = draw(SPELLINGS)
    return spelling.format(*(draw(WORDS) for _ in range(spelling.count("{}"))))


PHONES = st.sampled_from(
    [
        ("+12125550147", None),
        ("+442079460958", "12"),
        ("+493012345678", "5"),
        ("+33142685300", None),
        ("+81312345678", "0077"),
    ]
)


@st.composite
def infos(draw: st.DrawFn) -> Info:
    """A content with every field that a file can hold."""
    numbers = draw(st.lists(PHONES, max_size=3, unique=True))
    names = draw(st.lists(WORDS, min_size=1, max_size=3, unique_by=str.casefold))
    return Info(
        first=draw(WORDS),
        last=draw(WORDS),
        emails=tuple(
            Email(email=f"{name.lower()}@kite.example", tag=draw(st.sampled_from(["MAIN", "HOME", "WORK", "UNTAGGED"])))
            for name in names
            if name.isascii()
        ),
        phones=tuple(
            Phone(
                phone=f"{number} ext. {extension}" if extension else number,
                e164=number,
                tag=draw(st.sampled_from(["MAIN", "HOME", "WORK", "MOBILE", "FAX", "UNTAGGED"])),
            )
            for number, extension in numbers
        ),
        addresses=tuple(
            Address(
                line=draw(texts()), line2=draw(texts()), city=draw(WORDS), postal_code="SW1A 1AA", country="US",
                subdivision="US-ME", tag=draw(st.sampled_from(["HOME", "WORK", "BILLING", "SHIPPING", "UNTAGGED"])),
            )
            for _ in range(draw(st.integers(0, 2)))
        ),
        company=draw(texts()),
        job_title=draw(texts()),
        birthdate=draw(BORN),
        locale=draw(st.sampled_from(["de", "en-US", "pt-BR"])),
        labels=tuple(draw(st.lists(texts(), max_size=3, unique_by=str.casefold))),
        extended={
            name: draw(texts())
            for name in draw(st.lists(st.sampled_from(["City", "Motto", "Email 1", "Birthday", "Größe"]), unique=True))
        },
    )  # fmt: skip


def said(info: Info) -> dict[str, object]:
    """What a content says, for comparing: phones by number and extension, lists without the order of primaries."""
    return {
        **{name: getattr(info, name) for name in ("first", "last", "company", "job_title", "birthdate", "locale")},
        "emails": sorted((one.email, one.tag) for one in info.emails),
        "phones": sorted((one.phone.replace(" ext. ", ";ext="), one.tag) for one in info.phones),
        "addresses": [(one.content(), one.tag) for one in info.addresses],
        "labels": sorted(info.labels),
        "extended": info.extended,
    }


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".vcf"])
@settings(deadline=None, max_examples=25, derandomize=True, suppress_health_check=list(HealthCheck))
@given(info=infos())
def test_what_is_written_is_read_as_the_same_contact(suffix: str, info: Info) -> None:
    contact = Contact(id="c1", revision=1, created=AT, updated=AT, info=info)
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"contacts{suffix}"
        write_contacts([contact], path, suffix)
        reading = read_export(path, source="site export", rank=0)
    tables = to_records(reading.rows, keep=list(info.extended))
    made = contents(tables, opt_out_label="")
    read = Info.model_validate_json(made.select(info_json(pl.col("labels"), primary=False)).item())

    assert said(read) == said(info)
    assert tables.records["source_key"].to_list() == ["c1"]
