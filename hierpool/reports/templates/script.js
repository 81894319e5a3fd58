"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { names, columns } = data;
  const byKey = new Map(columns.map((column) => [column.key, column]));
  const find = document.getElementById("find");
  const size = document.getElementById("size");
  const body = document.querySelector("#table tbody");

  // Values and their text, as Python shows them.
  const value = (column, row) =>
    column.values[row] === null ? NaN : column.values[row] / 10 ** column.places;
  const formats = new Map(columns.map((column) => [column, new Intl.NumberFormat("en", {
    minimumFractionDigits: column.decimals, maximumFractionDigits: column.decimals,
  })]));
  const shown = (column, row) => {
    const number = value(column, row) * (column.percent ? 100 : 1);
    return Number.isNaN(number) ? "" : formats.get(column).format(number) + (column.percent ? "%" : "");
  };
  const text = (key, row) => (byKey.has(key) ? shown(byKey.get(key), row) : "");

  // The table: an order of all groups, those of them that match, and one page of these.
  const folded = names.map((name) => name.toLowerCase());
  const collator = new Intl.Collator(undefined, { numeric: true });
  let order = names.map((_, row) => row);
  let matches = order;
  let page = 0;
  let lit = null;
  let pinned = null;

  const make = (tag, content, className) => {
    const element = document.createElement(tag);
    if (content !== undefined) element.textContent = content;
    if (className) element.className = className;
    return element;
  };
  const line = (row) => {
    const tr = document.createElement("tr");
    const th = make("th");
    th.scope = "row";
    const button = make("button");
    button.type = "button";
    button.setAttribute("aria-pressed", String(row === pinned));
    button.append(make("bdi", names[row]));
    th.append(button);
    tr.append(th, ...columns.map((column) => make("td", shown(column, row))));
    tr.dataset.row = row;
    tr.classList.toggle("lit", row === lit);
    return tr;
  };
  const draw = (most = Number(size.value)) => {
    const pages = Math.max(1, Math.ceil(matches.length / most));
    page = Math.min(page, pages - 1);
    body.replaceChildren(...matches.slice(page * most, (page + 1) * most).map(line));
    document.getElementById("before").disabled = page === 0;
    document.getElementById("after").disabled = page === pages - 1;
    document.getElementById("where").textContent =
      `Page ${(page + 1).toLocaleString("en")} of ${pages.toLocaleString("en")}`;
  };
  const filter = () => {
    const wanted = find.value.trim().toLowerCase();
    matches = wanted ? order.filter((row) => folded[row].includes(wanted)) : order;
    const number = matches.length.toLocaleString("en");
    document.getElementById("found").textContent =
      wanted ? `${number} of ${names.length.toLocaleString("en")} groups` : "";
    page = 0;
    draw();
  };
  const sort = (key, isUp) => {
    const column = byKey.get(key);
    const sign = isUp ? 1 : -1;
    const compare = column
      ? (a, b) => {
          const [x, y] = [column.values[a], column.values[b]];
          // Groups without a value are last, either way.
          if (x === null || y === null) return (x === null) - (y === null) || a - b;
          return sign * (x - y) || a - b;
        }
      : (a, b) => sign * collator.compare(names[a], names[b]) || a - b;
    order = [...order].sort(compare);
    filter();
  };
  for (const th of document.querySelectorAll("#table thead th")) {
    const head = th.querySelector(".head");
    const button = make("button", head.textContent);
    button.type = "button";
    button.title = head.title;
    head.replaceWith(button);
    button.addEventListener("click", () => {
      const now = th.getAttribute("aria-sort");
      // A first click sorts names from A, and numbers from the highest.
      const isUp = now ? now !== "ascending" : th.dataset.key === "name";
      for (const other of document.querySelectorAll("#table thead th")) other.removeAttribute("aria-sort");
      th.setAttribute("aria-sort", isUp ? "ascending" : "descending");
      sort(th.dataset.key, isUp);
    });
  }
  find.addEventListener("input", filter);
  find.form.addEventListener("submit", (event) => event.preventDefault());
  size.addEventListener("change", () => { page = 0; draw(); });
  document.getElementById("before").addEventListener("click", () => { page -= 1; draw(); });
  document.getElementById("after").addEventListener("click", () => { page += 1; draw(); });

  // Pictures: each places a group by two columns, and marks it there.
  const place = (plot, axis, row) => {
    const key = plot.dataset[axis];
    const at = key === "order" ? row + 0.5 : byKey.has(key) ? value(byKey.get(key), row) : NaN;
    const [low, high] = ["Low", "High"].map((end) => Number(plot.dataset[axis + end]));
    const share = (at - low) / (high - low);
    // A raw rate beyond the edge has its mark there.
    return plot.dataset.dotted === undefined ? share : Math.min(Math.max(share, 0), 1);
  };
  const plots = [...document.querySelectorAll(".plot")].map((plot) => {
    const spot = make("div", undefined, plot.dataset.y ? "spot" : "spot upright");
    const tip = make("div", undefined, "tip");
    spot.hidden = tip.hidden = true;
    plot.append(spot, tip);
    return { plot, spot, tip };
  });
  const summary = (row) => {
    const counts = `${text("successes", row)} of ${text("trials", row)}`;
    const rate = text("rate", row);
    const estimate = text("mean", row);
    return counts + (rate && `, raw ${rate}`)
      + (estimate && `, estimate ${estimate} (${text("lower", row)} to ${text("upper", row)})`);
  };
  const light = (row, from) => {
    lit = row;
    for (const element of document.querySelectorAll(".lit")) element.classList.remove("lit");
    for (const { plot, spot, tip } of plots) {
      const x = row === null ? NaN : place(plot, "x", row);
      const y = row !== null && plot.dataset.y ? place(plot, "y", row) : 0;
      spot.hidden = !(x >= 0 && x <= 1 && y >= 0 && y <= 1);
      tip.hidden = spot.hidden || plot !== from;
      if (spot.hidden) continue;
      spot.style.left = `${100 * x}%`;
      if (plot.dataset.y) spot.style.bottom = `${100 * y}%`;
      if (tip.hidden) continue;
      tip.replaceChildren(make("b", names[row]), summary(row));
      // Where no dots are: below the diagonal on the left, above it on the right.
      const isLeft = x < 0.5;
      const isBelow = isLeft ? y > 0.2 : y > 0.8;
      tip.style.left = isLeft ? `calc(${100 * x}% + 12px)` : "auto";
      tip.style.right = isLeft ? "auto" : `calc(${100 * (1 - x)}% + 12px)`;
      tip.style.top = isBelow ? `calc(${100 * (1 - y)}% + 12px)` : "auto";
      tip.style.bottom = isBelow ? "auto" : `calc(${100 * y}% + 12px)`;
    }
    if (row === null) return;
    for (const element of document.querySelectorAll(`[data-row="${row}"]`)) element.classList.add("lit");
  };
  const pin = (row, from) => {
    pinned = pinned === row ? null : row;
    light(pinned === null ? row : pinned, from);
    for (const button of body.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(Number(button.closest("tr").dataset.row) === pinned));
    }
  };
  // Turns to the page of the table that has a group, without moving the window.
  const turnTo = (row) => {
    if (!matches.includes(row)) { find.value = ""; filter(); }
    page = Math.floor(matches.indexOf(row) / Number(size.value));
    draw();
  };
  const rowOf = (event) => {
    const element = event.target.closest("[data-row]");
    return element ? Number(element.dataset.row) : null;
  };
  const forest = document.querySelector(".forest");
  for (const list of [body, forest].filter(Boolean)) {
    list.addEventListener("pointerover", (event) => { const row = rowOf(event); if (row !== null) light(row); });
    list.addEventListener("pointerleave", () => light(pinned));
    list.addEventListener("focusin", (event) => { const row = rowOf(event); if (row !== null) light(row); });
    list.addEventListener("focusout", () => light(pinned));
    list.addEventListener("click", (event) => {
      const row = rowOf(event);
      if (row === null) return;
      if (list === forest) turnTo(row);
      pin(row);
    });
  }
  for (const name of document.querySelectorAll(".forest .name")) {
    const button = make("button");
    button.type = "button";
    button.append(...name.childNodes);
    name.append(button);
  }
  for (const { plot } of plots.filter(({ plot }) => plot.dataset.dotted !== undefined)) {
    const spots = names
      .map((_, row) => [row, place(plot, "x", row), place(plot, "y", row)])
      .filter(([, x, y]) => x >= 0 && x <= 1 && y >= 0 && y <= 1);
    const inOrder = [...spots].sort((a, b) => a[1] - b[1]);
    const nearest = (event) => {
      const box = plot.getBoundingClientRect();
      const x = event.clientX - box.left;
      const y = box.bottom - event.clientY;
      let [best, least] = [null, 40 ** 2];
      for (const [row, across, up] of spots) {
        const away = (across * box.width - x) ** 2 + (up * box.height - y) ** 2;
        if (away < least) [best, least] = [row, away];
      }
      return best;
    };
    plot.addEventListener("pointermove", (event) => {
      const row = nearest(event);
      if (row !== lit || row === null) light(row === null ? pinned : row, plot);
    });
    plot.addEventListener("pointerleave", () => light(pinned));
    plot.addEventListener("click", (event) => {
      const row = nearest(event);
      if (row !== null) { turnTo(row); pin(row, plot); }
    });
    plot.tabIndex = 0;
    plot.setAttribute("role", "group");
    plot.setAttribute("aria-label", "Arrow keys go from group to group, Enter keeps one.");
    plot.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      const at = inOrder.findIndex(([row]) => row === lit);
      if (step && inOrder.length) {
        event.preventDefault();
        const next = at < 0 ? (step > 0 ? 0 : inOrder.length - 1) : at + step;
        light(inOrder[Math.min(Math.max(next, 0), inOrder.length - 1)][0], plot);
      } else if (event.key === "Enter" && lit !== null) {
        turnTo(lit);
        pin(lit, plot);
      }
    });
    plot.addEventListener("blur", () => light(pinned));
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { pinned = null; light(null); }
  });

  // On paper the table is whole, up to some hundred rows.
  let shownPage = 0;
  window.addEventListener("beforeprint", () => { shownPage = page; page = 0; draw(Number(document.getElementById("table").dataset.mostPrinted)); });
  window.addEventListener("afterprint", () => { page = shownPage; draw(); });

  for (const control of document.querySelectorAll(".controls")) control.hidden = false;
  draw();
})();
