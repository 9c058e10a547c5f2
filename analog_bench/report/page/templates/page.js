"use strict";
(() => {
  const SHORT = 24;
  const number = (cell) => (cell.dataset.v === "" ? -Infinity : Number(cell.dataset.v));
  const value = (row, key) => {
    if (key === "loss") return Math.max(...[...row.querySelectorAll(".h")].map(number));
    return number(row.cells[key === "depth" ? 0 : Number(key)]);
  };
  for (const map of document.querySelectorAll("[data-heat]")) {
    const body = map.querySelector("tbody");
    const buttons = map.querySelectorAll("[data-sort]");
    const more = map.querySelector("[data-more]");
    const rows = [...body.rows];
    const sort = (key) => {
      const sign = key === "depth" ? 1 : -1;
      rows.sort((one, other) => {
        const by = sign * (value(one, key) - value(other, key));
        return by || value(one, "depth") - value(other, "depth");
      });
      body.append(...rows);
      for (const button of buttons) {
        button.setAttribute("aria-pressed", String(button.dataset.sort === key));
      }
    };
    for (const button of buttons) {
      button.addEventListener("click", () => sort(button.dataset.sort));
    }
    if (rows.length > SHORT * 1.25) {
      body.classList.add("short");
      more.hidden = false;
      more.addEventListener("click", () => {
        body.classList.remove("short");
        more.hidden = true;
      });
    }
  }
  // A link leads into what is folded away.
  const open = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let at = target; at; at = at.parentElement) {
      if (at.tagName === "DETAILS") at.open = true;
    }
    const row = target.closest("details.case");
    (row || target).scrollIntoView();
  };
  addEventListener("hashchange", open);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    const to = link && (link.getAttribute("href") || link.getAttribute("xlink:href"));
    // The same address again raises no event.
    if (to && to === location.hash) open();
  });
  document.documentElement.classList.add("live");
  if (location.hash.length > 1) open();
})();
