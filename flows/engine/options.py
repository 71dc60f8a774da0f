"""Options of applying a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

BATCH = 100
"""Clusters whose contacts are read and whose intents are written together."""


LABELLED = 500
"""Contacts that get their labels by one bulk job."""


@dataclass(frozen=True)
class SiteAsRead:
    """The site as the plan read it: the moment, and the ids of the contacts."""

    at: datetime
    contacts: frozenset[str]


@dataclass(frozen=True)
class Options:
    """Options of applying a plan.

    Attributes:
        concurrency: clusters that are done side by side.
        preview: whether each merge is previewed and compared with what was planned.
        keep_marker: whether contacts keep the field that names the operation which created or merged them.
        most_wrong: the share of operations that may be held, stale or failed before all is stopped.
        only: clusters to do; all where empty.
        limit: clusters to do at most.
        until: when to stop.
        stopped: asked before each cluster is begun whether to stop.
        seen: what the plan read of the site: who else has appeared since is looked for before a create that the site
            itself would not refuse. None looks for nobody.
        waiting: clusters that are left to a person, with the reason.
    """

    concurrency: int = 4
    preview: bool = True
    keep_marker: bool = False
    most_wrong: float = 0.2
    only: frozenset[str] = frozenset()
    limit: int | None = None
    until: datetime | None = None
    stopped: Callable[[], bool] = lambda: False
    seen: SiteAsRead | None = None
    waiting: Mapping[str, str] = field(default_factory=dict)

    def is_partial(self) -> bool:
        """Whether not all of the plan is wanted now."""
        return bool(self.only or self.limit or self.is_to_stop())

    def is_to_stop(self) -> bool:
        """Whether no further cluster is to be begun."""
        return self.stopped() or (self.until is not None and datetime.now(UTC) >= self.until)


AS_USUAL = Options()
