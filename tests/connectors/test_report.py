"""The report of a run, rendered in a real browser and used there as an analyst uses it."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from conftest import SAMPLES, Ended, command_in, table
from playwright.sync_api import Browser, Page, sync_playwright

from connectors.report.packing import packed
from connectors.store.run_folder import Run
from flows.engine import reporting

Onefold = Callable[..., Ended]
CHROMIUM = shutil.which("chromium")
AXE = Path(__file__).parents[1] / "node" / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
MOST_NODES = 1_500


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1_280, "height": 800})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    assert errors == []


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A run of the samples that is planned and not applied, and what its plan said."""
    folder = tmp_path_factory.mktemp("samples")
    onefold = command_in(folder)
    onefold("site", "load", SAMPLES / "site.jsonl", "--site", "local:s.db")
    said = onefold("plan", "--config", SAMPLES / "onefold.toml", "--site", "local:s.db", "--run", "run", "--json").json
    return folder / "run", said


def opened(page: Page, run: Path, fragment: str = "") -> Page:
    page.goto((run / "report.html").as_uri() + fragment)
    page.wait_for_selector("#browser:not([hidden]) .option")
    return page


def tiles(page: Page) -> dict[str, int]:
    texts = [tile.inner_text().split("\n", 1) for tile in page.locator(".tiles li").all()]
    return {words.strip(): int(count.replace(",", "")) for count, words in texts}


def counted(page: Page) -> int:
    return int(page.inner_text("#count").partition(" ")[0].replace(",", ""))


def cleared(page: Page, every: int) -> None:
    """Clears search and filters, and waits until all cases are listed."""
    page.click("button[type=reset]")
    page.locator("#count", has_text=f"{every:,} of {every:,} cases").wait_for()


def found(page: Page, query: str) -> list[str]:
    """Titles of the cases that a search finds, as far as they are drawn."""
    page.fill("input[name=query]", query)
    return page.locator(".option b").all_inner_texts()


def test_a_planned_run_shows_what_is_to_be_done_and_an_applied_one_what_was(
    onefold: Onefold, samples: tuple[Path, dict[str, Any]], page: Page, tmp_path: Path
) -> None:
    run, said = samples
    before = tiles(opened(page, run))
    onefold("site", "load", SAMPLES / "site.jsonl", "--site", "local:s.db")
    onefold("plan", "--config", SAMPLES / "onefold.toml", "--site", "local:s.db", "--run", "run")
    applied = onefold("apply", "run", "--yes", "--json").json
    after = tiles(opened(page, tmp_path / "run"))

    to_do = said["planned"]
    names = {"to create": "create", "to merge away": "merge", "to update": "update", "to label": "label"}
    assert {words: before[words] for words in names} == {words: to_do[kind] for words, kind in names.items()}
    assert before["waiting for a person"] == to_do["review"] + to_do["blocked"]
    done = {"created": "created", "merged away": "merged", "updated": "updated", "labelled": "labelled"}
    assert {words: after[words] for words in done} == {words: applied[name] for words, name in done.items()}
    assert re.search(r"built-in|object at 0x|None|undefined|NaN", page.inner_text("body")) is None


def test_each_case_that_waits_shows_both_sides_what_would_come_of_it_and_the_evidence(
    samples: tuple[Path, dict[str, Any]], page: Page
) -> None:
    run, said = samples
    opened(page, run).select_option("select[name=state]", "waits")

    assert counted(page) == said["planned"]["review"] + said["planned"]["blocked"]
    told = ""
    for _ in range(counted(page)):
        page.keyboard.press("j")
        card = page.locator("#card article")
        heads = card.locator("table.compared thead th").all_inner_texts()
        assert heads[1] == "CONTACT IF TOGETHER" or heads[1] == "Contact if together"
        assert len(heads) >= 4  # the field, the contact, and at least two records
        assert card.locator("table.compared thead .tag").count() >= 1
        assert "If together: " in card.inner_text()
        told += card.locator(".why").inner_text()
        card.locator("summary").click()
        evidence = card.locator("details tbody tr")
        assert evidence.count() >= 2
        names = card.locator("details thead th").all_inner_texts()[1:3]
        assert {name.split(" ")[0] for name in names} <= {head.split(" ")[0] for head in heads[2:]}
    assert "Likely enough to join, but names alone do not make two records one person" in told
    assert "Below the threshold" in told


