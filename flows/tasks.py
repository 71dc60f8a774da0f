"""Stages as Prefect tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows.settings import Settings, load_settings


def as_task(title: str, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as `Stage`
    """Runs a stage as a task of the flow it is called in. Tables are neither cached nor persisted by Prefect."""
    return task(name=title, cache_policy=NO_CACHE, persist_result=False)(work)(*args, **kwargs)


def settings_for(
    config: str | None, site: str | None, exports: list[str] | None, columns: Mapping[str, str] | None = None
) -> Settings:
    """The settings of a flow run, as the command line would have them."""
    settings = load_settings(Path(config) if config else None).with_site(site).with_exports(exports or [])
    return settings.with_columns(columns or {})
