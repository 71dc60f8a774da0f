"""Takes the pictures of these pages: the report of the sample migration, as Debian's Chromium shows it.

    python docs/screenshots.py RUN

RUN is the folder of a planned run of the samples; `make screenshots` makes one.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
WIDE = {"viewport": {"width": 1_280, "height": 860}}
SHOTS: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "report.png": (WIDE, "h1"),
    "case.png": (WIDE, "#find"),
    "case-dark.png": ({**WIDE, "color_scheme": "dark"}, "#find"),
    "case-narrow.png": ({"viewport": {"width": 360, "height": 780}}, "#card"),
}
"""Pictures: how the browser is set, and what stands at the top of each."""


def take(page: Page, run: Path, name: str, top: str) -> None:
    """Takes one picture of a run's report."""
    page.goto((run / "report.html").resolve().as_uri())
    page.wait_for_selector("#browser:not([hidden]) .option")
    page.locator(top).evaluate("place => place.scrollIntoView()")
    page.screenshot(path=HERE / name)


def main(run: Path) -> None:
    """Takes all pictures."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, (setting, top) in SHOTS.items():
            with browser.new_context(**setting) as context:
                take(context.new_page(), run, name, top)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