def test_the_evidence_of_a_card_is_what_explain_says(samples: tuple[Path, dict[str, Any]], page: Page) -> None:
    run, _ = samples
    waiting = table(run, "plan").filter(pl.col("state") == "review").row(0, named=True)
    link = command_in(run.parent)("explain", "run", *waiting["link"], "--json").json

    opened(page, run, f"#case={waiting['operation']}")
    page.locator("#card summary").click()

    rows = page.locator("#card details tbody tr")
    assert rows.count() == 1 + len(link["evidence"])
    bits = [float(cell.replace("−", "-")) for cell in rows.locator("td.bits").all_inner_texts()]
    assert sum(bits) == pytest.approx(link["total"], abs=0.05 * len(bits) + 0.01)
    assert f"{link['probability']:.1%}".replace("%", " %") in page.inner_text("#card summary")


def test_a_card_says_which_value_wins_what_differs_and_what_is_lost(
    samples: tuple[Path, dict[str, Any]], page: Page
) -> None:
    run, _ = samples
    losses = table(run, "losses").filter(pl.col("reason") == "the merge keeps the target's value")
    cluster, value, kept = losses.select("cluster", "value", "kept").row(0)

    opened(page, run, f"#case={cluster}")

    card = page.locator("#card article")
    row = card.locator("tr.differs", has_text=losses["field"][0]).first
    assert row.locator("th").inner_text().startswith("≠ ")
    assert (kept in row.locator("td.result").inner_text(), "from " in row.locator("td.result").inner_text()) == (
        True,
        True,
    )
    assert row.locator("td.won").first.inner_text().startswith("✓ ")
    assert re.search(rf"{value}.*shown instead: {kept}", card.locator("section", has_text="Lost").inner_text())


def test_cases_are_found_by_name_e_mail_phone_id_and_line(samples: tuple[Path, dict[str, Any]], page: Page) -> None:
    run, _ = samples
    opened(page, run)
    records, phones = table(run, "records"), table(run, "phones")
    mails = table(run, "emails").drop_nulls("email")
    person = records.filter(pl.col("source") == "google").drop_nulls(["first", "last"]).row(3, named=True)
    mail = mails.filter(pl.col("record") == person["record"])["email"][0]
    clusters = table(run, "clusters")
    cluster = clusters.filter(pl.col("record") == person["record"])["cluster"][0]
    phone = phones.drop_nulls("e164").row(0, named=True)
    written = f"{phone['e164'][-10:-7]}-{phone['e164'][-7:-4]}-{phone['e164'][-4:]}"

    for query in (f"{person['first']} {person['last']}", mail.upper(), person["record_id"], cluster,
                  f"{person['file']}:{person['line']}"):  # fmt: skip
        found(page, query)
        assert 1 <= counted(page) < 12, query
    found(page, written)
    assert counted(page) >= 1
    assert found(page, "nobody is called that") == []
    cleared(page, clusters["cluster"].n_unique())


def test_cases_are_filtered_and_ordered(samples: tuple[Path, dict[str, Any]], page: Page) -> None:
    run, said = samples
    opened(page, run)
    every = counted(page)

    page.click(".tiles a[data-state=create]")
    plan = table(run, "plan").filter(pl.col("state") == "auto")
    weightiest = plan.filter(pl.col("kind") == "create")["cluster"].n_unique()
    assert counted(page) <= weightiest < every
    cleared(page, every)
    page.select_option("select[name=source]", "mailchimp")
    of_mailchimp = counted(page)
    page.select_option("select[name=differs]", "first name")
    assert 0 < counted(page) < of_mailchimp < every
    cleared(page, every)
    page.click("a[data-cause=alike]")
    assert counted(page) == said["planned"]["review"]
    cleared(page, every)
    page.select_option("select[name=order]", "name")
    names = page.locator(".option b").all_inner_texts()
    assert names == page.evaluate("names => [...names].sort(new Intl.Collator().compare)", names)


