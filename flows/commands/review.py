"""A review of a run: its cases one by one, what people say of them, what follows from it, and the plan made anew."""

from __future__ import annotations

import asyncio
import getpass
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from connectors.report.packing import as_columns
from connectors.review.app import make_review
from connectors.server.serving import serve
from connectors.store.decisions import add_decisions, read_decisions, take_out
from connectors.store.run_folder import Run
from flows.commands.diff import compare_runs
from flows.engine.explaining import tables_of
from flows.engine.pipeline import apply_run, plan_run
from flows.engine.reporting import cards_of, matches_of
from flows.engine.right_site import planned_settings
from flows.settings import Settings
from flows.sites import shown_site
from transforms.cases.cards import SHOWN_AS, Cards
from transforms.cases.consequences import consequence, neighbourhoods
from transforms.cases.review import decisions_about
from transforms.cases.values import FIELDS
from transforms.match.levels import level_labels
from transforms.match.matching import Matches
from transforms.match.verdicts import Verdicts, differing, of_site, resolved
from transforms.plan.audit import counts
from transforms.schema.errors import UsageError
from transforms.schema.records import Records
from transforms.schema.tables import DECISIONS

MOST_CASES = 100_000
PAGE = 40
"""Cases of a page of a queue."""
OPENED_FIRST = 5
"""Cases of a pattern that are opened before all of it can be decided at once."""
UNSURE = "unsure"
TABS: Mapping[str, pl.Expr] = {
    "needs you": pl.col("waits"),
    "merges": ~pl.col("waits") & (pl.col("does") == "merge"),
    "updates": ~pl.col("waits") & (pl.col("does") == "update"),
    "creates": ~pl.col("waits") & (pl.col("does") == "create"),
    "all": pl.lit(value=True),
}
"""The queues, each the riskiest case first."""


@dataclass(frozen=True)
class Loaded:
    """A run with all that its review looks at.

    Attributes:
        run: the run.
        tables, matches: its records, and who is who among them.
        cards: the cards of its cases.
        queue: one row a case: `case`, `title`, `text` (what the search looks through), and what the queue shows.
        at: the place of each case.
        cases_of: the cases that a record is in.
        neighbourhood: the neighbourhood of each record.
        identities: `IDENTITIES`.
        known: the number and the identity of each record, by its id.
        merges: contacts that the plan merges away.
    """

    run: Run
    tables: Records
    matches: Matches
    cards: Cards
    queue: pl.DataFrame
    at: Mapping[str, int]
    cases_of: Mapping[str, Sequence[str]]
    neighbourhood: pl.Series
    identities: pl.DataFrame
    known: Mapping[str, tuple[int, str]]
    merges: int

    @classmethod
    def of(cls, run: Run, review: float) -> Loaded:
        """A run, loaded."""
        cards, matches = cards_of(run, most=MOST_CASES), matches_of(run)
        ids = cards.records["record_id"]
        cases_of: dict[str, list[str]] = {}
        waiting = cards.cases.filter("waits").select("case", pl.concat_list("records", "others"))
        for case, places in waiting.iter_rows():
            for place in places:
                cases_of.setdefault(ids[place], []).append(case)
        identities = run.table("identities")
        known = {
            record_id: (record, identity)
            for record_id, record, identity in identities.select("record_id", "record", "identity").iter_rows()
        }
        return cls(
            run, tables_of(run), matches, cards, _queue(cards),
            {case: at for at, case in enumerate(cards.cases["case"])}, cases_of,
            neighbourhoods(matches, review), identities, known, counts(run.table("plan")).merge,
        )  # fmt: skip

    def members(self, case: str) -> list[str]:
        """The ids of a case's records, those of its person first.

        Raises:
            UsageError: there is no such case.
        """
        if case not in self.at:
            raise UsageError(f"The run has no case {case!r}.")
        row = self.cards.cases.row(self.at[case], named=True)
        return [self.cards.records["record_id"][place] for place in (*row["records"], *row["others"])]

    def link(self, case: str) -> tuple[str, str] | None:
        """The two records that a case rests on, where it may be two people."""
        row = self.cards.cases.row(self.at[case], named=True)
        if not row["others"] or row["left"] is None:
            return None
        ids = self.cards.records["record_id"]
        return ids[row["left"]], ids[row["right"]]


