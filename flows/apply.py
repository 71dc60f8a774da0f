"""The flow `apply`: applies a planned run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from connectors.store.run_folder import Run
from flows.engine.pipeline import apply_run
from flows.settings import settings_for
from flows.tasks import as_task


@flow(name="onefold-apply", persist_result=False)
def apply(
    run: str, config: str | None = None, over_budget: bool = False, site: str | None = None, wait: bool = False
) -> dict[str, Any]:
    """Applies a planned run to the site it was planned for, with the settings it was planned with. Repeated, it goes on
    where it was interrupted.

    Args:
        run: the run's folder.
        config: the settings file, which names the site.
        over_budget: whether a plan that is over its budget is applied all the same.
        site: the run's site, where the settings do not name it.
        wait: whether to wait while another run is at work on the site.

    Returns:
        The summary, as the command line prints it with `--json`.
    """
    planned = Run.opened(Path(run))
    return apply_run(
        planned, settings_for(config, None), as_task, over_budget=over_budget, site=site, wait=wait
    ).to_json()
