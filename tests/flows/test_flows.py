"""The Prefect flows: the same pipeline, with no server started by hand and nothing stray printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, contacts_of

pytestmark = pytest.mark.prefect

SCRIPT = """
import json, sys
from flows.migrate import migrate
from flows.plan import plan
from flows.apply import apply
crm, folder = sys.argv[1:]
one = plan([crm], site=f"local:{folder}/site.db", run=f"{folder}/one")
two = apply(f"{folder}/one")
three = migrate([crm], site=f"local:{folder}/site.db", run=f"{folder}/three")
print(json.dumps([one, two, three]))
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return {**clean, "PREFECT_HOME": str(tmp_path / "prefect")}


def test_flows_called_from_python_do_the_job_and_print_nothing_stray(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    crm = tmp_path / "crm.csv"
    crm.write_text("First Name,Last Name,Email\nAda,Novak,ada@postbox.example\nByron,Finch,byron@postbox.example\n")

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(crm), str(tmp_path)],
        capture_output=True, text=True, timeout=240, env=environment, check=False,
    )  # fmt: skip

    assert done.stderr == ""
    planned, applied, again = json.loads(done.stdout)
    assert (planned["created"], applied["created"], again["created"]) == (0, 2, 0)
    assert [one.first for one in contacts_of(tmp_path / "site.db")] == ["Ada", "Byron"]

    command = [sys.executable, "-c", "from flows.cli.commands import main; main()", "migrate", str(crm), "--site"]
    command += [f"local:{tmp_path}/other.db", "--run", str(tmp_path / "four"), "--yes", "--json", "--prefect"]
    through = subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment, check=False)

    assert through.returncode == 0
    assert json.loads(through.stdout)["created"] == 2
    assert "Traceback" not in through.stderr
    assert "prefect" not in through.stderr.lower().replace(str(tmp_path).lower(), "")


def test_an_api_that_does_not_answer_is_one_sentence(tmp_path: Path, environment: dict[str, str]) -> None:
    crm = tmp_path / "crm.csv"
    crm.write_text("First Name,Email\nAda,ada@postbox.example\n")

    command = [
        sys.executable,
        "-c",
        "from flows.cli.commands import main; main()",
        "migrate",
        str(crm),
        "--site",
        "local:a.db",
    ]
    nowhere = {**environment, "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=nowhere, cwd=tmp_path, check=False)

    assert done.returncode == 1
    assert "Prefect does not answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_deployments_name_flows_that_are_there() -> None:
    import importlib

    import yaml

    described = yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))

    for one in described["deployments"]:
        path, name = one["entrypoint"].split(":")
        flow = getattr(importlib.import_module(path.removesuffix(".py").replace("/", ".")), name)
        assert flow.name == f"onefold-{name}"
        assert set(one.get("parameters", {})) <= set(flow.parameters.properties)
