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
  // A figure's files come compressed with the page. A PNG is drawn from the SVG; a PDF is printed,
  // on paper of its size.
  const unpacked = async (packed) => {
    const bytes = Uint8Array.from(atob(packed), (sign) => sign.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
  };
  const TYPES = { svg: "image/svg+xml", csv: "text/csv" };
  const loaded = async (source) => {
    const picture = new Image();
    picture.src = `data:image/svg+xml,${encodeURIComponent(source)}`;
    await picture.decode();
    return picture;
  };
  const drawn = (picture) => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [2 * picture.width, 2 * picture.height];
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => canvas.toBlob(done, "image/png"));
  };
  const print = (picture, name) => {
    const sheet = open("", "_blank");
    const style = sheet.document.createElement("style");
    style.textContent = `@page { size: ${picture.width}px ${picture.height}px; margin: 0 } body { margin: 0 } img { display: block }`;
    sheet.document.title = name;
    sheet.document.head.append(style);
    sheet.document.body.append(picture);
    sheet.print();
  };
  for (const files of document.querySelectorAll(".files")) {
    files.addEventListener("click", async (event) => {
      const kind = event.target.dataset.kind;
      if (!kind) return;
      const content = await unpacked(files.dataset[kind === "csv" ? "csv" : "svg"]);
      const picture = kind in TYPES ? null : await loaded(new TextDecoder().decode(content));
      if (kind === "pdf") {
        print(picture, files.dataset.name);
        return;
      }
      const blob = kind === "png" ? await drawn(picture) : new Blob([content], { type: TYPES[kind] });
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${files.dataset.name}.${kind}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    });
  }
  // A link leads into what is folded away.
  const unfold = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let at = target; at; at = at.parentElement) {
      if (at.tagName === "DETAILS") at.open = true;
    }
    const row = target.closest("details.case");
    (row || target).scrollIntoView();
  };
  addEventListener("hashchange", unfold);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    const to = link && (link.getAttribute("href") || link.getAttribute("xlink:href"));
    // The same address again raises no event.
    if (to && to === location.hash) unfold();
  });
  document.documentElement.classList.add("live");
  if (location.hash.length > 1) unfold();
})();
