"""The review of a run, used in a real browser as an analyst uses it: by keys, by buttons, by two at once."""

from __future__ import annotations

import getpass
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from conftest import Ended, command_in, table
from playwright.sync_api import Browser, Page, sync_playwright

from connectors.store.decisions import read_decisions

Onefold = Callable[..., Ended]
CHROMIUM = shutil.which("chromium")
AXE = Path(__file__).parents[1] / "node" / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
NAMES = (
    "Cleo Carlo,Paula Simon,Ines Viktor,Ada Emil,Bruno Hanna,Dora Felix,Greta Igor,Jana Karl,Lina Moritz,Nora Oskar,"
    "Petra Quentin,Rosa Stefan"
)
LASTS = "Quist Strand Mohr Rook Vane Lund Brandt Falk Holm Kiel Tamm Wolff".split()
HEADER = "First Name,Last Name,Email,Phone,Company\n"
PEOPLE = HEADER + "".join(
    f"{first},{last},the.{last.lower()}s@postbox.example,212-555-01{number:02d},\n"
    for number, (couple, last) in enumerate(zip(NAMES.split(","), LASTS, strict=True))
    for first in couple.split()
)
TWINS = "Zoe,Adler,zoe@kite.example,212-555-0190,Kite\nZoe,Adler,zoe@kite.example,212-555-0190,Kite Ltd\n"
COUPLES = len(LASTS)


class Reviewed:
    """A planned run, and its review as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """Starts the review; gives the address that lets one browser in."""
        code = "from flows.cli.commands import main; main()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "review", "run"], cwd=self.folder, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if " at http://" in line:
                return line.split(" at ")[1].strip()
        raise AssertionError("the review did not start")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=30)

    def decisions(self) -> pl.DataFrame:
        return read_decisions(self.folder / "decisions.csv")


def planned(folder: Path) -> Path:
    """Twelve couples that wait, each of one mailbox and one phone, and somebody who stands there twice."""
    (folder / "crm.csv").write_text(PEOPLE + TWINS, "utf-8")
    (folder / "onefold.toml").write_text(
        '[[source]]\nname = "crm"\nfiles = ["crm.csv"]\n[match]\nreview = 0.001\n[site]\nurl = "local:s.db"\n', "utf-8"
    )
    command_in(folder)("plan", "--run", "run")
    assert table(folder / "run", "plan").filter(pl.col("state") == "review").height == COUPLES
    return folder


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a planned run that is never applied."""
    return planned(tmp_path_factory.mktemp("review"))


@pytest.fixture
def reviewed(once: Path) -> Iterator[Reviewed]:
    """A review of it, with nothing decided."""
    (once / "decisions.csv").unlink(missing_ok=True)
    found = Reviewed(once)
    yield found
    found.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


def entered(browser: Browser, address: str, **more: Any) -> Page:
    """The review's page, in a browser of its own."""
    page = browser.new_context(viewport={"width": 1_280, "height": 860}, **more).new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto(address)
    page.wait_for_selector("body[data-ready] #card article")
    return page


def told(page: Page, words: str) -> None:
    """Waits until the review says so."""
    page.locator("#told", has_text=words).wait_for(timeout=30_000)