def _queue(cards: Cards) -> pl.DataFrame:
    """The cases as a queue shows them and as they are searched."""
    records = cards.records
    name = pl.concat_str("first name", "last name", separator=" ", ignore_nulls=True)
    reach = pl.coalesce("e-mail", "phone").str.split("\n").list.first()
    called = records.select(pl.coalesce(pl.when(name != "").then(name), "company", reach, "record_id")).to_series()
    place = pl.concat_str("file", pl.col("line").cast(pl.String), separator=":", ignore_nulls=True)
    digits = pl.col("phone").str.replace_all(r"[^\d\n]", "")
    fields = [pl.col(field) for field in FIELDS]
    text = records.select(
        pl.concat_str("record_id", place, *fields, digits, separator="\n", ignore_nulls=True).str.to_lowercase()
    ).to_series()
    members = cards.cases.select(
        member=pl.concat_list("records", "others"), own=pl.col("records").list.len()
    ).with_row_index("at")
    rows = members.explode("member").with_columns(order=pl.int_range(pl.len()).over("at"))
    rows = rows.with_columns(called=called.gather(rows["member"]), text=text.gather(rows["member"]))
    found = rows.group_by("at", maintain_order=True).agg(
        pl.col("text").str.join("\n"),
        one=pl.col("called").first(),
        other=pl.col("called").filter(pl.col("order") >= pl.col("own")).first(),
        size=pl.col("own").first(),
    )
    size = pl.when(pl.col("size") > 1).then(pl.format(" ({} records)", "size")).otherwise(pl.lit(""))
    other = pl.when(pl.col("other").is_not_null()).then(pl.format(" – {}?", "other")).otherwise(pl.lit(""))
    shown = cards.cases.select("case", "waits", "does", "cause", "why", "likely", "lost", "blocked", "pattern")
    titles = found.select("text", title=pl.concat_str("one", size, other))
    return pl.concat([shown, titles], how="horizontal").with_columns(
        text=pl.concat_str(pl.col("case").str.to_lowercase(), "text", separator="\n")
    )


