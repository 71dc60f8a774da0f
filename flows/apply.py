"""The flow `apply`: applies a planned run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from flows.pipeline import apply_run
from flows.runs import Run
from flows.tasks import as_task, settings_for


@flow(name="onefold-apply", persist_result=False)
def apply(run: str, config: str | None = None) -> dict[str, Any]:
    """Applies a planned run to the site it was planned for. Repeated, it goes on where it was interrupted.

    Args:
        run: the run's folder.
        config: the settings file.

    Returns:
        The summary, as the command line prints it with `--json`.
    """
    planned = Run.opened(Path(run))
    return apply_run(planned, settings_for(config, str(planned.facts()["site"]), None), as_task)