def test_ten_cases_are_decided_by_keys_one_is_taken_back_and_apply_honours_the_rest(
    browser: Browser, tmp_path: Path
) -> None:
    reviewed = Reviewed(planned(tmp_path))
    page = entered(browser, reviewed.start())
    assert page.locator("#tabs button").first.inner_text() == f"needs you {COUPLES}"
    titles = page.locator(".option b").all_inner_texts()
    assert len(titles) == COUPLES

    for number in range(10):
        page.locator("#card h3", has_text=titles[number]).wait_for()
        page.keyboard.press("t" if number < 3 else "a")
        told(page, titles[number])
    page.keyboard.press("z")
    told(page, "Taken back: 1 decision")
    page.reload()
    page.wait_for_selector("body[data-ready] #card article")

    said = page.locator(".option .said").all_inner_texts()
    assert said == [f"{'together' if number < 3 else 'apart'} · {getpass.getuser()}" for number in range(9)]
    assert reviewed.decisions()["verdict"].to_list() == ["together"] * 3 + ["apart"] * 6
    page.click("#again")
    told(page, "Planned again")
    assert "9 cases that wait are settled" in page.inner_text("#differences")
    assert page.locator("#tabs button").first.inner_text() == "needs you 3"
    page.click("#apply")
    merges = page.inner_text("#question").partition(" merges ")[2].split(" ")[0]
    page.fill("#typed", merges)
    page.click("#confirm button[value=yes]")
    told(page, "Applied: ")
    there = command_in(reviewed.folder)("site", "stats", "--site", "local:s.db", "--json").json["contacts"]
    assert there == 3 * 1 + 6 * 2 + 3 * 1 + 1  # together, apart, the first of those that wait, and Zoe
    page.context.close()
    reviewed.stop()


def test_apply_asks_for_the_number_and_waits_for_the_plan(reviewed: Reviewed, browser: Browser) -> None:
    page = entered(browser, reviewed.start())
    page.click("#apply")
    page.fill("#typed", "77")
    page.click("#confirm button[value=yes]")
    told(page, "merges 0 contacts away, not 77. Nothing was applied.")
    page.keyboard.press("a")
    told(page, "apart")

    assert page.locator("#apply").is_disabled()
    assert not (reviewed.folder / "s.db").exists()
    page.context.close()


def test_two_reviewers_at_once_lose_nothing_and_see_each_other(reviewed: Reviewed, browser: Browser) -> None:
    address = reviewed.start()
    page = entered(browser, address)
    base = address.partition("/enter")[0]
    cookies = {one["name"]: one["value"] for one in page.context.cookies()}
    cases = [row["case"] for row in httpx.get(f"{base}/queue?tab=needs you", cookies=cookies).json()["rows"]]
    answers: list[int] = []

    def decide(by: str, mine: list[str]) -> None:
        for case in mine:
            body = {"case": case, "verdict": "apart", "by": by}
            answer = httpx.post(f"{base}/decide", json=body, cookies=cookies, headers={"x-onefold": "1"}, timeout=60)
            answers.append(answer.status_code)

    threads = [threading.Thread(target=decide, args=(by, cases[at::2])) for at, by in enumerate(("mara", "nils"))]
    for thread in threads:
        thread.start()
    command_in(reviewed.folder)("decide", "run", "apart", "crm:25", "crm:26", "--by", "third")
    for thread in threads:
        thread.join()

    assert answers == [200] * COUPLES
    found = reviewed.decisions()
    assert sorted(found["by"].value_counts().rows()) == [("mara", 6), ("nils", 6), ("third", 1)]
    page.reload()
    page.wait_for_selector("body[data-ready] #card article")
    assert {text.split(" · ")[1] for text in page.locator(".option .said").all_inner_texts()} == {"mara", "nils"}
    undone = httpx.post(f"{base}/undo", json={"by": "mara"}, cookies=cookies, headers={"x-onefold": "1"}).json()
    assert (undone["count"], reviewed.decisions().height) == (1, COUPLES)
    page.context.close()


def test_a_pattern_is_decided_at_once_after_five_of_it_were_opened(reviewed: Reviewed, browser: Browser) -> None:
    page = entered(browser, reviewed.start())
    page.keyboard.press("p")
    row = page.locator("#patterns tbody tr").first
    count = int(row.locator("td").first.inner_text())
    assert count >= 6
    every = row.locator("button", has_text="apart")
    assert every.is_disabled()
    row.locator("button", has_text="look").click()
    page.locator("#where", has_text=f"of {count}").wait_for()
    titles = page.locator(".option b").all_inner_texts()
    for number in range(1, 6):
        page.locator("#card h3", has_text=titles[number - 1]).wait_for()
        page.keyboard.press("j")
        page.locator("#card h3", has_text=titles[number]).wait_for()
    page.keyboard.press("p")
    page.keyboard.press("p")
    page.locator("#patterns tbody tr").first.locator("button:enabled", has_text="apart").click()
    told(page, f"{count} cases: apart.")

    assert reviewed.decisions()["verdict"].to_list() == ["apart"] * count
    page.keyboard.press("z")
    told(page, f"Taken back: {count} decisions.")
    assert reviewed.decisions().is_empty()
    page.context.close()


