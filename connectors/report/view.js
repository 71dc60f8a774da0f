"use strict";
// What a card shows of a case: the tables behind it, by names that the card uses.

const DOES = {merge: "merge", create: "create", update: "update", label: "label", same: "nothing to do"};

class View {
  constructor({cases, records, contents, losses, evidence}, levels) {
    Object.assign(this, {cases, records, contents, levels, lossTable: losses, evidenceTable: evidence});
    this.fields = levels.fields;
    this.lossesAt = grouped(losses, cases.rows);
    this.evidenceAt = new Map();
    for (let row = 0; row < evidence.rows; row++) this.evidenceAt.set(evidence.get("case", row), row);
  }

  members(at) {
    return [...this.cases.get("records", at), ...this.cases.get("others", at)];
  }

  // The records as a card has them: first the two that the case rests on.
  inOrder(at) {
    const members = this.members(at);
    const ends = [this.cases.get("left", at), this.cases.get("right", at)].filter((end) => members.includes(end));
    if (this.isOther(at, ends[0])) ends.reverse();
    return [...ends, ...members.filter((member) => !ends.includes(member))];
  }

  called(place, member) {
    return `${letter(place)} ${short(this.records.get("record_id", member))}`;
  }

  isOther(at, member) {
    return this.cases.get("others", at).includes(member);
  }

  // What the contact has afterwards: what one of the case's records says, or else what is packed.
  result(field, at) {
    const from = this.contents.get(`from ${field}`, at);
    return from === null ? this.contents.get(field, at) : this.records.get(field, this.members(at)[from]);
  }

  hasResult(at) {
    return this.fields.some((field) => this.result(field, at));
  }

  cluster(at) {
    return this.cases.get("cluster", at) ?? this.cases.get("case", at);
  }

  // Whether the plan asks a person, as opposed to what was stopped while it was applied.
  isAsked(at) {
    return this.cases.get("waits", at) && !["held", "stale", "failed"].includes(this.cases.get("cause", at));
  }

  resultTitle(at) {
    return this.isAsked(at) ? "Contact if together" : "Contact afterwards";
  }

  where(member) {
    const file = this.records.get("file", member), line = this.records.get("line", member);
    return file ? `${file}${line ? `:${line}` : ""}` : "";
  }

  name(member) {
    const get = (field) => this.records.get(field, member);
    return [get("first name"), get("last name")].filter(Boolean).join(" ") || get("company") ||
      (get("e-mail") || get("phone") || "").split("\n")[0] || this.records.get("record_id", member);
  }

  // What a record says in a column that is no field.
  further(member, name) {
    const lines = (this.records.get("further", member) || "").split("\n");
    return (lines.find((line) => line.startsWith(`${name}: `)) || "").slice(name.length + 2);
  }

  // The one of some records that the case rests on, else the first.
  linked(at, records) {
    const ends = [this.cases.get("left", at), this.cases.get("right", at)];
    return records.find((record) => ends.includes(record)) ?? records[0];
  }

  title(at) {
    const others = this.cases.get("others", at);
    const own = this.cases.get("records", at);
    const size = own.length > 1 ? ` (${own.length} records)` : "";
    return this.name(this.linked(at, own)) + size + (others.length ? ` – ${this.name(this.linked(at, others))}?` : "");
  }

  stateOf(at) {
    const does = DOES[this.cases.get("does", at)];
    return this.cases.get("waits", at) ? `needs you: ${does}` : does;
  }

  outcomeOf(at) {
    return this.cases.get("outcome", at) || "as it is";
  }

  losses(at) {
    return (this.lossesAt.get(at) || []).map((row) => {
      const get = (name) => this.lossTable.get(name, row);
      const instead = get("kept") ? `; shown instead: ${get("kept")}` : "";
      return `${get("field")}: ${get("value")} (${get("record") === null ? "site" : this.records.get("record_id", get("record"))})${instead}; ${get("reason")}`;
    });
  }

  evidence(at) {
    const row = this.evidenceAt.get(at);
    if (row === undefined) return null;
    const [left, right] = this.inOrder(at);
    const steps = [];
    for (const [field, {words, shows}] of Object.entries(this.levels.compared)) {
      const level = this.evidenceTable.get(`level_${field}`, row);
      if (!level) continue;
      const value = (record) => shows ? this.records.get(shows, record) : this.further(record, field);
      steps.push({field, level: words[level], bits: this.evidenceTable.get(`bits_${field}`, row), left: value(left), right: value(right)});
    }
    steps.sort((one, two) => Math.abs(two.bits) - Math.abs(one.bits));
    return {
      likely: this.cases.get("likely", at), rival: this.cases.get("rival", at),
      leftName: this.called(0, left), rightName: this.called(1, right),
      steps: [{field: "before looking", level: "", bits: this.evidenceTable.get("start", row)}, ...steps],
    };
  }
}

function grouped(table, count) {
  const rows = new Map();
  for (let row = 0; row < table.rows; row++) {
    const at = table.get("case", row);
    if (!rows.has(at)) rows.set(at, []);
    rows.get(at).push(row);
  }
  return rows;
}
