"use strict";
// Tables that were packed into the page, and small helpers for drawing; `packing.py` writes them.

class Table {
  constructor({rows, columns}) {
    this.rows = rows;
    this.columns = columns;
  }

  get(name, row) {
    const column = this.columns[name];
    if (Array.isArray(column)) return column[row];
    const at = column.at[row];
    return at < 0 ? null : column.of[at];
  }
}

async function unpacked(id) {
  const letters = atob(document.getElementById(id).textContent);
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at++) bytes[at] = letters.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Table(JSON.parse(await new Response(stream).text()));
}

// An element with its children: texts are put in as texts and never read as HTML.
function element(name, properties, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "class") made.className = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// A name in a place for short ones: the long ids of contacts are cut.
const short = (name) => (name.length > 16 ? `${name.slice(0, 14)}…` : name);

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const letter = (at) => (at < LETTERS.length ? LETTERS[at] : `#${at + 1}`);
