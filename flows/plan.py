"""The flow `plan`: reads everything, writes the plan, touches nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from connectors.store.run_folder import Run
from flows.engine.pipeline import plan_run
from flows.settings import settings_for
from flows.tasks import as_task


@flow(name="onefold-plan", persist_result=False)
def plan(
    exports: list[str] | None = None,
    config: str | None = None,
    site: str | None = None,
    run: str | None = None,
    columns: dict[str, str] | None = None,
    encoding: str | None = None,
    wait: bool = False,
    despite_unfinished: bool = False,
) -> dict[str, Any]:
    """Plans a run.

    Args:
        exports: files, folders or `PATH=SOURCE-NAME`, the most trusted first; those of the settings when not given.
        config: the settings file; `onefold.toml` where the flow runs, when there is one.
        site: the site: `local:PATH`, `wix`, or the address of a service.
        run: the run's folder; a new one below `runs` when not given.
        columns: where columns go, by header, before what their format says.
        encoding: what text files are in; found when not given.
        wait: whether to wait while another run is at work on the site.
        despite_unfinished: whether to plan although an earlier run on this site was broken off.

    Returns:
        The summary, as the command line prints it with `--json`.
    """
    settings, folder = settings_for(config, site, exports, columns, encoding), Run.new(Path(run) if run else None)
    return plan_run(settings, folder, as_task, wait=wait, despite_unfinished=despite_unfinished).to_json()
