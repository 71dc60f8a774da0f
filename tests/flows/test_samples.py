"""The sample world is what its script makes, and nobody real is in it."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest
from conftest import SAMPLES


def test_the_script_makes_the_files_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    described = importlib.util.spec_from_file_location("make_samples", SAMPLES / "make.py")
    assert described is not None
    assert described.loader is not None
    made = importlib.util.module_from_spec(described)
    monkeypatch.setitem(sys.modules, "make_samples", made)
    monkeypatch.syspath_prepend(SAMPLES)
    described.loader.exec_module(made)
    monkeypatch.setattr(made, "HERE", tmp_path)

    made.main()

    for path in sorted(tmp_path.iterdir()):
        assert path.read_bytes() == (SAMPLES / path.name).read_bytes(), path.name
    assert len(list(tmp_path.iterdir())) == 6


def test_every_email_is_of_an_invented_domain() -> None:
    for path in [*SAMPLES.glob("*.csv"), SAMPLES / "site.jsonl"]:
        domains = set(re.findall(r"@([A-Za-z0-9.-]+)", path.read_text("utf-8").lower()))
        assert {one for one in domains if not one.endswith((".example", ".test"))} == set(), path.name
