"""The documents tell the truth: names exist, commands and options are all there, examples run."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

import onefold

DOCUMENTS = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])


def _python_examples() -> list[tuple[str, str]]:
    """The files and the blocks of code that `docs/python.md` shows."""
    return re.findall(r"```(csv|python)\n(.*?)```", (ROOT / "docs" / "python.md").read_text("utf-8"), flags=re.DOTALL)


def test_the_examples_for_python_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = _python_examples()
    for name, (_, table) in zip(("crm.csv", "shop.csv"), [one for one in blocks if one[0] == "csv"], strict=True):
        (tmp_path / name).write_text(table, "utf-8")

    examples = [code for kind, code in blocks if kind == "python"]
    assert len(examples) == 5
    for number, code in enumerate(examples):
        script = tmp_path / f"example_{number}.py"
        script.write_text(code, "utf-8")
        runpy.run_path(str(script))


def test_the_examples_of_matching_run_and_print_what_the_page_shows(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "match.md").read_text("utf-8")
    for name, table in re.findall(r"`(\w+\.csv)`\n\n```csv\n(.*?)```", page, flags=re.DOTALL):
        (tmp_path / name).write_text(table, "utf-8")
    blocks = re.findall(r"```console\n(.*?)```", page, flags=re.DOTALL)

    assert len(blocks) == 8
    for block in blocks:
        for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, expected = example.partition("\n")
            done = subprocess.run(
                re.sub(r"^onefold", f"{sys.executable} -m onefold", command),
                shell=True, cwd=tmp_path, capture_output=True, text=True, check=False,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )  # fmt: skip
            assert (done.returncode, done.stdout.strip()) == (0, expected.strip()), (command, done.stderr)


def test_exported_members_are_all_there_and_documented() -> None:
    public = {
        name
        for name, value in vars(onefold).items()
        if not name.startswith("_") and (inspect.isfunction(value) or inspect.isclass(value))
        if name == "OnefoldError" or value.__module__ in ("onefold", "flows.engine.summaries")
    }

    assert public == set(onefold.__all__)
    assert onefold.__all__ == sorted(onefold.__all__)
    assert all(inspect.getdoc(getattr(onefold, name)) for name in onefold.__all__)
    page = (ROOT / "docs" / "python.md").read_text("utf-8")
    assert [name for name in ("plan", "apply", "migrate", "match", "undo") if f"onefold.{name}(" not in page] == []


def test_python_m_onefold_is_the_command_line() -> None:
    both = [
        subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
        for command in (
            [sys.executable, "-m", "onefold", "--help"],
            [sys.executable, "-c", "from flows.cli.commands import main; main()", "--help"],
        )
    ]

    assert both[0] == both[1]
    assert both[0].split()[:2] == ["Usage:", "onefold"]


def test_every_command_and_option_stands_in_the_page_of_commands() -> None:
    from flows.cli.reference import described

    assert (ROOT / "docs" / "commands.md").read_text("utf-8") == described()  # make commands


def test_each_name_of_the_architecture_exists() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    names = re.findall(r"`((?:transforms|connectors|flows)/[\w/]+)\.py` `(\w+)`", page)

    assert len(names) > 20
    for path, name in names:
        assert hasattr(importlib.import_module(path.replace("/", ".")), name), (path, name)
    for place in re.findall(r"^  ([\w/. ·]+?)  ", page.partition("```")[2].partition("```")[0], flags=re.MULTILINE):
        for one in re.findall(r"[\w.]+", place):
            assert any((ROOT / house / one).exists() for house in ("transforms", "connectors", "flows")), one


def test_no_file_is_longer_than_five_hundred_lines() -> None:
    named = [one for house in ("transforms", "connectors", "flows", "tests", "benchmarks", "data") for one in
             (ROOT / house).rglob("*.py")]  # fmt: skip
    long = [path for path in [*named, ROOT / "onefold.py"] if len(path.read_text("utf-8").splitlines()) > 500]

    assert [str(path.relative_to(ROOT)) for path in long] == ["connectors/local/site.py"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_files_a_document_names_exist(document: Path) -> None:
    text = document.read_text("utf-8")

    links = [one for one in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in one]
    assert [one for one in links if not (document.parent / one).exists()] == []
    paths = re.findall(r"`((?:transforms|connectors|flows|tests|benchmarks|docs|data)/[\w./-]+)`", text)
    assert [one for one in paths if not (ROOT / one).exists()] == []