@pytest.mark.parametrize("width", [320, 768, 1_920])
def test_the_page_fits_its_window_and_stays_small(samples: tuple[Path, dict[str, Any]], page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    opened(page, samples[0])
    for _ in range(3):
        page.keyboard.press("j")

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.getElementsByTagName('*').length") <= MOST_NODES


def test_the_first_screen_needs_no_script_and_prints_on_two_pages(
    samples: tuple[Path, dict[str, Any]], browser: Browser
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((samples[0] / "report.html").as_uri())

    text = page.inner_text("body")
    assert ("to merge away" in text, "audit.csv beside this page" in text) == (True, True)
    pdf = page.pdf(format="A4")
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 2
    context.close()


@pytest.mark.skipif(not AXE.is_file(), reason="axe is not installed: make node")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wrong(samples: tuple[Path, dict[str, Any]], browser: Browser, scheme: Any) -> None:
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)
    page = opened(context.new_page(), samples[0])
    page.locator("#card summary").click()
    page.add_script_tag(path=AXE)

    wrong = page.evaluate("axe.run().then((found) => found.violations.map((one) => [one.id, one.nodes[0].html]))")

    context.close()
    assert wrong == []


HOSTILE = [
    "<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", '=HYPERLINK("http://x.example","y")',
    "\u202egnp.exe", "\x1b[31mred", "{{ 7*7 }}", "x" * 10_000, "a&amp;b <b>",
]  # fmt: skip


def test_hostile_names_are_shown_as_they_are_and_do_nothing(onefold: Onefold, page: Page, tmp_path: Path) -> None:
    quoted = ('"' + name.replace('"', '""') + '"' for name in HOSTILE)
    rows = "".join(f"{name},p{number}@kite.example\n" for number, name in enumerate(quoted))
    (tmp_path / "crm.csv").write_text("First Name,Email\n" + rows, "utf-8")
    onefold("plan", "crm.csv", "--site", "local:s.db", "--run", "run")
    page.on("dialog", lambda _: pytest.fail("a script ran"))

    opened(page, tmp_path / "run")

    for number, name in enumerate(HOSTILE):
        found(page, f"p{number}@kite.example")
        page.locator(".option").first.click()
        card = page.locator("#card article")
        assert re.sub("[\u202e\x1b]", "", name) in card.inner_text()  # reading takes away what is not seen
        assert card.locator("img, script, b b").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 1_280


def test_what_is_not_seen_is_packed_as_escapes_and_the_rest_as_it_is() -> None:
    texts = ["\u202egnp", "\x1b[31m", "a\nb", None, "a\nb", "a\nb", "李"]
    columns = {
        "text": texts,
        "number": range(7),
        "share": [0.123456] * 7,
        "list": [[1, 2]] * 7,
        "same": ["x"] * 6 + [None],
    }

    raw = json.loads(gzip.decompress(base64.b64decode(packed(pl.DataFrame(columns)))))

    assert raw["rows"] == 7
    assert raw["columns"]["text"] == ["\\u202egnp", "\\x1b[31m", "a\nb", None, "a\nb", "a\nb", "李"]
    assert raw["columns"]["same"] == {"of": ["x"], "at": [0] * 6 + [-1]}
    assert raw["columns"]["share"] == [0.1235] * 7
    assert raw["columns"]["list"] == [[1, 2]] * 7


def test_what_the_page_leaves_out_is_said(
    samples: tuple[Path, dict[str, Any]], page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(samples[0], tmp_path / "run")
    monkeypatch.setattr(reporting, "MOST_CASES", 20)

    reporting.report(Run.opened(tmp_path / "run"))

    opened(page, tmp_path / "run")
    people = table(samples[0], "clusters")["cluster"].n_unique()
    assert counted(page) == 20
    text = page.inner_text("body")
    assert re.search(r"The riskiest 20 of [\d,]+ are shown; all are in audit\.csv", text)
    assert f"of {people} people" in text
