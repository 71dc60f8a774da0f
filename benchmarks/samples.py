"""How well and how fast the sample world is planned: `python benchmarks/samples.py`.

Prints records, candidate pairs, pairwise precision and recall against `truth.csv`, and seconds. The first plan pays for
imports; the second is the program itself.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import polars as pl

from connectors.local import LocalSite, read_contacts
from connectors.store.run_folder import Run
from flows.engine.pipeline import plan_run
from flows.settings import load_settings

SAMPLES = Path(__file__).parent.parent / "data" / "samples"


def pairs(clusters: pl.DataFrame, by: str) -> set[tuple[str, str]]:
    """All pairs of records that share a cluster or a person."""
    members = clusters.group_by(by).agg("record_id")["record_id"].to_list()
    return {(a, b) for group in map(sorted, members) for index, a in enumerate(group) for b in group[index + 1 :]}


def main() -> None:
    """Plans the samples twice and prints one line for each time."""
    truth = pl.read_csv(SAMPLES / "truth.csv")
    with tempfile.TemporaryDirectory() as folder:
        with LocalSite(Path(folder) / "site.db", create=True) as site:
            site.load(*read_contacts(SAMPLES / "site.jsonl"))
        settings = load_settings(SAMPLES / "onefold.toml").with_site(f"local:{folder}/site.db")
        for number in (1, 2):
            began = time.perf_counter()
            run = Run.new(Path(folder) / str(number))
            plan_run(settings, run)
            seconds = time.perf_counter() - began
            clusters = run.table("clusters").join(truth, on="record_id")
            found, true = pairs(clusters, "cluster"), pairs(clusters, "person")
            print(
                f"records {len(run.table('records'))}  pairs {len(run.table('pairs'))}  "
                f"precision {len(found & true) / len(found):.3f}  recall {len(found & true) / len(true):.3f}  "
                f"seconds {seconds:.2f}"
            )


if __name__ == "__main__":
    main()
