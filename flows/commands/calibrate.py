"""Which thresholds fit a run: what to expect at each, and what people's decisions say to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from connectors.store.decisions import read_decisions
from connectors.store.run_folder import Run
from transforms.match.calibration import Proposal, calibrated, proposed
from transforms.match.verdicts import of_site, resolved


@dataclass(frozen=True)
class Calibration:
    """Expectations at each threshold (see `calibrated`), the thresholds set, and those proposed."""

    expected: pl.DataFrame
    decided: int
    auto: float
    review: float
    proposal: Proposal
    precision: float
    recall: float

    def text(self) -> str:
        """For a terminal."""
        lines = [
            f"{self.decided} pairs were decided by people." if self.decided else "Nobody has decided about pairs yet.",
            "",
            "  from   pairs joined  precision   at least     recall   by model   decided: same  apart",
        ]
        for row in self.expected.iter_rows(named=True):
            shares = "  ".join(_share(row[name]) for name in ("precision", "precision_low", "recall", "by_model"))
            marks = [name for name in ("auto", "review") if getattr(self, name) == row["threshold"]]
            lines.append(
                f"  {row['threshold']:<5}  {row['pairs']:>12,}  {shares}  {row['same']:>14}  {row['apart']:>5}"
                + (f"  ← {', '.join(marks)}" if marks else "")
            )
        lines += ["", f"To join with a precision of {self.precision:.1%} and look at or join {self.recall:.1%}:", ""]
        for name, value in self.proposal._asdict().items():
            lines.append(f"  {name} = {value}" if value is not None else f"  {name}: no threshold reaches that")
        return "\n".join(lines)

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "decided": self.decided,
            "auto": self.auto,
            "review": self.review,
            "proposed": self.proposal._asdict(),
            "thresholds": self.expected.to_dicts(),
        }


def calibrate(run: Run, *, precision: float, recall: float) -> Calibration:
    """Expectations of a run's pairs at each threshold, with every decision that its file holds by now.

    Args:
        run: a planned run.
        precision: what is wanted of the pairs that are joined.
        recall: what is wanted of the pairs that are joined or looked at.

    Raises:
        InputError: the file of decisions is none.
    """
    facts = run.facts()
    decisions = of_site(read_decisions(Path(facts.decisions.file)), facts.site_names)
    verdicts = resolved(decisions, run.table("identities"))
    decided = verdicts.labelled_pairs()
    expected = calibrated(run.table("pairs"), decided, families=bool(facts.model["families"]))
    proposal = proposed(expected, precision=precision, recall=recall)
    return Calibration(expected, len(decided), facts.auto, facts.review, proposal, precision, recall)


def _share(value: float | None) -> str:
    return f"{value:9.2%}" if value is not None else f"{'–':>9}"
