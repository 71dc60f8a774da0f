"use strict";
// The review: queues, one case at a time, decisions by key or button, patterns, the plan made anew, and applying it.

const byId = (id) => document.getElementById(id);

async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", body: JSON.stringify(body), headers: {"content-type": "application/json"},
  };
  options.headers = {...options.headers, "x-onefold": "1"};
  const answer = await fetch(path, options);
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.problem || (told.detail && told.detail[0] && told.detail[0].msg) || "It did not work.");
  return told;
}

class Review {
  constructor(overview) {
    this.state = {tab: "needs you", offset: 0, query: "", pattern: "", undecided: false};
    this.rows = [];
    this.at = -1;
    this.ready = new Map();
    this.leaving = new Set();
    this.show(overview);
    byId("by").value = localStorage.getItem("onefold-by") || overview.by || "";
    byId("by").addEventListener("change", () => localStorage.setItem("onefold-by", byId("by").value.trim()));
    const find = byId("find");
    find.addEventListener("submit", (event) => event.preventDefault());
    find.addEventListener("input", () => {
      clearTimeout(this.later);
      this.later = setTimeout(() => this.load({query: find.query.value, undecided: find.undecided.checked, offset: 0}), 120);
    });
    const clicks = {
      "earlier": () => this.move(-1), "later": () => this.move(1), "together": () => this.decide("together"),
      "apart": () => this.decide("apart"), "unsure": () => this.decide("unsure"), "undo": () => this.undo(),
      "evidence": () => this.evidence(), "hide": () => document.body.classList.toggle("without-numbers"),
      "patterns-button": () => this.patterns(), "again": () => this.planAgain(), "apply": () => this.apply(),
      "help-button": () => byId("help").showModal(),
      "earlier-page": () => this.load({offset: Math.max(0, this.state.offset - this.page)}),
      "later-page": () => this.load({offset: this.state.offset + this.page}),
    };
    for (const [id, act] of Object.entries(clicks)) byId(id).addEventListener("click", () => this.tried(act));
    byId("list").addEventListener("click", (event) => {
      const row = event.target.closest("[data-at]");
      if (row) this.tried(() => this.open(Number(row.dataset.at)));
    });
    document.addEventListener("keydown", (event) => this.key(event));
  }

  async tried(act) {
    try {
      await act();
    } catch (error) {
      this.tell(error.message);
    }
  }

  tell(text) {
    byId("told").textContent = text;
  }

  get by() {
    return byId("by").value.trim();
  }

  show(overview) {
    this.overview = overview;
    this.levels = overview.levels;
    byId("run").textContent = `Review of run ${overview.run} · ${overview.site}`;
    byId("tabs").replaceChildren(...Object.entries(overview.tabs).map(([tab, count]) => element("button", {
      type: "button", "aria-current": tab === this.state.tab ? "true" : "false",
      onclick: () => this.tried(() => this.load({tab, offset: 0, pattern: ""})),
    }, `${tab} ${count.toLocaleString("en")}`)));
    byId("apply").disabled = overview.newer;
  }

  async refresh() {
    this.show(await ask("/overview"));
  }

  async load(change, at = 0) {
    Object.assign(this.state, change);
    const {tab, offset, query, pattern, undecided} = this.state;
    const found = await ask(`/queue?${new URLSearchParams({tab, offset, query, pattern, undecided})}`);
    this.rows = found.rows;
    this.total = found.total;
    this.page = found.page;
    this.ready.clear();
    this.at = -1;
    this.show(this.overview);
    this.draw();
    if (this.rows.length) await this.open(Math.min(at, this.rows.length - 1));
    else byId("card").replaceChildren();
  }

  draw() {
    byId("list").replaceChildren(...this.rows.map((row, at) => {
      const likely = row.likely === null ? null : element("span", {class: "likely"}, `${Math.round(row.likely * 100)} %`);
      return element("div", {
        role: "option", id: `case-${at}`, class: row.waits ? "option waits" : "option", "data-at": at,
        "aria-selected": at === this.at ? "true" : "false",
      }, element("b", {}, row.title), likely,
        row.said ? element("span", {class: "said"}, `${row.said.verdict} · ${row.said.by}`) : null,
        element("span", {class: "quiet"}, row.why || ""),
        row.blocked ? element("span", {class: "bad"}, row.blocked) : null,
        row.lost ? element("span", {class: "quiet"}, `${row.lost} values lost`) : null);
    }));
    const first = this.rows.length ? this.state.offset + 1 : 0;
    byId("where").textContent = `${first}–${this.state.offset + this.rows.length} of ${this.total.toLocaleString("en")}`;
    byId("earlier-page").disabled = this.state.offset === 0;
    byId("later-page").disabled = this.state.offset + this.rows.length >= this.total;
  }

