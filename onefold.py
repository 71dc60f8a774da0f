"""Onefold for other programs: the jobs of the command line as functions, and what they answer.

    import onefold

    summary = onefold.plan(["crm.csv", "shop.csv"], site="local:site.db")
    print(summary.planned.merge, "contacts would be merged away")
    onefold.apply(summary.run)

Each function reads the settings file and the environment as the command of its name does. It asks nobody anything and
prints nothing; what cannot be done is an `OnefoldError` with one sentence. `python -m onefold` is the command line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flows.engine.summaries import MatchSummary, PlannedSummary, RunSummary, UndoSummary
from transforms.schema.errors import OnefoldError

if TYPE_CHECKING:
    from flows.settings import Settings

__all__ = [
    "MatchSummary",
    "OnefoldError",
    "PlannedSummary",
    "RunSummary",
    "UndoSummary",
    "apply",
    "match",
    "migrate",
    "plan",
    "undo",
]

PathLike = Path | str


def plan(
    exports: Sequence[PathLike] = (),
    *,
    site: str | None = None,
    config: PathLike | None = None,
    run: PathLike | None = None,
    columns: Mapping[str, str] | None = None,
    encoding: str | None = None,
    wait: bool = False,
    despite_unfinished: bool = False,
) -> RunSummary:
    """Finds who is who and writes the plan; the site is not touched.

    Args:
        exports: files, folders or `PATH=SOURCE-NAME`, the most trusted first; those of the settings when not given.
        site: the site: `local:PATH`, `wix`, or the address of a service; that of the settings when not given.
        config: the settings file; `onefold.toml` here, when there is one.
        run: the run's folder; a new one below `runs` when not given.
        columns: where columns go, by header, before what their format says.
        encoding: what text files are in; found when not given.
        wait: whether to wait while another run is at work on the site.
        despite_unfinished: whether to plan although an earlier run on this site was broken off.

    Raises:
        OnefoldError: an export or the settings cannot be read, the site refuses or is held, a run was broken off.
    """
    from connectors.store.run_folder import Run
    from flows.engine.pipeline import plan_run

    settings = _settings(config, site, exports, columns, encoding)
    folder = Run.new(Path(run) if run is not None else None)
    return plan_run(settings, folder, wait=wait, despite_unfinished=despite_unfinished)


def apply(
    run: PathLike,
    *,
    config: PathLike | None = None,
    site: str | None = None,
    over_budget: bool = False,
    wait: bool = False,
) -> RunSummary:
    """Applies a planned run to its site, as it was planned. Repeated, it goes on where it was interrupted.

    Args:
        run: the run's folder.
        config: the settings file, which names the site and its key.
        site: the run's site, where the settings do not name it.
        over_budget: whether a plan that is over its budget is applied all the same.
        wait: whether to wait while another run is at work on the site.

    Raises:
        OnefoldError: the run is of another site or was changed, the site refuses or is held, too much went wrong.
    """
    from connectors.store.run_folder import Run
    from flows.engine.pipeline import apply_run

    planned = Run.opened(Path(run))
    return apply_run(planned, _settings(config, None), over_budget=over_budget, site=site, wait=wait)


def migrate(
    exports: Sequence[PathLike] = (),
    *,
    site: str | None = None,
    config: PathLike | None = None,
    run: PathLike | None = None,
    columns: Mapping[str, str] | None = None,
    encoding: str | None = None,
    wait: bool = False,
) -> RunSummary:
    """Plans and applies a run; a run that was broken off on the site is finished first.

    Args:
        exports, site, config, run, columns, encoding, wait: as for `plan`.

    Raises:
        OnefoldError: as `plan` and `apply`.
    """
    from flows.engine.pipeline import migrate_run

    settings = _settings(config, site, exports, columns, encoding)
    folder = Path(run) if run is not None else None
    return migrate_run(settings, folder, by="onefold.migrate", site=site, wait=wait)


def match(
    files: PathLike | Sequence[PathLike],
    out: PathLike,
    *,
    id_column: str | None = None,
    match_on: Sequence[str] = (),
    region: str | None = None,
    threshold: float | None = None,
    link: bool = False,
    links: PathLike | None = None,
    golden: PathLike | None = None,
    review: PathLike | None = None,
    households: PathLike | None = None,
    decisions: PathLike | None = None,
    index: PathLike | None = None,
    force: bool = False,
) -> MatchSummary:
    """Finds who is who in one or several tables, and writes every row's id with its cluster.

    Args:
        files: the table, or several, the most trusted first.
        out: where the clusters go: CSV, Parquet or XLSX, by its suffix, as all results.
        id_column: the column whose value is the row's id; the row's number from 1 when not given.
        match_on: further columns that identify a person.
        region: the country of phones without a country code, as two letters.
        threshold: the probability from which rows are joined; that of the settings when not given.
        link: whether rows are joined across files alone.
        links, golden, review, households: where scored pairs, folded rows, doubtful pairs and people who live together
            go.
        decisions: a file of what people decided.
        index: the folder of an index of known records to match against and add to.
        force: whether files that are there are replaced.

    Raises:
        OnefoldError: a file cannot be read or written.
    """
    from flows.commands.match import Outputs, match_files

    several = [files] if isinstance(files, str | Path) else files
    wanted = [Path(path) if path is not None else None for path in (links, golden, review, households)]
    return match_files(
        [Path(file) for file in several],
        Path(out),
        id_column=id_column,
        match_on=match_on,
        region=region,
        decisions=Path(decisions) if decisions is not None else None,
        index=Path(index) if index is not None else None,
        threshold=threshold,
        link=link,
        outputs=Outputs(*wanted),
        force=force,
    )


def undo(
    run: PathLike,
    *,
    config: PathLike | None = None,
    site: str | None = None,
    only: Sequence[str] = (),
    over_budget: bool = False,
    wait: bool = False,
) -> UndoSummary:
    """Takes a run back, but for what others have changed since. Repeated, it goes on where it was interrupted.

    Args:
        run: the folder of an applied run.
        config: the settings file, which names the site and its key.
        site: the run's site, where the settings do not name it.
        only: clusters to take back; all where empty.
        over_budget: whether more contacts are deleted than the settings allow.
        wait: whether to wait while another run is at work on the site.

    Raises:
        OnefoldError: nothing of the run was applied, the site refuses or is held.
    """
    from connectors.store.run_folder import Run
    from flows.engine.undoing import prepared, undo_run, undo_settings

    applied = Run.opened(Path(run))
    settings = undo_settings(applied, _settings(config, None), site=site)
    return undo_run(applied, settings, prepared(applied, settings, only=only), over_budget=over_budget, wait=wait)


def _settings(
    config: PathLike | None,
    site: str | None,
    exports: Sequence[PathLike] = (),
    columns: Mapping[str, str] | None = None,
    encoding: str | None = None,
) -> Settings:
    from flows.settings import settings_for

    return settings_for(config, site, exports, columns, encoding)


if __name__ == "__main__":
    from flows.cli.commands import main

    main()
