"""Summaries of a run, an undo, and a matching: the answers of commands and flows."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer


class _Summary(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self) -> dict[str, Any]:
        """The same as JSON has it: what a command prints with `--json`."""
        return self.model_dump(mode="json")


class PlannedSummary(_Summary):
    """Counts of a plan: contacts to create, update, merge away and label, and cases that wait or are blocked."""

    create: int
    update: int
    merge: int
    label: int
    review: int
    blocked: int


class RunSummary(_Summary):
    """A run: what was read, what is planned, and what was done.

    Attributes:
        run: the run's folder.
        records, rejected: rows and contacts that could be used, and rows that could not.
        clusters, duplicates: people, and records beyond one a person.
        created, updated, merged, labelled: contacts; all 0 before the plan is applied.
        held: cases that wait for a person.
        failed: operations that the site refused, or of which it is not known whether they were done.
        left: operations still to be done.
        warnings: what a person should look at before the plan is applied, in sentences.
        seconds: planning and applying took.
        audit: the last hash of the audit's chain: who keeps it can tell later that the audit is still the same.
        report: the file.
    """

    run: str
    records: int
    rejected: int
    clusters: int
    duplicates: int
    planned: PlannedSummary
    created: int
    updated: int
    merged: int
    labelled: int
    held: int
    failed: int
    left: int
    warnings: list[str]
    seconds: float
    audit: str
    report: str


class UndoSummary(_Summary):
    """Counts of an undo, and of people it left as they are."""

    run: str
    deleted: int
    restored: int
    recreated: int
    unlabelled: int
    left: int
    report: str


class MatchSummary(_Summary):
    """Counts of a matching.

    Attributes:
        file, out: what was read and written.
        records: its rows; `rejected` of them could not be used.
        clusters, duplicates: people, and rows beyond one a person.
        pairs: pairs that were scored.
        not_honoured: why decisions were not honoured.
        columns: columns that were compared though they are no field of a contact.
        joined: with an index: known clusters that are one, the number that stays and the other.
        known: with an index: records that were known before.
        warnings: why a person should look at how the files were read.
    """

    file: str
    out: str
    records: int
    rejected: int
    clusters: int
    duplicates: int
    pairs: int
    not_honoured: list[str]
    columns: list[str]
    joined: list[tuple[int, int]] | None = None
    known: int | None = None
    warnings: list[str]
    seconds: float

    @model_serializer(mode="wrap")
    def _without_an_index(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What only an index tells is left out where there is none."""
        return {name: value for name, value in handler(self).items() if value is not None}
