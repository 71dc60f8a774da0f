"""Whether the audit of a run is what was done, and the site is what the audit says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from connectors.contacts import Contact, ContactsSite
from connectors.report.chain import read_chain
from connectors.site_reading import all_fields, all_labels
from connectors.store.journal import Journal
from connectors.store.run_folder import Run
from flows.engine.keys import SiteKeys
from flows.engine.pipeline import UNDO_JOURNAL
from flows.engine.reporting import audit_of, chain_head
from flows.engine.right_site import JOURNAL, planned_settings
from flows.engine.undo_steps import StepKind, Undo, is_same, undo_steps
from flows.engine.waiting import run_blocking
from flows.settings import Settings
from flows.sites import opened, shown_site
from transforms.plan.survivorship import differences
from transforms.schema.contact import Info
from transforms.schema.errors import RunError

MOST_SHOWN = 20


@dataclass(frozen=True)
class Finding:
    """A value of the site that is not what the audit says; `field` is empty where it is about the whole contact."""

    cluster: str
    contact: str
    field: str
    audit: str
    site: str


@dataclass(frozen=True)
class Verified:
    """The result of verifying an audit.

    Attributes:
        operations: operations of the audit.
        hash: the last of its chain.
        site: the site that was looked at; None where none was.
        contacts: contacts of the site that were compared.
        findings: what is not as the audit says.
    """

    operations: int
    hash: str
    site: str | None = None
    contacts: int = 0
    findings: tuple[Finding, ...] = ()

    def text(self) -> str:
        """For a terminal."""
        lines = [f"The audit's {self.operations:,} operations are what the plan and the journal say. {self.hash}"]
        if self.site is not None:
            count = len(self.findings)
            told = "as the audit says" if not count else f"otherwise than the audit says in {count:,} places"
            lines.append(f"{self.contacts:,} contacts of {self.site} were compared: {told}.")
            lines += [
                f"  {one.contact}  {one.field or 'contact'}: {one.audit or '–'} in the audit, {one.site or '–'} there"
                for one in self.findings[:MOST_SHOWN]
            ]
            if count > MOST_SHOWN:
                lines.append(f"  … and {count - MOST_SHOWN:,} more (--json has all)")
        return "\n".join(lines)

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def verify(run: Run, settings: Settings, *, site: str | None, with_site: bool) -> Verified:
    """Verifies that the audit's chain is whole, that it is what plan and journal say, and that the site is so, too.

    Args:
        run: a run.
        settings: the settings as they are now: the key comes from them.
        site: the site that was named explicitly.
        with_site: whether to look at the site.

    Raises:
        RunError: the chain is broken, or says something else than plan and journal; or the run was undone, so that the
            site is not what it left; or it is of another site.
    """
    path = run.folder / "operations.jsonl"
    head, rows, last = read_chain(path)
    if head != chain_head(run):
        raise RunError(f"{path} is the audit of another run.")
    said = audit_of(run).to_dicts()
    for number, (row, now) in enumerate(zip(rows, said, strict=False), start=2):
        if row != now:
            raise RunError(f"{path}, line {number}: plan and journal say something else of {now['operation']}.")
    if len(rows) != len(said):
        raise RunError(f"{path} has {len(rows):,} operations, plan and journal have {len(said):,}.")
    if not with_site:
        return Verified(len(rows), last)
    if (run.folder / UNDO_JOURNAL).exists():
        raise RunError("This run was undone: the site is not what it left.")
    planned = planned_settings(run, settings.with_site(None), site=site)
    contacts, findings = run_blocking(_compared(run, planned))
    return Verified(len(rows), last, shown_site(planned.site.url), contacts, tuple(findings))


async def _compared(run: Run, settings: Settings) -> tuple[int, list[Finding]]:
    async with opened(settings) as site:
        labels = {label.display_name: label.key for label in await all_labels(site)}
        if not (run.folder / JOURNAL).exists():
            raise RunError("The run was not applied, so there is nothing on the site to compare.")
        with Journal(run.folder / JOURNAL) as journal:
            undo = undo_steps(run, journal, labels)
        there = {contact.id: contact async for contact in site.scan()}
        marker = await SiteKeys(site, undo.marker).known_marker()
        return await _findings(site, undo, there, marker)


async def _findings(
    site: ContactsSite, undo: Undo, there: Mapping[str, Contact], marker: str | None
) -> tuple[int, list[Finding]]:
    """How many contacts were compared, and what is otherwise than the run left it."""
    names = {label.key: label.display_name for label in await all_labels(site)}
    names |= {field.key: field.display_name for field in await all_fields(site)}
    seen: set[str] = set()
    findings: list[Finding] = []
    for step in (step for steps in undo.steps.values() for step in steps):
        if step.contact in seen:
            continue
        seen.add(step.contact)
        contact = there.get(step.contact)
        if step.kind == StepKind.RECREATE:
            if contact is not None:
                findings.append(Finding(step.cluster, step.contact, "", "merged away", "there"))
        elif contact is None:
            findings.append(Finding(step.cluster, step.contact, "", "there", "gone"))
        elif step.expected is not None and not is_same(contact.info, step.expected, marker):
            findings += _differing(step.cluster, contact, step.expected, names, marker)
    return len(seen), findings


def _differing(
    cluster: str, contact: Contact, expected: Info, names: Mapping[str, str], marker: str | None
) -> Iterator[Finding]:
    left, right = (_named(info, names, marker) for info in (expected, contact.info))
    for field, (audit, site) in differences(left, right).items():
        yield Finding(cluster, contact.id, field, audit, site)


def _named(info: Info, names: Mapping[str, str], marker: str | None) -> Info:
    """A content with labels and custom fields by name, labels in order, and without the field that marks operations."""
    extended = {names.get(key, key): value for key, value in info.extended.items() if key != marker}
    labels = tuple(sorted(names.get(key, key) for key in info.labels))
    phones = tuple(phone.with_e164(None) for phone in info.phones)
    return info.model_copy(update={"labels": labels, "extended": extended, "phones": phones})
