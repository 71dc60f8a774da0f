"""The flow `migrate`: plan, then apply what needs nobody's decision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.runtime import flow_run

from connectors.store.memory import RUNNING
from connectors.store.run_folder import Run
from flows.engine.pipeline import apply_run, plan_run
from flows.engine.right_site import site_held, unfinished_runs
from flows.tasks import as_task, settings_for


@flow(name="onefold-migrate", persist_result=False)
def migrate(
    exports: list[str] | None = None,
    config: str | None = None,
    site: str | None = None,
    run: str | None = None,
    columns: dict[str, str] | None = None,
    wait: bool = False,
) -> dict[str, Any]:
    """Plans and applies a run; what waits for a person is left for the report.

    A run that was broken off on this site, by a crash for example, is finished first.

    Args:
        exports: files, folders or `PATH=SOURCE-NAME`, the most trusted first; those of the settings when not given.
        config: the settings file; `onefold.toml` where the flow runs, when there is one.
        site: the site: `local:PATH`, `wix`, or the address of a service.
        run: the run's folder; a new one below `runs` when not given.
        columns: where columns go, by header, before what their format says.
        wait: whether to wait while another run is at work on the site.

    Returns:
        The summary, as the command line prints it with `--json`.
    """
    settings = settings_for(config, site, exports, columns)
    with site_held(settings, by=f"flow run {flow_run.name or 'onefold-migrate'}", wait=wait):
        for one in unfinished_runs(settings):
            if one.run is not None and one.begun.state == RUNNING:
                apply_run(one.run, settings, as_task, site=site)
        folder = Run.new(Path(run) if run else None)
        plan_run(settings, folder, as_task)
        return apply_run(folder, settings, as_task, site=site).to_json()
