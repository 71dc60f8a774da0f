"""Stages as Prefect tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE


def as_task(title: str, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as `Stage`
    """Runs a stage as a task of the flow it is called in. Tables are neither cached nor persisted by Prefect."""
    return task(name=title, cache_policy=NO_CACHE, persist_result=False)(work)(*args, **kwargs)
