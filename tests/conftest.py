"""What tests share: a site in a real file, exports in real files, and the command line as a real process."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from hypothesis import settings
from pydantic import SecretStr

from connectors.contacts import Contact, ContactsSite
from connectors.exports.reading import read_export
from connectors.local import LocalSite
from connectors.server import make_app, running
from connectors.wix import WixSite
from transforms.match.matching import Matches, match
from transforms.normalise.records import to_records
from transforms.schema.contact import Email, Info, Phone
from transforms.schema.records import Records

# The machines that run these tests are shared: how long one example takes says nothing.
settings.register_profile("onefold", deadline=None, database=None)
settings.load_profile("onefold")

KEY = SecretStr("a-key")
ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "data" / "samples"


def info(
    first: str | None = None,
    last: str | None = None,
    *,
    email: str | None = None,
    phone: str | None = None,
    **more: Any,
) -> Info:
    """A contact's content in one line."""
    return Info(
        first=first,
        last=last,
        emails=(Email(email=email),) if email else (),
        phones=(Phone(phone=phone, country_code="US"),) if phone else (),
        **more,
    )


@pytest.fixture
def site_path(tmp_path: Path) -> Path:
    return tmp_path / "site.db"


@pytest.fixture
def site(site_path: Path) -> Iterator[LocalSite]:
    with LocalSite(site_path, create=True) as opened:
        yield opened


@pytest.fixture(params=["local", "in process", "over HTTP"])
async def any_site(request: pytest.FixtureRequest, local: LocalSite) -> AsyncIterator[ContactsSite]:
    """The embedded site; the client speaking to the server in this process; and over a loopback port."""
    if request.param == "local":
        yield local
        return
    app = make_app(local, api_key=KEY.get_secret_value())
    if request.param == "in process":
        carried = httpx.ASGITransport(app)
        async with WixSite(KEY, "a-site", base_url="http://127.0.0.1", transport=carried) as client:
            yield client
        return
    async with running(app) as (url, _), WixSite(KEY, "a-site", base_url=url) as client:
        yield client


@pytest.fixture
def local(site_path: Path) -> Any:
    """The embedded site behind whatever is tested, to plant what no call can make."""
    with LocalSite(site_path, create=True) as opened:
        yield opened


async def made(site: ContactsSite, *names: str) -> list[Contact]:
    """Contacts with these first names."""
    return [await site.create(info(name)) for name in names]


def planted(local: LocalSite, contact_id: str, **more: Any) -> Contact:
    """A contact as no call can make it."""
    moment = datetime(2024, 5, 1, 9, tzinfo=UTC)
    content = info("Grace", email=f"{contact_id}@navy.example")
    contact = Contact(id=contact_id, revision=4, created=moment, updated=moment, info=content, **more)
    local.load([contact])
    return contact


@pytest.fixture
def export(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes an export file."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return path

    return write


@pytest.fixture
def records(tmp_path: Path) -> Callable[[str], Records]:
    """The records of a small table, written as `column,column` and one line a record."""

    def read(text: str, **options: Any) -> Records:
        path = tmp_path / "table.csv"
        path.write_text("\n".join(line.strip() for line in text.strip().splitlines()), "utf-8")
        return to_records(read_export(path, source="table", rank=0, region="US", **options).rows)

    return read


def groups(found: Matches) -> list[list[int]]:
    """The rows of each cluster of several records, from 1."""
    by_cluster = found.clusters.group_by("cluster", maintain_order=True).agg("record")["record"].to_list()
    return sorted([record + 1 for record in sorted(members)] for members in by_cluster if len(members) > 1)


@pytest.fixture
def joined(records: Callable[[str], Records]) -> Callable[[str], list[list[int]]]:
    """Which rows of a small table are found to be one person."""
    return lambda text: groups(match(records(text)))


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.out)


@pytest.fixture
def onefold(tmp_path: Path) -> Callable[..., Ended]:
    """Runs the command line as a process of its own, in an empty folder."""
    return command_in(tmp_path)


def command_in(folder: Path) -> Callable[..., Ended]:
    """The command line, run as a process of its own in a folder."""

    def run(*arguments: object, answer: str = "", environment: Mapping[str, str] | None = None) -> Ended:
        import os

        done = subprocess.run(
            [sys.executable, "-c", "from flows.cli.commands import main; main()", *map(str, arguments)],
            cwd=folder,
            input=answer,
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, "COLUMNS": "200", **(environment or {})},
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def served(site_path: Path, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Serves the embedded site by the command line, as a process of its own; gives its base URL."""
    processes: list[subprocess.Popen[str]] = []

    def serve(*options: object) -> str:
        LocalSite(site_path, create=True).close()
        command = [sys.executable, "-c", "from flows.cli.commands import main; main()", "serve"]
        if "--port" not in options:
            command += ["--port", "0"]
        process = subprocess.Popen(
            [*command, "--site", f"local:{site_path}", *map(str, options)],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"http://\S+", line)
        assert found, line + process.stderr.read()
        return found[0]

    serve.processes = processes  # type: ignore[attr-defined] # for a test that ends one itself
    yield serve
    for process in processes:
        if process.poll() is not None:
            continue
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert (process.returncode, said) == (0, "")


def contacts_of(path: Path) -> list[Info]:
    """The content of all contacts of an embedded site, oldest first."""
    import asyncio

    from connectors.site_reading import named_contacts

    with LocalSite(path) as opened:
        return [contact.info for contact in asyncio.run(named_contacts(opened))]


def table(run: Path, name: str) -> pl.DataFrame:
    """A table of a run."""
    return pl.read_parquet(run / f"{name}.parquet")