  fetched(at) {
    const row = this.rows[at];
    if (!row) return null;
    if (!this.ready.has(row.case)) this.ready.set(row.case, ask(`/case?${new URLSearchParams({case: row.case})}`));
    return this.ready.get(row.case);
  }

  // Only what is shown can be decided: a key that comes before the card waits for nothing and does nothing.
  async open(at) {
    if (!this.rows[at]) return;
    const row = this.rows[at];
    this.at = at;
    this.shown = null;
    const found = await this.fetched(at);
    if (this.rows[this.at] !== row) return;
    this.shown = row;
    ask("/seen", {case: row.case}).catch((error) => this.tell(error.message));
    this.leaving.clear();
    byId("note").value = "";
    const tables = Object.fromEntries(["cases", "records", "contents", "losses", "evidence"].map((name) => [name, new Table(found[name])]));
    this.view = new View(tables, this.levels);
    byId("card").replaceChildren(card(this.view, 0));
    this.said(found.said || this.rows[at].said);
    this.buttons();
    for (const row of byId("list").children) row.setAttribute("aria-selected", row.dataset.at === String(at) ? "true" : "false");
    byId("list").setAttribute("aria-activedescendant", `case-${at}`);
    byId(`case-${at}`).scrollIntoView({block: "nearest"});
    this.fetched(at + 1);  // so that the next key shows it at once
  }

  said(said) {
    byId("said").textContent = said ? `Decided: ${said.verdict}, by ${said.by}, ${said.at.slice(0, 16).replace("T", " ")}${said.note ? `: ${said.note}` : ""}` : "";
  }

  buttons() {
    const members = this.view.inOrder(0);
    byId("leaving").replaceChildren(...(members.length > 1 ? members.slice(0, 9) : []).map((member, place) => element("button", {
      type: "button", "aria-pressed": this.leaving.has(member) ? "true" : "false", onclick: () => this.take(place),
    }, `Take out ${this.view.called(place, member)} (${place + 1})`)));
  }

  take(place) {
    const member = this.view.inOrder(0)[place];
    if (member === undefined) return;
    if (!this.leaving.delete(member)) this.leaving.add(member);
    this.buttons();
  }

  async move(step) {
    const at = this.at + step;
    if (at >= 0 && at < this.rows.length) await this.open(at);
    else if (step > 0 && this.state.offset + this.rows.length < this.total) await this.load({offset: this.state.offset + this.page});
    else if (step < 0 && this.state.offset > 0) await this.load({offset: Math.max(0, this.state.offset - this.page)}, this.page - 1);
  }

  async decide(verdict) {
    const row = this.shown;
    if (!row) return;
    if (!this.by) {
      byId("by").focus();
      throw new Error("First say who you are.");
    }
    const leaving = [...this.leaving].map((member) => this.view.records.get("record_id", member));
    this.shown = null;  // so that a key that is pressed twice decides once
    let done;
    try {
      done = await ask("/decide", {case: row.case, verdict, leaving, note: byId("note").value, by: this.by});
    } catch (error) {
      this.shown = row;
      throw error;
    }
    row.said = done.said;
    this.ready.delete(row.case);
    this.overview.newer = true;
    byId("apply").disabled = true;
    const at = this.at;
    this.draw();
    if (this.rows[at] === row) await this.move(1);
    if (this.rows[this.at] === row) await this.open(this.at);
    this.tell(`${row.title}: ${verdict || "taken out"}. ${done.told}`);
  }

