"""The report of a run, rendered in a real browser and read there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from conftest import SAMPLES, Ended, table
from playwright.sync_api import Page, sync_playwright

Onefold = Callable[..., Ended]
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


@pytest.fixture
def planned(onefold: Onefold) -> Ended:
    """A run of the samples that is planned and not applied."""
    onefold("site", "load", SAMPLES / "site.jsonl", "--site", "local:s.db")
    return onefold("plan", "--config", SAMPLES / "onefold.toml", "--site", "local:s.db", "--run", "run", "--json")


def tiles(page: Page, run: Path) -> dict[str, int]:
    page.goto((run / "report.html").as_uri())
    texts = [tile.inner_text().split("\n", 1) for tile in page.locator(".tiles li").all()]
    return {words: int(count) for count, words in texts}


def test_a_planned_run_shows_what_is_to_be_done_and_an_applied_one_what_was(
    onefold: Onefold, planned: Ended, page: Page, tmp_path: Path
) -> None:
    before = tiles(page, tmp_path / "run")
    applied = onefold("apply", "run", "--yes", "--json").json
    after = tiles(page, tmp_path / "run")

    to_do = planned.json["planned"]
    names = {"to create": "create", "to merge away": "merge", "to update": "update", "to label": "label"}
    assert {words: before[words] for words in names} == {words: to_do[kind] for words, kind in names.items()}
    assert before["waiting for a person"] == to_do["review"] + to_do["blocked"]
    done = {"created": "created", "merged away": "merged", "updated": "updated", "labelled": "labelled"}
    assert {words: after[words] for words in done} == {words: applied[name] for words, name in done.items()}
    assert re.search(r"built-in|object at 0x|None", page.inner_text("body")) is None


def test_every_case_that_waits_has_its_evidence(planned: Ended, page: Page, tmp_path: Path) -> None:
    page.goto((tmp_path / "run" / "report.html").as_uri())

    plan = table(tmp_path / "run", "plan")
    scored = plan.filter(pl.col("state") != "auto", pl.col("link").list.len() == 2)["operation"]
    assert len(scored) >= planned.json["planned"]["review"]
    for operation in scored:
        row = page.locator(f'tr[id="{operation}"] + tr.evidence')
        assert row.locator("summary").count() == 1, operation


@pytest.mark.parametrize("width", [1_024, 1_440])
@pytest.mark.usefixtures("planned")
def test_every_column_can_be_read(page: Page, tmp_path: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto((tmp_path / "run" / "report.html").as_uri())

    headers = page.locator("table.operations").first.locator("th").all()
    widths = {header.inner_text(): (header.bounding_box() or {"width": 0})["width"] for header in headers}
    assert min(widths.values()) > 80, widths


def test_what_the_page_leaves_out_is_said(onefold: Onefold, page: Page, tmp_path: Path) -> None:
    rows = "".join(f"Ada{n},ada{n}@kite.example\n" for n in range(2_100))
    (tmp_path / "crm.csv").write_text("First Name,Email\n" + rows, "utf-8")
    (tmp_path / "bad.csv").write_text(
        "First Name,Email\n" + "\n".join(",no mail" for _ in range(2_100)) + "\n", "utf-8"
    )
    onefold("plan", "crm.csv", "bad.csv", "--site", "local:s.db", "--run", "run")

    page.goto((tmp_path / "run" / "report.html").as_uri())

    text = page.inner_text("body")
    assert re.search(r"The first 2000 of 2\d\d\d are shown; all are in rejects\.csv", text)
    assert re.search(r"The first 2000 of 2\d\d\d are shown; all are in audit\.csv", text)
