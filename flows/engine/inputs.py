"""The site's contacts and all rows, as planning takes them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from connectors.contacts import Contact
from connectors.exports.containers import SUFFIXES
from connectors.exports.formats import normalised
from connectors.exports.limits import Limits
from connectors.exports.reading import Reading, read_file
from connectors.site_reading import contact_rows, named_contacts
from connectors.store.run_facts import FileFacts
from flows.engine.waiting import run_blocking
from flows.settings import Settings, SourceSettings
from flows.sites import is_missing, opened
from transforms.normalise.records import to_records
from transforms.schema.errors import InputError, NotFound, UsageError
from transforms.schema.records import Records
from transforms.schema.tables import CONTACTS, REJECTS, ROWS, SITE, conform, empty


def site_rows_of(settings: Settings, contacts: Sequence[Contact]) -> pl.DataFrame:
    """The site's contacts as `ROWS`, at the site's place in the order of trust."""
    rank, region = site_place(settings)
    return contact_rows(contacts, rank=rank, region=region)


def site_place(settings: Settings) -> tuple[int, str | None]:
    """The site's place in the order of trust, and the country of its phones without a country code."""
    ranked = settings.ranked()
    rank = next(index for index, source in enumerate(ranked) if source.name == SITE)
    return rank, ranked[rank].region


def normalise(rows: Sequence[pl.DataFrame], settings: Settings) -> Records:
    """All rows as records, the most trusted source first, in each by what they say.

    So the order of a file's rows makes no difference to who is found to be one person.
    """
    said = pl.coalesce("raw", "contact_id")
    together = pl.concat(rows).sort("source_rank", said.hash(seed=0), said, "row")
    return to_records(together, keep=settings.policy.extended_fields)


def infos_of(contacts: Sequence[Contact]) -> pl.DataFrame:
    """The site's contacts as `CONTACTS`."""
    return pl.DataFrame(
        {"contact_id": [contact.id for contact in contacts], "info": [contact.info.to_json() for contact in contacts]},
        schema=dict(CONTACTS),
    )


@dataclass(frozen=True)
class Exports:
    """Rows, rejects and files of all exports."""

    rows: pl.DataFrame
    rejects: pl.DataFrame
    files: list[FileFacts]


def read_site(settings: Settings) -> list[Contact]:
    """All contacts of the site, labels and custom fields by name; an embedded site still to be made has none."""
    if settings.source and is_missing(settings.site.url):
        return []

    async def contacts() -> list[Contact]:
        async with opened(settings) as site:
            return await named_contacts(site)

    return run_blocking(contacts())


def redirected(settings: Settings, contacts: Sequence[Contact], exports: Exports) -> dict[str, str]:
    """Records that carry the id of a contact of the site, with the contact it is now: the site's own merges are known.

    Only exports that Onefold wrote carry such ids. One call is made for each id that is no longer among the contacts.
    """
    ours = pl.DataFrame(
        [(file.source, file.file) for file in exports.files if file.format == "onefold"],
        schema={"source": pl.String, "file": pl.String},
        orient="row",
    )
    keyed = exports.rows.join(ours, on=["source", "file"], how="semi").drop_nulls("source_key")
    there = {contact.id for contact in contacts}
    gone = sorted(set(keyed["source_key"]) - there)

    async def followed() -> dict[str, str]:
        now_at: dict[str, str] = {}
        async with opened(settings) as site:
            for contact in gone:
                with suppress(NotFound):
                    now_at[contact] = (await site.get(contact)).id
        return now_at

    now = dict(zip(there, there, strict=True)) | (run_blocking(followed()) if gone and there else {})
    return {
        f"{source}:{row}": now[key]
        for source, row, key in keyed.select("source", "row", "source_key").iter_rows()
        if now.get(key) in there
    }


def read_exports(settings: Settings) -> Exports:
    """The rows of all export files. A file that cannot be read is rejected whole and stops no other.

    Raises:
        UsageError: a file is missing.
        InputError: not one of the files can be read, or a column that was mapped is in none of them.
    """
    frames, rejects, files = [empty(ROWS)], [empty(REJECTS)], []
    problems: list[str] = []
    for source, path, reading in readings(settings.ranked(), settings.limits.limits()):
        if isinstance(reading, InputError):
            problems.append(str(reading))
            reject = {"source": source.name, "file": path.name, "line": 1, "reason": str(reading)}
            rejects.append(conform(pl.DataFrame([reject]), REJECTS))
            files.append(FileFacts(source=source.name, file=path.name, problem=str(reading), rows=0))
            continue
        frames.append(reading.rows)
        rejects.append(reading.rejects)
        files.append(
            FileFacts(
                source=source.name,
                file=reading.file,
                format=reading.format,
                encoding=reading.encoding,
                rival_encoding=reading.rival_encoding,
                delimiter=reading.delimiter,
                rows=reading.data_rows,
                columns=reading.places,
                unmapped=list(reading.unmapped),
                **asdict(reading.balance),
            )
        )
    if problems and len(problems) == len(files):
        raise InputError(" ".join(problems))
    return Exports(pl.concat(frames), pl.concat(rejects), files)


def readings(
    sources: Sequence[SourceSettings], limits: Limits
) -> Iterator[tuple[SourceSettings, Path, Reading | InputError]]:
    """The reading of each export file, or its problem; a packed file may hold several tables.

    Raises:
        UsageError: a file is missing.
        InputError: a column that was mapped is in none of the files.
    """
    mapped = {normalised(column): column for source in sources for column in source.columns}
    seen: dict[str, str] = {}
    for rank, source in enumerate(sources):
        first_row = 1
        for path in [file for pattern in source.files for file in _files(pattern)]:
            try:
                several = read_file(
                    path,
                    source=source.name,
                    rank=rank,
                    region=source.region,
                    format_name=source.format,
                    encoding=source.encoding,
                    columns=source.columns,
                    auto_saved=source.auto_saved,
                    first_row=first_row,
                    limits=limits,
                )
            except InputError as error:
                yield source, path, error
                continue
            for reading in several:
                first_row += reading.data_rows
                seen |= {normalised(column): column for column in (*reading.places, *reading.unmapped)}
                yield source, path, reading
    for name, column in mapped.items():
        if name not in seen and seen:
            near = difflib.get_close_matches(name, seen, n=1)
            hint = f"; did you mean {seen[near[0]]!r}?" if near else f". Their columns: {', '.join(seen.values())}."
            raise InputError(f"No export has a column {column!r}{hint}")


def _files(pattern: str) -> list[Path]:
    """A file, a folder's export files, or what a pattern matches in a folder. A folder may have none: a drop folder is
    empty on a day without news.

    Raises:
        UsageError: there is no such file or folder.
    """
    path = Path(pattern)
    if path.is_file():
        return [path]
    if path.is_dir():
        paths = sorted(
            file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
        )
    elif any(mark in path.name for mark in "*?[") and path.parent.is_dir():
        paths = sorted(path.parent.glob(path.name))
    else:
        raise UsageError(f"There is no export file at {pattern}.")
    return paths
