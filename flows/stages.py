"""A stage of a run: what runs it may say how it went, or make a task of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Stage(Protocol):
    """Runs one stage: its title, the function, and the function's arguments."""

    def __call__(self, title: str, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """The function's result."""
        ...


def directly(title: str, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:  # noqa: ARG001 - a `Stage`
    """Runs a stage here and now."""
    return work(*args, **kwargs)
