"""Applies and undoes plans in processes that are killed: one line of JSON in for each, one line out.

A process of its own that has imported everything and forks for each try, because starting Python takes longer than
what is to be killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from connectors.local import LocalSite
from connectors.store.journal import Journal
from connectors.store.run_folder import Run
from connectors.wix import Patience, WixSite
from flows.engine.applying import apply_plan
from flows.engine.options import Options
from flows.engine.undoing import prepared, undo_run
from flows.settings import Settings

IMPATIENT = Patience(read=0.4, attempts=20, first_pause=0.01, longest_pause=0.1, lag=0.6, recovery=0.1)


def work(wanted: dict[str, Any]) -> None:
    """Applies or undoes a run, to its end."""
    run = Run(Path(wanted["run"]))
    if wanted["what"] == "undo":
        settings = Settings().with_site(wanted["site"])
        undo_run(run, settings, prepared(run, settings))
        return

    async def applied() -> None:
        with Journal(run.folder / "journal.db", writing=True) as journal:
            plan = run.table("plan")
            if wanted["site"].startswith("local:"):
                with LocalSite(Path(wanted["site"].removeprefix("local:"))) as site:
                    await apply_plan(plan, site, journal)
            else:
                key = SecretStr("a-key")
                async with WixSite(key, "a-site", base_url=wanted["site"], patience=IMPATIENT) as service:
                    await apply_plan(plan, service, journal, Options(concurrency=8, most_wrong=1))

    asyncio.run(applied())


def main() -> None:
    """Answers `killed`, `done` or `failed`, and after how many seconds."""
    for line in sys.stdin:
        wanted = json.loads(line)
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            try:
                work(wanted)
            except BaseException as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        status = None
        while status is None and time.monotonic() - began < wanted.get("after", 600):
            time.sleep(0.0005)
            ended, code = os.waitpid(child, os.WNOHANG)
            status = code if ended else None
        if status is None:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
        state = "killed" if os.WIFSIGNALED(status) else "done" if os.WEXITSTATUS(status) == 0 else "failed"
        print(json.dumps({"state": state, "seconds": time.monotonic() - began}), flush=True)


if __name__ == "__main__":
    main()