def test_one_is_taken_out_a_note_is_kept_and_the_number_can_be_hidden(reviewed: Reviewed, browser: Browser) -> None:
    page = entered(browser, reviewed.start())
    page.keyboard.press("n")
    page.keyboard.type("asked them")
    page.keyboard.press("Enter")
    page.keyboard.press("2")
    assert page.locator("#leaving button[aria-pressed=true]").count() == 1
    page.keyboard.press("Enter")
    told(page, "taken out")
    page.keyboard.press("h")
    assert page.locator(".likely").first.is_visible() is False
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()

    (row,) = reviewed.decisions().to_dicts()
    assert (row["verdict"], row["note"], len(row["records"])) == ("apart", "asked them", 2)
    page.context.close()


def test_the_review_is_searched_and_paged_on_the_server(reviewed: Reviewed, browser: Browser) -> None:
    page = entered(browser, reviewed.start())
    wanted = {"holm": "Holm", "the.kiels@postbox": "Kiel", "212-555-0103": "Rook", "crm.csv:4": "Strand"}
    for query, title in wanted.items():
        page.fill("input[name=query]", query)
        page.locator(f"#list .option:first-child b:has-text('{title}')").wait_for()
        assert 1 <= page.locator(".option").count() <= 2
    page.fill("input[name=query]", "")
    page.keyboard.press("Escape")
    page.locator("#tabs button", has_text="creates").click()
    page.locator(".option b", has_text="Zoe Adler").first.wait_for()
    assert page.evaluate("document.getElementsByTagName('*').length") <= 1_500
    page.context.close()


def test_nobody_else_is_let_in(reviewed: Reviewed) -> None:
    address = reviewed.start()
    base = address.partition("/enter")[0]
    asked = {"x-onefold": "1"}

    with httpx.Client() as client:
        assert client.get(f"{base}/overview").status_code == 403
        assert client.get(f"{base}/enter?token=wrong").status_code == 403
        assert client.get(address).status_code == 303
        assert client.get(f"{base}/overview").status_code == 200
        assert client.post(f"{base}/undo", json={"by": "x"}).status_code == 403
        assert (
            client.post(f"{base}/undo", json={"by": "x"}, headers=asked)
            .json()["problem"]
            .startswith("There is nothing")
        )
        assert client.get(f"{base}/overview", headers={"host": "evil.example"}).status_code == 421
        odd = client.post(f"{base}/decide", json={"case": "nope", "verdict": "apart", "by": "x"}, headers=asked)
        assert (odd.status_code, odd.json()["problem"]) == (400, "The run has no case 'nope'.")
        page = client.get(f"{base}/")
        assert "script-src 'sha256-" in page.headers["content-security-policy"]
        assert "http://" not in page.text
        assert "https://" not in page.text
    assert httpx.get(address).status_code == 403


@pytest.mark.skipif(not AXE.is_file(), reason="axe is not installed: make node")
def test_axe_finds_nothing_wrong(reviewed: Reviewed, browser: Browser) -> None:
    page = entered(browser, reviewed.start(), bypass_csp=True)
    page.keyboard.press("t")
    told(page, "together")
    page.keyboard.press("e")
    page.keyboard.press("p")
    page.locator("#patterns table").wait_for()
    page.add_script_tag(path=AXE)

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        wrong = page.evaluate("axe.run().then((found) => found.violations.map((one) => [one.id, one.nodes[0].html]))")
        assert wrong == [], scheme
    page.context.close()
