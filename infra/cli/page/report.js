
"use strict";
const table = document.getElementById("sorted");
const body = table.tBodies[0];
const heads = [...table.tHead.rows[0].cells];
const words = new Intl.Collator("en", { numeric: true });

function valueOf(row, column) {
  const cell = row.cells[column];
  return cell.dataset.value ?? cell.textContent.trim();
}

function compare(one, other, isNumber) {
  return isNumber ? one - other : words.compare(one, other);
}

function sortBy(column) {
  const head = heads[column];
  const isDown = head.getAttribute("aria-sort") === "ascending";
  const isNumber = head.classList.contains("number");
  const keyed = [...body.rows].map((row) => [valueOf(row, column), row]);
  const known = keyed.filter(([value]) => value !== "");
  const unknown = keyed.filter(([value]) => value === "");
  known.sort(([one], [other]) => (isDown ? compare(other, one, isNumber) : compare(one, other, isNumber)));
  body.append(...[...known, ...unknown].map(([, row]) => row));
  heads.forEach((each) => each.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
}

function show(wanted) {
  const sought = wanted.toLowerCase();
  let count = 0;
  for (const row of body.rows) {
    row.hidden = !row.textContent.toLowerCase().includes(sought);
    count += row.hidden ? 0 : 1;
  }
  document.getElementById("shown").textContent = `${count} of ${body.rows.length} rows`;
}

addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => sortBy(column)));
const filter = document.getElementById("filter");
filter.addEventListener("input", () => show(filter.value));
filter.parentElement.hidden = false;
show(filter.value);