@dataclass
class Review:
    """The review of a run, of whom several people may ask at once.

    Args:
        run: a planned run.
        settings: the settings as they are now: the key comes from them.
        site: the site that was named explicitly.
    """

    run: Run
    settings: Settings
    site: str | None = None
    opened: set[str] = field(default_factory=set)
    _turn: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.planned = planned_settings(self.run, self.settings.with_site(None), site=self.site)
        self.loaded = Loaded.of(self.run, self.planned.match.review)

    def overview(self) -> dict[str, Any]:
        """The run, its queues with their counts, and what the cards need."""
        loaded, said = self.loaded, self._said()
        facts = loaded.run.facts()
        compared = [name.removeprefix("level_") for name in loaded.matches.pairs.columns if name.startswith("level_")]
        return {
            "run": loaded.run.name,
            "by": getpass.getuser(),
            "site": shown_site(facts.site),
            "tabs": {tab: loaded.queue.filter(wanted).height for tab, wanted in TABS.items()},
            "decided": len(said),
            "newer": self._is_newer(),
            "merges": loaded.merges,
            "levels": {
                "fields": FIELDS,
                "compared": {name: {"words": level_labels(name), "shows": SHOWN_AS.get(name)} for name in compared},
            },
        }

    def queue(self, tab: str, offset: int, query: str, pattern: str, *, undecided: bool) -> dict[str, Any]:
        """A page of a queue, the riskiest case first.

        Raises:
            UsageError: there is no such queue.
        """
        if tab not in TABS:
            raise UsageError(f"There is no queue {tab!r}.")
        said = self._said()
        wanted = [TABS[tab]]
        if pattern:
            wanted.append(pl.col("pattern") == pattern)
        if undecided:
            wanted.append(~pl.col("case").is_in(list(said)))
        text = query.strip().lower()
        words = [text] if text and set(text) <= set("+0123456789 ()-./") else text.split()
        if len(words) == 1 and len(digits := "".join(filter(str.isdigit, text))) >= 5 and words[0] == text:
            words = [digits] if set(text) <= set("+0123456789 ()-./") else words
        wanted += [pl.col("text").str.contains(word, literal=True) for word in words]
        found = self.loaded.queue.filter(pl.all_horizontal(wanted))
        page = found.slice(offset, PAGE).drop("text", "pattern")
        return {
            "total": len(found),
            "offset": offset,
            "page": PAGE,
            "rows": [{**row, "said": said.get(row["case"])} for row in page.iter_rows(named=True)],
        }

    def case(self, case: str) -> dict[str, Any]:
        """The tables of a case's card, in which records go by their places in it, and what was said of the case.

        Raises:
            UsageError: there is no such case.
        """
        loaded = self.loaded
        loaded.members(case)
        at = loaded.at[case]
        cards = loaded.cards
        row = cards.cases.slice(at, 1)
        places = [*row["records"][0], *row["others"][0]]
        number = {place: index for index, place in enumerate(places)}
        own = len(row["records"][0])
        shown = row.with_columns(
            records=pl.Series([list(range(own))], dtype=pl.List(pl.UInt32)),
            others=pl.Series([list(range(own, len(places)))], dtype=pl.List(pl.UInt32)),
            left=pl.lit(number.get(row["left"][0]), dtype=pl.UInt32),
            right=pl.lit(number.get(row["right"][0]), dtype=pl.UInt32),
        )
        losses = cards.losses.filter(pl.col("case") == at)
        losses = losses.with_columns(
            case=pl.lit(0), record=pl.Series([number.get(place) for place in losses["record"]], dtype=pl.UInt32)
        )
        return {
            "cases": as_columns(shown),
            "records": as_columns(cards.records[places]),
            "contents": as_columns(cards.contents.slice(at, 1)),
            "losses": as_columns(losses),
            "evidence": as_columns(cards.evidence.filter(pl.col("case") == at).with_columns(case=pl.lit(0))),
            "said": self._said().get(case),
        }

    def seen(self, case: str) -> dict[str, Any]:
        """Notes that somebody has looked at a case.

        Raises:
            UsageError: there is no such case.
        """
        self.loaded.members(case)
        self.opened.add(case)
        return {"opened": len(self.opened)}

    def patterns(self) -> Sequence[Mapping[str, Any]]:
        """Cases that look alike, the most frequent pattern first: how many there are, and three of them."""
        said = list(self._said())
        alike = self.loaded.queue.filter(pl.col("waits") & pl.col("pattern").is_not_null()).with_columns(
            is_decided=pl.col("case").is_in(said), is_opened=pl.col("case").is_in(list(self.opened))
        )
        found = alike.group_by("pattern", maintain_order=True).agg(
            count=pl.len(),
            decided=pl.col("is_decided").sum(),
            opened=(pl.col("is_opened") | pl.col("is_decided")).sum(),
            examples=pl.struct("case", "title").head(3),
        )
        shown = found.sort("count", descending=True, maintain_order=True).with_columns(
            needed=pl.min_horizontal("count", pl.lit(OPENED_FIRST))
        )
        return shown.to_dicts()

    def decide(self, case: str, verdict: str | None, leaving: list[str], note: str, by: str) -> dict[str, Any]:
        """Writes down what a person says of a case; tells what follows from it among its neighbours.

        Raises:
            UsageError: there is no such case, or what is said does not go together.
        """
        with self._turn:
            loaded = self.loaded
            members = loaded.members(case)
            if unknown := sorted(set(leaving) - set(members)):
                raise UsageError(f"{unknown[0]} is not a record of this case.")
            if verdict == UNSURE:
                self._write([(None, tuple(members))], note, by)
                return {"told": "Left undecided.", "said": self._said().get(case)}
            found = decisions_about(verdict, members, leaving, loaded.link(case))
            if not found:
                raise UsageError("Nothing was said of this case.")
            before = self._verdicts()
            self._write(found, note, by)
            told = self._consequence(found, before)
            return {"told": told, "said": self._said().get(case)}

    def decide_pattern(self, pattern: str, verdict: str, by: str) -> dict[str, Any]:
        """Writes down what a person says of all undecided cases of a pattern, once some of them were opened.

        Raises:
            UsageError: too few of them were opened.
        """
        with self._turn:
            row = next((one for one in self.patterns() if one["pattern"] == pattern), None)
            if row is None:
                raise UsageError("There is no such pattern.")
            if row["opened"] < row["needed"]:
                raise UsageError(f"First open {row['needed'] - row['opened']} more of these cases.")
            said = self._said()
            alike = self.loaded.queue.filter(pl.col("waits") & (pl.col("pattern") == pattern))["case"]
            open_cases = [case for case in alike if case not in said]
            found = [
                one
                for case in open_cases
                for one in decisions_about(verdict, self.loaded.members(case), [], self.loaded.link(case))
            ]
            self._write(found, f"all cases alike: {pattern}", by)
            return {"count": len(open_cases)}

    def undo(self, by: str) -> dict[str, Any]:
        """Takes back what a person decided last, in one go, since the plan was made.

        Raises:
            UsageError: there is nothing of this person's to take back.
        """
        with self._turn:
            theirs = self._newer().filter(pl.col("by") == by).drop_nulls("decided_at")
            if theirs.is_empty():
                raise UsageError(f"There is nothing that {by} decided since the plan was made.")
            last = str(theirs["decided_at"].max())
            gone = take_out(self._path(), by, last)
            about = [set(records) for records in gone["records"]]
            near = {case for record in set().union(*about) for case in self.loaded.cases_of.get(record, ())}
            again = [case for case in near if about[0] <= set(self.loaded.members(case))]
            return {"count": len(gone), "case": min(again, key=self.loaded.at.__getitem__, default=None)}

    def plan_again(self) -> dict[str, Any]:
        """Plans anew with all decisions, and goes on with that plan; tells the differences."""
        with self._turn:
            run = Run.new(None)
            plan_run(self.planned, run, despite_unfinished=True)
            told = compare_runs(self.loaded.run, run)
            self.run = run
            self.loaded = Loaded.of(run, self.planned.match.review)
            self.opened.clear()
            return {"told": told.text(), "folder": str(run.folder), "merges": self.loaded.merges}

    def apply(self, merges: int) -> dict[str, Any]:
        """Applies the plan.

        Raises:
            UsageError: decisions are newer than the plan, or that is not how many contacts it merges away.
            OnefoldError: as `apply_run`.
        """
        with self._turn:
            if self._is_newer():
                raise UsageError("Decisions are newer than the plan. Plan again, and look at what differs.")
            if merges != self.loaded.merges:
                raise UsageError(
                    f"The plan merges {self.loaded.merges:,} contacts away, not {merges:,}. Nothing was applied."
                )
            done = apply_run(self.loaded.run, self.settings, site=self.site)
            return {
                "told": f"Applied: {done.created:,} created, {done.merged:,} merged away, {done.updated:,} updated, "
                f"{done.labelled:,} labelled; {done.held:,} held, {done.failed:,} failed.",
            }

    def _path(self) -> Path:
        return Path(self.loaded.run.facts().decisions.file)

    def _decisions(self) -> pl.DataFrame:
        """All decisions about the run's site, as they are now."""
        return of_site(read_decisions(self._path()), self.loaded.run.facts().site_names)

    def _newer(self) -> pl.DataFrame:
        """The decisions that were not there when the plan was made."""
        known = self.loaded.run.table("decisions").select("verdict", "records", "by", "decided_at")
        return self._decisions().join(known, on=known.columns, how="anti", nulls_equal=True)

    def _is_newer(self) -> bool:
        return not differing(self.loaded.run.table("decisions"), self._decisions()).is_empty()

    def _said(self) -> dict[str, dict[str, str]]:
        """What was said of each case since the plan was made: the last word, by whom and when."""
        said: dict[str, dict[str, str]] = {}
        for row in self._newer().iter_rows(named=True):
            records = set(row["records"])
            near = {case for record in records for case in self.loaded.cases_of.get(record, ())}
            for case in near:
                if records <= set(self.loaded.members(case)):
                    said[case] = {
                        "verdict": row["verdict"] or UNSURE,
                        "by": row["by"] or "",
                        "at": row["decided_at"] or "",
                        "note": row["note"] or "",
                    }
        return said

    def _verdicts(self) -> Verdicts:
        return resolved(self._decisions(), self.loaded.identities)

    def _write(self, found: Sequence[tuple[str | None, tuple[str, ...]]], note: str, by: str) -> None:
        """Adds decisions that were taken at once: they have one moment, by which they are taken back together."""
        known = self.loaded.known
        moment = datetime.now(UTC).isoformat(timespec="microseconds")
        rows = [
            {
                "kind": "pair" if len(records) == 2 else "cluster",
                "verdict": verdict,
                "records": list(records),
                "identities": [known[record][1] for record in records],
                "site": self.loaded.run.facts().site_names[0],
                "by": by,
                "decided_at": moment,
                "note": note,
            }
            for verdict, records in found
        ]
        add_decisions(self._path(), [{name: row[name] for name in DECISIONS} for row in rows])

    def _consequence(self, found: Sequence[tuple[str, tuple[str, ...]]], before: Verdicts) -> str:
        """What follows from decisions, in a sentence."""
        place = {record: self.loaded.known[record][0] for _, records in found for record in records}
        decided = [
            (min(place[one], place[two]), max(place[one], place[two]))
            for _, records in found
            for number, one in enumerate(records)
            for two in records[number + 1 :]
        ]
        seen = consequence(
            self.loaded.tables, self.loaded.matches, self.loaded.neighbourhood, decided,
            before=before, after=self._verdicts(), auto=self.planned.match.auto,
        )  # fmt: skip
        if seen.refused is not None:
            return f"This will not be honoured: {seen.refused}."
        others = ((seen.joined, "joins as well"), (seen.parted, "leaves"))
        told = [f"{', '.join(ids)} {words}" for ids, words in others if ids]
        return f"Written down. Then {'; '.join(told)}." if told else "Written down."


def serve_review(review: Review, *, port: int, started: Callable[[str], None]) -> None:
    """Serves a review on this machine until it is told to stop.

    Args:
        review: the review.
        port: the port; 0 takes a free one.
        started: called with the address that lets one browser in, once.

    Raises:
        UsageError: the port cannot be listened at.
    """
    token = secrets.token_urlsafe(24)
    app = make_review(review, token)
    asyncio.run(serve(app, host="127.0.0.1", port=port, started=lambda url: started(f"{url}/enter?token={token}")))
