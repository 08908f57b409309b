"""Style and script of the HTML report; both go into the page itself."""

STYLE = """
:root { color-scheme: light dark; --line: #8884; --accent: #2a6fdb; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 1280px; padding: 1rem 1.5rem 4rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; } h3 { font-size: 1rem; }
.about { opacity: .75; }
.wide { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .7rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible { outline: 2px solid var(--accent); }
th[aria-sort=ascending] button::after { content: " \\25B2"; }
th[aria-sort=descending] button::after { content: " \\25BC"; }
td small { display: block; font-size: .78em; opacity: .7; }
tbody tr:hover { background: #8881; }
.warning { color: #b3261e; } @media (prefers-color-scheme: dark) { .warning { color: #ff8a80; } }
dt { font-weight: 600; } dd { margin: 0 0 .4rem 1.2rem; overflow-wrap: anywhere; }
.cards { display: grid; gap: 1.4rem; grid-template-columns: repeat(auto-fill, minmax(min(380px, 100%), 1fr)); }
.card { border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
.card header { align-items: center; display: flex; gap: .5rem; justify-content: space-between; padding: .4rem .6rem; }
.card header b { overflow: hidden; text-overflow: ellipsis; }
.card select { font: inherit; max-width: 9.5rem; }
.stage { position: relative; touch-action: pan-y; }
.stage img { display: block; width: 100%; }
.stage .before { inset: 0; position: absolute; clip-path: inset(0 calc(100% - var(--at, 50%)) 0 0); }
.stage::after { background: #fff; box-shadow: 0 0 3px #000; content: ""; left: var(--at, 50%); position: absolute;
  inset-block: 0; width: 2px; transform: translateX(-1px); pointer-events: none; }
.stage input { cursor: ew-resize; height: 100%; inset: 0; margin: 0; opacity: 0; position: absolute; width: 100%; }
.card:focus-within { outline: 2px solid var(--accent); }
.figures { font-size: .85em; margin: 0; padding: .4rem .6rem; font-variant-numeric: tabular-nums; }
"""

SCRIPT = """
"use strict";
function value(row, column) {
  const text = row.cells[column].dataset.value.replace(/^(-?)inf$/, "$1Infinity");
  return text === "" ? null : (isNaN(text) ? text : Number(text));
}
function compare(a, b) {
  if (a === null || b === null) return a === b ? 0 : (a === null ? Infinity : -Infinity);
  return typeof a === "number" && typeof b === "number" ? (a > b) - (a < b) : String(a).localeCompare(String(b));
}
for (const table of document.querySelectorAll("table.sortable")) {
  table.tHead.addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (!head) return;
    const falling = head.ariaSort !== "descending" && head.cellIndex > 0 || head.ariaSort === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => {
      const order = compare(value(a, head.cellIndex), value(b, head.cellIndex));
      return falling && Number.isFinite(order) ? -order : order;
    });
    table.tBodies[0].append(...rows);
  });
}
function make(tag, parent, properties) {
  return parent.appendChild(Object.assign(document.createElement(tag), properties));
}
function chooser(parent, names, chosen, label) {
  const select = make("select", parent, { ariaLabel: label });
  for (const name of names) make("option", select, { value: name, textContent: name });
  select.value = chosen;
  return select;
}
function card(parent, picture, data) {
  const names = Object.keys(picture.images);
  const box = make("article", parent, { className: "card" });
  const header = make("header", box, {});
  const left = chooser(header, names, "input" in picture.images ? "input" : names[0], "left picture");
  make("b", header, { textContent: picture.name });
  const right = chooser(header, names, data.main in picture.images ? data.main : names.at(-1), "right picture");
  const stage = make("div", box, { className: "stage" });
  const after = make("img", stage, { className: "after" });
  const before = make("img", stage, { className: "before" });
  const slider = make("input", stage, { type: "range", min: 0, max: 100, step: 0.5, value: 50 });
  slider.ariaLabel = "before and after of " + picture.name;
  const text = make("p", box, { className: "figures" });
  function show() {
    before.src = picture.images[left.value];
    before.alt = left.value + " of " + picture.name;
    after.src = picture.images[right.value];
    after.alt = right.value + " of " + picture.name;
    const lines = [left.value, right.value].filter((name) => picture.figures[name]).map((name) =>
      name + ": " + data.measures.slice(0, 2).map((measure, place) => {
        const figure = picture.figures[name][place];
        return measure.title + " " + (typeof figure === "number" ? figure.toFixed(measure.digits) : figure ?? "-");
      }).join(", "));
    text.replaceChildren(...lines.flatMap((line) => [document.createTextNode(line), document.createElement("br")]));
  }
  left.addEventListener("change", show);
  right.addEventListener("change", show);
  slider.addEventListener("input", () => stage.style.setProperty("--at", slider.value + "%"));
  show();
}
const sets = JSON.parse(document.getElementById("pictures").textContent);
for (const parent of document.querySelectorAll(".cards")) {
  const data = sets[Number(parent.dataset.set)];
  for (const picture of data.cards) card(parent, picture, data);
}
"""
