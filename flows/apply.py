"""The flow `apply`: applies a planned run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from flows.pipeline import apply_run
from flows.runs import Run
from flows.tasks import as_task, settings_for


@flow(name="onefold-apply", persist_result=False)
def apply(run: str, config: str | None = None, over_budget: bool = False) -> dict[str, Any]:
    """Applies a planned run to the site it was planned for. Repeated, it goes on where it was interrupted.

    Args:
        run: the run's folder.
        config: the settings file.
        over_budget: whether a plan that is over its budget is applied all the same.

    Returns:
        The summary, as the command line prints it with `--json`.
    """
    planned = Run.opened(Path(run))
    settings = settings_for(config, str(planned.facts()["site"]), None)
    return apply_run(planned, settings, as_task, over_budget=over_budget)
