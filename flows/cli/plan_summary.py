"""The plan in one screen of the terminal: what will happen, what waits, what would be lost."""

from __future__ import annotations

from connectors.store.run_folder import Run
from flows.sites import shown_site
from transforms.cases.values import names_of
from transforms.plan.audit import counts
from transforms.schema.operations import minutes_for

MOST_EXAMPLES = 5
MOST_NAMED = 3
"""Records of an example that are named at most."""


def plan_summary(run: Run) -> str:
    """The summary of a planned run. No e-mail and no phone stands in it."""
    plan = run.table("plan")
    facts, planned = run.facts(), counts(plan)
    records, rejects, losses = run.table("records"), run.table("rejects"), run.table("losses")
    by_source = dict(records.filter(records["contact_id"].is_null()).group_by("source").len().iter_rows())
    sources = " › ".join(f"{name} {by_source[name]:,}" if name in by_source else name for name in facts.sources)
    lines = [
        f"\nPlan {facts.name}  site: {shown_site(facts.site)} ({facts.site_contacts:,} contacts)   sources: {sources}",
        "",
    ]
    lines += [
        f"  unfinished   {unfinished.folder}: applying this plan leaves that run as it is"
        for unfinished in facts.unfinished
    ]
    lines += [f"  look first   {doubt}" for doubt in facts.doubts()]
    if planned.is_nothing():
        lines.append("  No changes. The site agrees with the sources.")
    else:
        lines += [
            f"  + create {planned.create:>7,} contacts",
            f"  ~ update {planned.update:>7,} contacts",
            f"  » merge  {planned.merge:>7,} contacts into {planned.into:,}"
            + (
                f"   {planned.merge_calls:,} calls; the site cannot undo this, images are kept" if planned.merge else ""
            ),
            f"  # label  {planned.label:>7,} contacts",
            f"  = same   {facts.site_contacts - planned.touched:>7,} contacts",
        ]
    decisions = facts.decisions
    left_out = (
        (decisions.contradicting, "not, because they contradict others or strong evidence"),
        (decisions.of_nobody_here, "about records not here"),
        (decisions.of_another_site, "of another site"),
        (decisions.undecided, "undecided"),
    )
    if decisions.read or any(count for count, _ in left_out):
        not_honoured = "".join(f"; {count:,} {words}" for count, words in left_out if count)
        lines.append(
            f"  decisions {decisions.read - decisions.contradicting:>6,} honoured{not_honoured}   {decisions.file}"
        )
    lines.append("")
    if planned.review or planned.blocked:
        waiting = plan.filter(plan["state"] != "auto").unique("cluster", keep="first", maintain_order=True)
        causes = " · ".join(
            f"{cause} {count:,}" for cause, count in waiting["cause"].value_counts(sort=True).iter_rows()
        )
        lines.append(
            f"  needs you {planned.review:>6,} cases, about {minutes_for(planned.review):,} min"
            + (f", {planned.blocked:,} more are blocked" if planned.blocked else "")
            + f"   {causes}"
        )
        examples = waiting.select("records", "reason").head(MOST_EXAMPLES)
        names = names_of(records, examples["records"].list.head(MOST_NAMED).explode())
        for records_of, reason in examples.iter_rows():
            lines.append(f"      {' + '.join(names[record] for record in records_of[:MOST_NAMED])}: {reason}")
        if waiting.height > MOST_EXAMPLES:
            lines.append(f"      … and {waiting.height - MOST_EXAMPLES:,} more in the report")
    if len(rejects):
        lines.append(f"  rejects   {len(rejects):>6,} rows")
        for file, line, reason in rejects.select("file", "line", "reason").head(MOST_EXAMPLES).iter_rows():
            lines.append(f"      {file}:{line}  {reason}")
        if len(rejects) > MOST_EXAMPLES:
            lines.append(f"      … and {len(rejects) - MOST_EXAMPLES:,} more in the report")
    if len(losses):
        top = " · ".join(
            f"{field} {count}" for field, count in losses["field"].value_counts(sort=True).head(5).iter_rows()
        )
        lines.append(f"  would lose{len(losses):>6,} values   {top}")
        for reason, count in losses["reason"].value_counts(sort=True).head(MOST_EXAMPLES).iter_rows():
            lines.append(f"      {count:>6,}  {reason}")
    opt_outs = facts.opt_outs
    if opt_outs.rows:
        lines.append(
            f"  opt-outs  {opt_outs.rows:>6,} rows: {opt_outs.shown:,} shown on every contact with their address"
            + (f", {opt_outs.waiting:,} on no contact yet" if opt_outs.waiting else "")
            + f"; {opt_outs.subscribed_again:,} subscribed again"
        )
    if not planned.is_nothing():
        share = planned.merge / max(facts.site_contacts, 1)
        cost = f"\n  calls     {facts.calls:>6,}"
        if facts.minutes is not None:
            cost += f", about {max(1, round(facts.minutes)):,} min"
        lines.append(cost + (f"; merges take {share:.1%} of the site's contacts away" if planned.merge else ""))
        if facts.over_budget:
            lines.append(f"  over its budget: {facts.over_budget}")
    lines.append(f"\n  report    {run.folder / 'report.html'}")
    return "\n".join(lines)
