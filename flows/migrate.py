"""The flow `migrate`: plan, then apply what needs nobody's decision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.runtime import flow_run

from flows.engine.pipeline import migrate_run
from flows.settings import settings_for
from flows.tasks import as_task


@flow(name="onefold-migrate", persist_result=False)
def migrate(
    exports: list[str] | None = None,
    config: str | None = None,
    site: str | None = None,
    run: str | None = None,
    columns: dict[str, str] | None = None,
    encoding: str | None = None,
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
        encoding: what text files are in; found when not given.
        wait: whether to wait while another run is at work on the site.

    Returns:
        The summary, as the command line prints it with `--json`.
    """
    settings = settings_for(config, site, exports, columns, encoding)
    by = f"flow run {flow_run.name or 'onefold-migrate'}"
    folder = Path(run) if run else None
    return migrate_run(settings, folder, as_task, by=by, site=site, wait=wait).to_json()
