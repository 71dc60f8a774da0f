"use strict";
// The cases of the page: searched, filtered, ordered, listed as one scrolls, and opened one at a time.

const ROW = 64;
// What the search looks through: all that a record says, its names, and its phones as digits.
class Search {
  constructor(view) {
    const fields = ["record_id", "file", ...view.fields];
    this.texts = Array.from({length: view.records.rows}, (_, row) => {
      const parts = fields.map((field) => view.records.get(field, row)).filter(Boolean);
      const phone = (view.records.get("phone", row) || "").replace(/[^\d\n]/g, "");
      return `${parts.join("\n")}\n${view.where(row)}\n${phone}`.toLowerCase();
    });
    this.view = view;
  }

  matching(query) {
    const said = query.trim().toLowerCase();
    const words = /^[+\d\s().\-/]{5,}$/.test(said) ? [said.replace(/\D/g, "")] : said.split(/\s+/).filter(Boolean);
    const found = new Uint8Array(this.texts.length);
    for (let row = 0; row < found.length; row++) {
      const text = this.texts[row];
      found[row] = words.every((word) => text.includes(word)) ? 1 : 0;
    }
    const {cases} = this.view;
    return (at) => this.view.members(at).some((member) => found[member]) ||
      [cases.get("case", at), this.view.cluster(at)].some((id) => id.toLowerCase() === said);
  }
}

class Browser {
  constructor(view) {
    this.view = view;
    this.list = document.getElementById("list");
    this.place = document.getElementById("card");
    this.count = document.getElementById("count");
    this.chosen = [];
    this.at = -1;
    this.inner = element("div", {class: "rows"});
    this.list.append(this.inner);
    this.controls = document.querySelector("form#find");
    this.fill();
    this.controls.addEventListener("input", () => this.find());
    this.controls.addEventListener("submit", (event) => event.preventDefault());
    this.controls.addEventListener("reset", () => setTimeout(() => this.find()));
    this.list.addEventListener("scroll", () => this.draw());
    this.list.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("click", (event) => {
      const row = event.target.closest("[data-at]");
      if (row) this.open(Number(row.dataset.at));
    });
    document.addEventListener("keydown", (event) => this.shortcut(event));
    document.getElementById("earlier").addEventListener("click", () => this.open(this.at - 1));
    document.getElementById("later").addEventListener("click", () => this.open(this.at + 1));
    window.addEventListener("hashchange", () => this.follow());
    window.addEventListener("resize", () => this.draw());
    for (const link of document.querySelectorAll("a[data-state],a[data-cause]")) {
      link.addEventListener("click", () => this.only(link.dataset));
    }
  }

  // The choices of a filter, the most frequent first.
  fill() {
    const {cases, records, fields} = this.view;
    const counted = (name) => {
      const counts = new Map();
      for (let at = 0; at < cases.rows; at++) {
        const value = cases.get(name, at);
        if (value) counts.set(value, (counts.get(value) || 0) + 1);
      }
      return [...counts].sort((one, two) => two[1] - one[1]).slice(0, 50);
    };
    const add = (name, pairs) => {
      const select = this.controls.elements[name];
      for (const [value, words] of pairs) select.append(element("option", {value}, words));
    };
    add("cause", counted("cause").map(([value, count]) => [value, `${value} (${count})`]));
    add("pattern", counted("pattern").map(([value, count]) => [value, `${value} (${count})`]));
    const sources = new Set();
    for (let row = 0; row < records.rows; row++) sources.add(records.get("source", row));
    add("source", [...sources].map((source) => [source, source]));
    add("differs", fields.filter((field) => field !== "further").map((field) => [field, field]));
  }

  only({state, cause}) {
    this.controls.reset();
    if (state) this.controls.elements.state.value = state;
    if (cause) this.controls.elements.cause.value = cause;
    this.find();
  }

  prepare() {
    this.search ??= new Search(this.view);
  }

