"""Takes the pictures of these pages: the report and the review of the sample migration, as Chromium shows them.

    python docs/screenshots.py RUN

RUN is the folder of a planned run of the samples; `make screenshots` makes one.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).parent
WIDE = {"viewport": {"width": 1_280, "height": 860}}
OF_THE_REPORT: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "report.png": (WIDE, "h1"),
    "case.png": (WIDE, "#find"),
    "case-dark.png": ({**WIDE, "color_scheme": "dark"}, "#find"),
    "case-narrow.png": ({"viewport": {"width": 360, "height": 780}}, "#card"),
}
"""Pictures: how the browser is set, and what stands at the top of each."""


def of_the_report(browser: Browser, run: Path) -> None:
    """Takes the pictures of a run's report."""
    for name, (setting, top) in OF_THE_REPORT.items():
        with browser.new_context(**setting) as context:
            page = context.new_page()
            page.goto((run / "report.html").resolve().as_uri())
            page.wait_for_selector("#browser:not([hidden]) .option")
            page.locator(top).evaluate("place => place.scrollIntoView()")
            page.screenshot(path=HERE / name)


@contextmanager
def reviewed(run: Path) -> Iterator[str]:
    """The review of a run; gives the address that lets one browser in."""
    command = [sys.executable, "-c", "from flows.cli.commands import main; main()", "review", str(run)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            yield next(line.split(" at ")[1].strip() for line in process.stderr if " at http://" in line)
        finally:
            process.terminate()


def of_the_review(browser: Browser, run: Path) -> None:
    """Takes the pictures of a run's review."""
    with reviewed(run) as address, browser.new_context(**WIDE) as context:
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector("body[data-ready] #card article")
        page.fill("#by", "Mara")
        page.screenshot(path=HERE / "review.png")
        page.click("#patterns-button")
        page.locator("#patterns table").wait_for()
        page.screenshot(path=HERE / "review-patterns.png")


def main(run: Path) -> None:
    """Takes all pictures."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        of_the_report(browser, run)
        of_the_review(browser, run)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
