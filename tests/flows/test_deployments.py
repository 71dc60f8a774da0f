"""`prefect.yaml` as it is shipped: a real Prefect server and a process worker run every deployment on the samples."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from conftest import ROOT, SAMPLES, Ended, contacts_of

pytestmark = pytest.mark.prefect
PREFECT = [sys.executable, "-m", "prefect"]
Prefect = Callable[..., str]


@pytest.fixture
def project(tmp_path: Path, onefold: Callable[..., Ended]) -> Path:
    """A folder as an operator has it: the deployments, the flows, settings, the sample exports and the sample site."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("flows", "connectors", "transforms"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "prefect.yaml", folder)
    shutil.copytree(SAMPLES, folder / "inbox")
    settings = (SAMPLES / "onefold.toml").read_text("utf-8")
    settings = settings.replace("local:../../demo/site.db", "local:site.db").replace('files = ["', 'files = ["inbox/')
    (folder / "onefold.toml").write_text(settings, "utf-8")
    assert onefold("site", "load", SAMPLES / "site.jsonl", "--site", f"local:{folder / 'site.db'}").code == 0
    return folder


@pytest.fixture
def prefect(project: Path, tmp_path: Path) -> Iterator[Prefect]:
    """Prefect's command line in that folder, with a server and a worker of the pool `default` running."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    api = f"http://127.0.0.1:{port}/api"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment = {
        **clean, "PREFECT_HOME": str(tmp_path / "prefect"), "PREFECT_API_URL": api,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_WORKER_QUERY_SECONDS": "1",
        "NO_COLOR": "1", "COLUMNS": "200",
    }  # fmt: skip

    def run(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [*PREFECT, *arguments], cwd=project, env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    with (tmp_path / "prefect.log").open("w") as log:
        started = [
            subprocess.Popen(
                [*PREFECT, "server", "start", "--port", str(port)], cwd=project, env=environment, stdout=log, stderr=log
            )
        ]
        try:
            _wait_for(f"{api}/health")
            run("work-pool", "create", "default", "--type", "process")
            worker = [*PREFECT, "worker", "start", "--pool", "default"]
            started.append(subprocess.Popen(worker, cwd=project, env=environment, stdout=log, stderr=log))
            yield run
        finally:
            for process in reversed(started):
                process.terminate()
            for process in started:
                process.wait(timeout=60)


def _wait_for(url: str) -> None:
    until = time.monotonic() + 90
    while time.monotonic() < until:
        try:
            if httpx.get(url, trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError("Prefect's server did not start.")


def test_every_deployment_as_shipped_runs_to_completed(project: Path, prefect: Prefect) -> None:
    before = contacts_of(project / "site.db")

    deployed = prefect("--no-prompt", "deploy", "--all")
    listed = prefect("deployment", "ls")
    planned = prefect("deployment", "run", "onefold-plan/plan", "--param", 'run="runs/reviewed"', "--watch")
    assert contacts_of(project / "site.db") == before
    applied = prefect("deployment", "run", "onefold-apply/apply", "--param", 'run="runs/reviewed"', "--watch")
    after = contacts_of(project / "site.db")
    nightly = prefect("deployment", "run", "onefold-migrate/nightly", "--watch")

    assert len(re.findall("successfully created", deployed)) == 3
    assert all(name in listed for name in ("onefold-plan/plan", "onefold-apply/apply", "onefold-migrate/nightly"))
    assert all("finished successfully in 'Completed'" in said for said in (planned, applied, nightly))
    assert len(after) > len(before)
    assert contacts_of(project / "site.db") == after  # the night after finds nothing new
    assert (project / "runs" / "reviewed" / "report.html").is_file()
