"""Runs that go through Prefect."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from transforms.schema.errors import RunError


def through_prefect(asked: bool) -> bool:
    """Whether to run as Prefect flows; its own log says nothing then that the command line does not say better."""
    if asked or os.environ.get("PREFECT_API_URL"):
        os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
        return True
    return False


@contextmanager
def reaching_prefect() -> Iterator[None]:
    """Says in one sentence when Prefect's API cannot be reached."""
    import httpx
    from prefect.exceptions import PrefectException

    try:
        yield
    except (RuntimeError, httpx.HTTPError, PrefectException) as error:
        raise RunError(f"Prefect does not answer: {error}. Check PREFECT_API_URL, or run without Prefect.") from error