  find() {
    const wanted = Object.fromEntries(new FormData(this.controls));
    const {cases, records} = this.view;
    const tests = [];
    if (wanted.query.trim()) {
      this.prepare();
      tests.push(this.search.matching(wanted.query));
    }
    if (wanted.state === "waits") tests.push((at) => cases.get("waits", at));
    else if (wanted.state) tests.push((at) => !cases.get("waits", at) && cases.get("does", at) === wanted.state);
    if (wanted.cause) tests.push((at) => cases.get("cause", at) === wanted.cause);
    if (wanted.pattern) tests.push((at) => cases.get("pattern", at) === wanted.pattern);
    if (wanted.source) tests.push((at) => this.view.members(at).some((row) => records.get("source", row) === wanted.source));
    if (wanted.differs) tests.push((at) => disagree(this.view.members(at).map((row) => records.get(wanted.differs, row))));
    if (wanted.size) {
      const size = Number(wanted.size);
      tests.push((at) => {
        const count = cases.get("records", at).length;
        return size === 4 ? count >= 4 : count === size;
      });
    }
    this.chosen = [];
    for (let at = 0; at < cases.rows; at++) if (tests.every((test) => test(at))) this.chosen.push(at);
    if (wanted.order === "name") {
      const names = new Map(this.chosen.map((at) => [at, this.view.title(at)]));
      const collator = new Intl.Collator();
      this.chosen.sort((one, two) => collator.compare(names.get(one), names.get(two)));
    } else if (wanted.order === "size") {
      this.chosen.sort((one, two) => this.view.members(two).length - this.view.members(one).length);
    }
    this.at = -1;
    this.count.textContent = `${this.chosen.length.toLocaleString("en")} of ${cases.rows.toLocaleString("en")} cases`;
    this.inner.style.height = `${this.chosen.length * ROW}px`;
    this.list.scrollTop = 0;
    this.draw();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.list.scrollTop / ROW) - 4);
    const last = Math.min(this.chosen.length, first + Math.ceil(this.list.clientHeight / ROW) + 8);
    const rows = [];
    for (let at = first; at < last; at++) {
      const row = this.chosen[at];
      const waits = this.view.cases.get("waits", row);
      const option = element("div", {
        role: "option", id: `case-${at}`, class: waits ? "option waits" : "option", "data-at": at,
        "aria-selected": at === this.at ? "true" : "false", "aria-posinset": at + 1, "aria-setsize": this.chosen.length,
      }, element("b", {}, this.view.title(row)), element("span", {class: "quiet"},
        `${this.view.stateOf(row)} · ${this.view.cases.get("why", row) || ""}`));
      option.style.top = `${at * ROW}px`;
      rows.push(option);
    }
    this.inner.replaceChildren(...rows);
    if (this.at >= 0) this.list.setAttribute("aria-activedescendant", `case-${this.at}`);
    else this.list.removeAttribute("aria-activedescendant");
  }

  open(at) {
    if (at < 0 || at >= this.chosen.length) return;
    this.at = at;
    const top = at * ROW;
    if (top < this.list.scrollTop) this.list.scrollTop = top;
    else if (top + ROW > this.list.scrollTop + this.list.clientHeight) this.list.scrollTop = top + ROW - this.list.clientHeight;
    this.draw();
    const row = this.chosen[at];
    this.place.replaceChildren(card(this.view, row));
    history.replaceState(null, "", `#case=${encodeURIComponent(this.view.cases.get("case", row))}`);
  }

  follow() {
    const wanted = /^#case=(.*)$/.exec(location.hash);
    if (!wanted) return;
    const id = decodeURIComponent(wanted[1]);
    const at = this.chosen.findIndex((row) => [this.view.cases.get("case", row), this.view.cluster(row)].includes(id));
    if (at >= 0) this.open(at);
  }

  key(event) {
    const page = Math.floor(this.list.clientHeight / ROW);
    const steps = {ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page};
    const last = this.chosen.length - 1;
    const to = event.key === "Home" ? 0 : event.key === "End" ? last
      : event.key in steps ? Math.max(0, Math.min(last, this.at + steps[event.key])) : null;
    if (to !== null) {
      event.preventDefault();
      this.open(to);
    } else if (event.key === "Enter") this.place.querySelector("h3")?.focus();
  }

  shortcut(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    if (event.key === "/") {
      event.preventDefault();
      this.controls.elements.query.focus();
    } else if (event.key === "j") this.open(this.at + 1);
    else if (event.key === "k") this.open(this.at - 1);
  }
}

async function start() {
  const state = document.getElementById("count");
  if (typeof DecompressionStream === "undefined") {
    state.textContent = "This browser cannot unpack the cases; audit.csv beside this page has them all.";
    return;
  }
  const names = ["cases", "records", "contents", "losses", "evidence"];
  const tables = await Promise.all(names.map((name) => unpacked(`${name}-data`)));
  const levels = JSON.parse(document.getElementById("levels").textContent);
  const browser = new Browser(new View(Object.fromEntries(names.map((name, at) => [name, tables[at]])), levels));
  browser.find();
  document.getElementById("browser").hidden = false;
  if (location.hash.startsWith("#case=")) browser.follow();
  else browser.open(0);
  setTimeout(() => browser.prepare());  // so that the first search waits for nothing
}

start();
