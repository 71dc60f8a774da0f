"""How quick the report and the review of a run are, in Chromium and through the review's own routes.

    python benchmarks/review.py RUN [CASES]

RUN is the folder of a planned run. Of the report: seconds to write it, its size, and in the browser the first paint,
the first case, searches and filters. Of the review: seconds to its first case, and milliseconds (median and 95th
percentile) of queues, cases, searches and decisions. CASES cases that wait (500 when not given, or as many as there
are) are decided through its routes, and taken back.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from playwright.sync_api import Page, sync_playwright

from connectors.store.run_folder import Run
from flows.engine.reporting import report
from transforms.schema.errors import OnefoldError

QUERIES = ("mill", "212-555", "anna", "nobody at all")
FILTERS = (("state", "waits"), ("state", "create"), ("differs", "phone"), ("size", "2"), ("order", "name"))
_CHANGE = """async ([name, value]) => {
  const began = performance.now();
  const form = document.getElementById('find');
  form.elements[name].value = value;
  form.dispatchEvent(new Event('input', {bubbles: true}));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - began;
}"""


def in_browser(page: Page, run: Path) -> None:
    """Prints how quick the report is in a browser."""
    began = time.monotonic()
    page.goto((run / "report.html").resolve().as_uri(), wait_until="commit")
    page.wait_for_selector("#browser:not([hidden]) .option")
    print(f"  first case {time.monotonic() - began:.2f} s")
    paint = page.evaluate("performance.getEntriesByType('paint')[0].startTime")
    print(f"  first paint {paint:.0f} ms, {page.evaluate('document.getElementsByTagName(`*`).length')} nodes")
    page.wait_for_timeout(1_000)
    for name, value in (*(("query", query) for query in QUERIES), ("query", ""), *FILTERS):
        took, count = page.evaluate(_CHANGE, [name, value]), page.inner_text("#count")
        print(f"  {name} {value or 'none':<14} {took:6.0f} ms  {count}")
        if name != "query":
            page.evaluate(_CHANGE, [name, ""])


def timed(what: str, call: Callable[[int], object], times: int) -> None:
    """Prints the median and the 95th percentile of a call, in milliseconds."""
    took = []
    for number in range(times):
        began = time.monotonic()
        call(number)
        took.append(1_000 * (time.monotonic() - began))
    took.sort()
    print(f"  {what:<22} {took[len(took) // 2]:6.0f} {took[min(len(took) - 1, int(0.95 * len(took)))]:6.0f} ms")


def through_its_routes(run: Path, cases: int) -> None:
    """Prints how quick the review is, asked as its page asks."""
    began = time.monotonic()
    command = [sys.executable, "-c", "from flows.cli.commands import main; main()", "review", str(run)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = next(line.split(" at ")[1].strip() for line in process.stderr if " at http://" in line)
        base = address.partition("/enter")[0]
        with httpx.Client(headers={"x-onefold": "1"}, timeout=600) as client:
            client.get(address)

            def ask(path: str, **more: str) -> dict[str, object]:
                answer = client.get(f"{base}{path}", params=more)
                answer.raise_for_status()
                return dict(answer.json())

            def told(path: str, **body: object) -> bool:
                return client.post(f"{base}{path}", json=body).status_code == 200

            rows: list[dict[str, object]] = []
            while len(rows) < cases:
                page = ask("/queue", tab="needs you", offset=str(len(rows)))
                found = page["rows"]
                assert isinstance(found, list)
                rows += found
                if len(rows) == len(found):
                    ask("/case", case=str(rows[0]["case"]))
                    print(f"  first case {time.monotonic() - began:.2f} s after the command was given")
                if not found:
                    break
            names = [str(row["case"]) for row in rows[:cases]]
            some = min(100, len(names))
            timed("queue", lambda _: ask("/queue", tab="needs you"), some)
            timed("case", lambda at: ask("/case", case=names[at]), some)
            for query in QUERIES:
                timed(f"search {query}", lambda _, query=query: ask("/queue", tab="all", query=query), 20)
            timed("together", lambda at: told("/decide", case=names[at], verdict="together", by="bench"), some)
            for _ in range(some):
                told("/undo", by="bench")
            began = time.monotonic()
            done = sum(told("/decide", case=name, verdict="apart", by="bench") for name in names)
            seconds = time.monotonic() - began
            each = 1_000 * seconds / len(names)
            print(f"  {done} of {len(names)} cases decided in {seconds:.1f} s, {each:.0f} ms each")
            began, undone = time.monotonic(), 0
            while told("/undo", by="bench"):
                undone += 1
            print(f"  {undone} taken back in {time.monotonic() - began:.1f} s")
        process.terminate()


def main(run: Path, cases: int) -> None:
    """Prints all figures of a run."""
    try:
        planned = Run.opened(run)
    except OnefoldError as error:
        sys.exit(str(error))
    began = time.monotonic()
    summary = report(planned)
    size = (run / "report.html").stat().st_size
    print(f"report of {summary.records:,} records: {time.monotonic() - began:.1f} s, {size / 1e6:.1f} MB")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        in_browser(browser.new_page(viewport={"width": 1_280, "height": 800}), run)
    print("review")
    through_its_routes(run, cases)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 500)
