"""Writing down what a person decided about records of a run, for the next plan to honour."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from connectors.store.decisions import add_decision
from connectors.store.run_folder import Run
from transforms.schema.errors import UsageError


def decide(run: Run, verdict: str, records: Sequence[str], *, by: str | None = None, note: str = "") -> Path:
    """Adds a decision about records of a run to the file of decisions that the run read, for the run's site alone.

    Args:
        run: a planned run.
        verdict: `together` or `apart`.
        records: ids of two records or more (`source:row` or `site:contact id`).
        by: who decided; whoever is logged in when it is not given.
        note: why.

    Returns:
        The file.

    Raises:
        UsageError: fewer than two records were given, or the run does not have one of them.
        InputError: the file there is not one of decisions.
    """
    if len(set(records)) < 2:
        raise UsageError("A decision is about two records at least.")
    known = dict(run.table("identities").select("record_id", "identity").iter_rows())
    for record in records:
        if record not in known:
            raise UsageError(f"The run has no record {record!r}. Records are called source:row or site:contact-id.")
    facts = run.facts()
    path = Path(facts.decisions.file)
    add_decision(
        path,
        {
            "kind": "pair" if len(records) == 2 else "cluster",
            "verdict": verdict,
            "records": list(records),
            "identities": [known[record] for record in records],
            "site": facts.site_names[0],
            "by": by or getpass.getuser(),
            "decided_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "note": note,
        },
    )
    return path
