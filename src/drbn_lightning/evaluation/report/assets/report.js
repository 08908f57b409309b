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
function card(parent, image, data) {
  const names = Object.keys(image.images);
  const box = make("article", parent, { className: "card" });
  const header = make("header", box, {});
  const left = chooser(header, names, "input" in image.images ? "input" : names[0], "left image");
  make("b", header, { textContent: image.name });
  const right = chooser(header, names, data.main in image.images ? data.main : names.at(-1), "right image");
  const stage = make("div", box, { className: "stage" });
  const after = make("img", stage, { className: "after" });
  const before = make("img", stage, { className: "before" });
  const slider = make("input", stage, { type: "range", min: 0, max: 100, step: 0.5, value: 50 });
  slider.ariaLabel = "before and after of " + image.name;
  const text = make("p", box, { className: "figures" });
  function show() {
    before.src = image.images[left.value];
    before.alt = left.value + " of " + image.name;
    after.src = image.images[right.value];
    after.alt = right.value + " of " + image.name;
    const lines = [left.value, right.value].filter((name) => image.figures[name]).map((name) =>
      name + ": " + data.metrics.slice(0, 2).map((metric, place) => {
        const figure = image.figures[name][place];
        return metric.title + " " + (typeof figure === "number" ? figure.toFixed(metric.decimals) : figure ?? "-");
      }).join(", "));
    text.replaceChildren(...lines.flatMap((line) => [document.createTextNode(line), document.createElement("br")]));
  }
  left.addEventListener("change", show);
  right.addEventListener("change", show);
  slider.addEventListener("input", () => stage.style.setProperty("--at", slider.value + "%"));
  show();
}
const sets = JSON.parse(document.getElementById("images").textContent);
for (const parent of document.querySelectorAll(".cards")) {
  const data = sets[Number(parent.dataset.set)];
  for (const image of data.cards) card(parent, image, data);
}
