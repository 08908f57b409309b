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
