"use strict";
// The card of a case: who is compared, what would come of it, what is lost, why it waits, and the evidence.

const MOST_MEMBERS = 12;
const MOST_LINES = 40;
const CAUSES = {
  "alike": "Below the threshold: likely enough to ask, not sure enough to join",
  "birth dates differ": "Contradiction: birth dates differ",
  "decisions contradict": "Contradiction: decisions about these records do not go together",
  "opt-out": "Opt-out: somebody would be subscribed again",
  "two members": "Two members of the site: it never merges those",
  "too many for one contact": "Together they have more than a contact holds",
  "left before": "An earlier run left this to a person",
  "held": "Held while applying: the preview was not what was planned",
  "stale": "The site has changed since the plan",
  "failed": "The site refused it",
};

// Lines of a field by name: a field that several values have, or the columns that are no field.
function rowsOf(fields, get, members) {
  const rows = [];
  for (const field of fields) {
    if (field !== "further") {
      const values = members.map((member) => get(field, member));
      if (values.some((value) => value)) rows.push([field, values]);
      continue;
    }
    const named = members.map((member) => new Map((get(field, member) || "").split("\n").filter(Boolean).map((line) => {
      const at = line.indexOf(": ");
      return at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + 2)];
    })));
    for (const name of new Set(named.flatMap((lines) => [...lines.keys()]))) {
      rows.push([name, named.map((lines) => lines.get(name) ?? null)]);
    }
  }
  return rows;
}

const folded = (text) => (text || "").normalize("NFKC").toLowerCase().replace(/[\s.\-()\/]+/g, "");

function disagree(values) {
  return new Set(values.filter(Boolean).map(folded)).size > 1;
}

function compared(view, members, result) {
  const get = (field, member) => (member === -1 ? view.result(field, result) : view.records.get(field, member));
  const shown = members.slice(0, MOST_MEMBERS);
  const columns = view.hasResult(result) ? [-1, ...shown] : shown;
  const head = element("tr", {}, element("th", {scope: "col"}, "Field"), ...columns.map((member, at) => {
    if (member === -1) return element("th", {scope: "col", class: "result"}, view.resultTitle(result));
    const place = columns[0] === -1 ? at - 1 : at;
    const from = view.where(member);
    return element("th", {scope: "col"}, element("b", {title: view.records.get("record_id", member)}, view.called(place, member)),
      from ? element("span", {class: "quiet"}, from) : null, view.isOther(result, member) ? element("span", {class: "tag"}, "the other") : null);
  }));
  const body = rowsOf(view.fields, get, columns).map(([field, values]) => {
    const said = columns[0] === -1 ? values.slice(1) : values;
    const differ = disagree(said);
    const won = columns[0] === -1 && values[0] ? said.findIndex((value) => value && folded(value) === folded(values[0])) : -1;
    return element("tr", differ ? {class: "differs"} : {}, element("th", {scope: "row"}, differ ? `≠ ${field}` : field),
      ...columns.map((member, at) => {
        const place = columns[0] === -1 ? at - 1 : at;
        const name = member === -1 ? view.resultTitle(result) : view.called(place, member);
        const source = member === -1 && won >= 0 ? element("span", {class: "quiet"}, `from ${letter(won)}`) : null;
        const mark = member !== -1 && place === won && differ ? "✓ " : "";
        const kind = member === -1 ? "result" : place === won ? "won" : values[at] ? null : "empty";
        return element("td", {class: kind, "data-name": name},
          mark + (values[at] || "–"), source);
      }));
  });
  const more = members.length > shown.length ? element("p", {class: "quiet"}, `and ${members.length - shown.length} more records`) : null;
  return element("div", {}, element("div", {class: "wide", tabindex: "0", role: "region", "aria-label": "The records side by side"},
    element("table", {class: "compared"}, element("thead", {}, head), element("tbody", {}, ...body))), more);
}

function waterfall(view, evidence) {
  if (!evidence) return null;
  const widest = Math.max(1, ...evidence.steps.map((step) => Math.abs(step.bits)));
  const bar = (bits) => {
    const made = element("span", {class: bits >= 0 ? "bar for" : "bar against"});
    made.style.width = `${(Math.abs(bits) / widest) * 6}rem`;
    return made;
  };
  const signed = (bits) => (bits >= 0 ? "+" : "−") + Math.abs(bits).toFixed(1);
  const rows = evidence.steps.map((step) => element("tr", {}, element("th", {scope: "row"}, step.field),
    element("td", {}, step.left || "–"), element("td", {}, step.right || "–"), element("td", {}, step.level),
    element("td", {class: "bits"}, signed(step.bits)), element("td", {}, bar(step.bits))));
  const head = ["Field", evidence.leftName, evidence.rightName, "What was found", "Bits", "Weight"].map((title) => element("th", {scope: "col"}, title));
  return element("details", {},
    element("summary", {}, `Evidence: ${(evidence.likely * 100).toFixed(1)} % likely one person. The strongest other explanation: ${evidence.rival}.`),
    element("div", {class: "wide", tabindex: "0", role: "region", "aria-label": "Evidence"},
      element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows))));
}

function listed(title, lines) {
  if (!lines.length) return null;
  const shown = lines.slice(0, MOST_LINES).map((line) => element("li", {}, line));
  if (lines.length > MOST_LINES) shown.push(element("li", {class: "quiet"}, `and ${lines.length - MOST_LINES} more`));
  return element("section", {}, element("h4", {}, title), element("ul", {}, ...shown));
}

function card(view, at) {
  const one = (name) => view.cases.get(name, at);
  const members = view.inOrder(at);
  const cause = one("cause");
  return element("article", {class: "card", "aria-label": `Case ${one("case")}`},
    element("h3", {tabindex: "-1"}, view.title(at)),
    element("p", {class: "quiet"}, `${view.stateOf(at)} · ${view.outcomeOf(at)} · cluster ${view.cluster(at)}`),
    one("waits") ? element("p", {class: "why"}, element("b", {}, one("held") ? `Likely enough to join, but ${one("held")}` : CAUSES[cause] || cause), one("why") ? `. ${one("why")}` : "")
      : element("p", {class: "why"}, one("why")),
    one("detail") ? element("p", {}, one("detail")) : null,
    one("blocked") ? element("p", {class: "bad"}, `Even if a person said together, it would wait: ${one("blocked")}`) : null,
    compared(view, members, at),
    listed(view.isAsked(at) ? "Lost if together" : "Lost", view.losses(at)),
    one("calls") ? element("p", {}, element("b", {}, view.isAsked(at) ? "If together: " : "Calls: "), one("calls")) : null,
    listed("Changes", one("waits") ? [] : (one("changes") || "").split("\n").filter(Boolean)),
    waterfall(view, view.evidence(at)));
}
