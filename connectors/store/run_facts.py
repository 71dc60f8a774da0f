"""Facts of a run beside its tables: those of the plan, `run.json`, and those of applying, `apply.json`."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from connectors.exports.decoding import doubt_about


class RunState(StrEnum):
    """States of a run."""

    PLANNING = "planning"
    PLANNED = "planned"
    APPLYING = "applying"
    APPLIED = "applied"


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RunBegun(_Facts):
    """A run whose plan is being made.

    Attributes:
        version: of `run.json` and of the run's tables: another one is not read.
        id: what no other run is called.
        name: what people call it.
    """

    version: Literal[1] = 1
    id: str
    name: str
    state: RunState = RunState.PLANNING


class FileFacts(_Facts):
    """An export file as it was read; of one that could not be read, the problem.

    Attributes:
        rival_encoding: an encoding that is nearly as likely, and gives another text.
        columns: what became of each column, by its header.
        unmapped: columns that are not imported.
        cells: filled cells of its rows, each found in a field (`placed`), beside its row, in a column that is left out
            on purpose, or in a rejected row.
    """

    source: str
    file: str
    rows: int
    problem: str | None = None
    format: str | None = None
    encoding: str | None = None
    rival_encoding: str | None = None
    delimiter: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    unmapped: list[str] = Field(default_factory=list)
    cells: int = 0
    placed: int = 0
    beside: int = 0
    left_out: int = 0
    rejected: int = 0

    def doubt(self) -> str | None:
        """Why a person should look at how the file was read, if one should."""
        return doubt_about(self.file, self.encoding, self.rival_encoding)


class DecisionFacts(_Facts):
    """The decisions that the plan read, and how many of them it could not honour, by the reason.

    Attributes:
        file: where they are.
        read: decisions of this site with a verdict.
    """

    file: str
    read: int
    undecided: int
    of_another_site: int
    of_nobody_here: int
    contradicting: int


class OptOutFacts(_Facts):
    """Counts of the opt-outs of exports, as in the plan."""

    rows: int
    shown: int
    waiting: int
    subscribed_again: int


class UnfinishedFacts(_Facts):
    """An earlier run that was broken off, and that this plan knew of."""

    run: str
    folder: str


class RunFacts(RunBegun):
    """Facts of a planned run, `run.json`.

    Attributes:
        planned_at: when the site was read.
        settings: those of the plan, without the key.
        site, site_id, site_identity: the site's path or address, a service's id of it, and what an embedded one is
            known by.
        site_names: what the site is called in decisions, the name that is written first.
        site_contacts: contacts the site had.
        new_site: whether the site is made by applying.
        sources: in the order of trust.
        scope: changes when the settings that decide about records change.
        model: what matching has learned.
        calls, minutes: what applying takes, as far as it can be foreseen.
        over_budget: why the plan is over its budget.
        stages: seconds by stage.
    """

    state: RunState = RunState.PLANNED
    planned_at: str
    settings: dict[str, Any]
    site: str
    site_id: str | None
    site_identity: str | None
    site_names: list[str]
    site_contacts: int
    new_site: bool
    unfinished: list[UnfinishedFacts]
    sources: list[str]
    files: list[FileFacts]
    scope: str
    auto: float
    review: float
    decisions: DecisionFacts
    model: dict[str, Any]
    opt_outs: OptOutFacts
    calls: int
    minutes: float | None
    over_budget: str | None
    stages: dict[str, float]
    plan_seconds: float

    def doubts(self) -> list[str]:
        """Why a person should look at how the files were read."""
        return [doubt for file in self.files if (doubt := file.doubt()) is not None]


class RunProgress(_Facts):
    """Facts of applying a run, `apply.json`.

    Attributes:
        journal: the id of the journal the run was begun with; None when it was never begun.
    """

    state: RunState = RunState.PLANNED
    journal: str | None = None
    apply_seconds: float = 0.0