  async undo() {
    if (!this.by) throw new Error("First say who you are.");
    const gone = await ask("/undo", {by: this.by});
    await this.refresh();
    const at = this.rows.findIndex((row) => row.case === gone.case);
    await this.load({}, at >= 0 ? at : Math.max(0, this.at));
    this.tell(`Taken back: ${gone.count} ${gone.count === 1 ? "decision" : "decisions"}.`);
  }

  evidence() {
    const details = document.querySelector("#card details");
    if (details) details.open = !details.open;
  }

  async patterns() {
    const place = byId("patterns");
    place.hidden = !place.hidden;
    if (place.hidden) return;
    const found = await ask("/patterns");
    const row = (one) => {
      const left = one.count - one.decided, needed = Math.max(0, one.needed - one.opened);
      const all = (verdict) => element("button", {type: "button", disabled: needed > 0 || !left, onclick: () => this.tried(() => this.decideAll(one, verdict))},
        `decide all ${left} ${verdict}`);
      return element("tr", {}, element("td", {}, String(one.count)), element("td", {}, String(one.decided)),
        element("td", {}, one.pattern), element("td", {}, one.examples.map((example) => example.title).join("\n")),
        element("td", {}, element("button", {type: "button", onclick: () => this.tried(() => this.load({pattern: one.pattern, tab: "needs you", offset: 0}))}, "look"),
          " ", all("together"), " ", all("apart"), needed ? element("p", {class: "quiet"}, `first open ${needed} more`) : null));
    };
    const head = ["Cases", "Decided", "Pattern", "Examples", ""].map((title) => (title ? element("th", {scope: "col"}, title) : element("td")));
    place.replaceChildren(element("h2", {}, "Patterns: cases that look alike"), element("div", {class: "wide", tabindex: "0", role: "region", "aria-label": "Patterns"},
      element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...found.slice(0, 40).map(row)))));
  }

  async decideAll(one, verdict) {
    if (!this.by) throw new Error("First say who you are.");
    const done = await ask("/decide-pattern", {pattern: one.pattern, verdict, by: this.by});
    byId("patterns").hidden = true;
    await this.refresh();
    await this.load({});
    await this.patterns();
    this.tell(`${done.count} cases: ${verdict}.`);
  }

  async planAgain() {
    this.tell("Planning …");
    const done = await ask("/plan-again", {});
    await this.refresh();
    await this.load({offset: 0, pattern: ""});
    const place = byId("differences");
    place.hidden = false;
    place.textContent = `${done.told}\n\nThe new plan is in ${done.folder}. It merges ${done.merges} contacts away.`;
    this.tell("Planned again. This is what differs.");
  }

  async apply() {
    await this.refresh();
    if (this.overview.newer) throw new Error("Decisions are newer than the plan. Plan again, and look at what differs.");
    const dialog = byId("confirm");
    byId("question").textContent = `Applying the plan to ${this.overview.site} merges ${this.overview.merges} contacts away, which the site cannot undo. Type that number to go on.`;
    byId("typed").value = "";
    dialog.returnValue = "no";
    dialog.showModal();
    await new Promise((resolve) => dialog.addEventListener("close", resolve, {once: true}));
    if (dialog.returnValue !== "yes") return;
    this.tell("Applying …");
    const done = await ask("/apply", {merges: Number(byId("typed").value)});
    this.tell(done.told);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "checkbox";
    if (typing) {
      if (event.key === "Escape" || (event.key === "Enter" && event.target.id === "note")) event.target.blur();
      return;
    }
    const keys = {
      j: () => this.move(1), k: () => this.move(-1), t: () => this.decide("together"), a: () => this.decide("apart"),
      u: () => this.decide("unsure"), z: () => this.undo(), e: () => this.evidence(), p: () => this.patterns(),
      h: () => byId("hide").click(), n: () => byId("note").focus(), "/": () => byId("find").query.focus(),
      "?": () => byId("help").showModal(),
    };
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (act) {
      event.preventDefault();
      this.tried(act);
    } else if (/^[1-9]$/.test(event.key)) this.take(Number(event.key) - 1);
    else if (event.key === "Enter" && this.leaving.size && !/^(BUTTON|SUMMARY|A)$/.test(event.target.tagName)) this.tried(() => this.decide(null));
  }
}

async function begin() {
  const review = new Review(await ask("/overview"));
  await review.load({});
  document.body.dataset.ready = "1";
}

begin();
