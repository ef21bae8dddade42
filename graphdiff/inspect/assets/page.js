// The inspector's page: draws what is in view of the graph, and shows what is known about the chosen node.
//
// Owns: moving and zooming, choosing, stepping, finding. Reads the JSON that html.py writes, whose texts become text
// nodes and never markup. Boxes are drawn one by one while few are in view, and as one outline where there are many.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { boxes, views, width: W, height: H } = data;
  const text = (column, n) => boxes.texts[boxes[column][n]];
  const count = boxes.name.length;
  const $ = (id) => document.getElementById(id);
  const NS = "http://www.w3.org/2000/svg";
  const FEW = 700; // boxes in view that are drawn with their texts and edges

  const make = (name, attributes = {}, ...children) => {
    const e = document.createElementNS(NS, name);
    for (const k in attributes) e.setAttribute(k, attributes[k]);
    e.append(...children);
    return e;
  };
  const html = (name, attributes = {}, ...children) => {
    const e = document.createElement(name);
    for (const k in attributes) e.setAttribute(k, attributes[k]);
    e.append(...children);
    return e;
  };

  const users = Array.from({ length: count }, () => []);
  const adjoints = Array.from({ length: count }, () => []); // boxes that are of this one
  const gradients = Array.from({ length: count }, () => []); // boxes that hold the adjoint of this one
  for (let n = 0; n < count; n++) {
    for (const i of boxes.inputs[n]) users[i].push(n);
    if (boxes.partner[n] >= 0) adjoints[boxes.partner[n]].push(n);
    if (boxes.of[n] >= 0) gradients[boxes.of[n]].push(n);
  }

  // ------------------------------------------------------------------ views: items of boxes, found by their place
  for (const view of views) {
    const n = view.x.length;
    view.count = n;
    view.item = new Int32Array(count); // the item of each box
    for (let k = 0; k < n; k++) {
      const end = view.first ? (k + 1 < n ? view.first[k + 1] : count) : k + 1;
      for (let b = view.first ? view.first[k] : k; b < end; b++) view.item[b] = k;
    }
    view.box = (k) => (view.first ? view.first[k] : k);
    view.operands = (k) => (view.inputs ? view.inputs[k] : boxes.inputs[k]);
    view.byTop = Array.from({ length: n }, (_, k) => k).sort((a, b) => view.y[a] - view.y[b]);
    view.tops = Float64Array.from(view.byTop, (k) => view.y[k]);
    view.users = Array.from({ length: n }, () => []);
    for (let k = 0; k < n; k++) for (const i of view.operands(k)) view.users[i].push(k);
  }
  let view = views.length > 1 && count > 400 ? views[0] : views[views.length - 1];
  let chosen = -1;
  let step = -1; // nothing is dimmed before the first step
  let scale = 1, left = 0, top = 0;

  const firstBelow = (y) => {
    let a = 0, b = view.count;
    while (a < b) {
      const m = (a + b) >> 1;
      if (view.tops[m] < y) a = m + 1; else b = m;
    }
    return a;
  };

  // ------------------------------------------------------------------ drawing
  const drawing = $("drawing"), world = $("world");
  let waiting = false;
  const redraw = () => {
    if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; draw(); }); }
  };
  const curve = (a, b) => {
    const down = view.y[b] > view.y[a];
    const x0 = view.x[a] + W / 2, y0 = view.y[a] + (down ? H : 0);
    const x1 = view.x[b] + W / 2, y1 = view.y[b] + (down ? 0 : H);
    const bend = Math.max(14, Math.abs(y1 - y0) / 2) * (down ? 1 : -1);
    return `M${x0} ${y0}C${x0} ${y0 + bend} ${x1} ${y1 - bend} ${x1} ${y1}`;
  };
  const straight = (a, b) => {
    const side = view.x[b] > view.x[a] ? W : 0;
    return `M${view.x[a] + side} ${view.y[a] + H / 2}L${view.x[b] + W - side} ${view.y[b] + H / 2}`;
  };
  const cut = (s, n) => (s.length <= n ? s : s.slice(0, n - 1) + "…");

  function draw() {
    const r = drawing.getBoundingClientRect();
    world.setAttribute("transform", `translate(${-left * scale},${-top * scale}) scale(${scale})`);
    const right = left + r.width / scale, bottom = top + r.height / scale;
    const seen = [];
    for (let p = firstBelow(top - H); p < view.count && view.tops[p] < bottom; p++) {
      const k = view.byTop[p];
      if (view.x[k] < right && view.x[k] + W > left) seen.push(k);
    }
    const out = [], lines = [];
    if (seen.length > FEW) {
      const paths = ["", "", "", "", ""];
      for (const k of seen) paths[boxes.phase[view.box(k)]] += `M${view.x[k]} ${view.y[k]}h${W}v${H}h${-W}z`;
      paths.forEach((d, p) => d && out.push(make("path", { class: "p" + p, d })));
    } else {
      const role = roles();
      const drawn = new Set();
      const line = (a, b) => {
        const key = a * view.count + b;
        if (drawn.has(key)) return;
        drawn.add(key);
        const item = chosen < 0 ? -1 : view.item[chosen];
        const far = Math.abs(view.y[a] - view.y[b]) > 12 * H ? "far" : "";
        lines.push(make("path", { d: curve(a, b), class: b === item ? "operand" : a === item ? "user" : far }));
      };
      for (const k of seen) {
        for (const i of view.operands(k)) line(i, k);
        for (const u of view.users[k].slice(0, 60)) line(k, u);
        out.push(boxOf(k, role.get(k)));
      }
      if (chosen >= 0) {
        const me = view.item[chosen];
        const others = boxes.partner[chosen] >= 0 ? [boxes.partner[chosen]] : adjoints[chosen];
        for (const o of others.slice(0, 40)) {
          if (view.item[o] !== me) lines.push(make("path", { d: straight(me, view.item[o]), class: "partner" }));
        }
      }
    }
    $("boxes").replaceChildren(...out);
    $("edges").replaceChildren(...lines);
  }

  function roles() {
    const role = new Map();
    if (chosen < 0) return role;
    for (const n of users[chosen]) role.set(view.item[n], "user");
    for (const n of boxes.inputs[chosen]) role.set(view.item[n], "operand");
    for (const n of adjoints[chosen]) role.set(view.item[n], "partner");
    if (boxes.partner[chosen] >= 0) role.set(view.item[boxes.partner[chosen]], "partner");
    role.set(view.item[chosen], "chosen");
    return role;
  }

  function boxOf(k, role) {
    const b = view.box(k);
    const scope = view.scope && view.scope[k];
    const leaf = boxes.phase[b] === 0;
    const members = view.first ? (k + 1 < view.count ? view.first[k + 1] : count) - b : 1;
    const head = scope || (leaf ? boxes.name[b] : `${boxes.name[b]} ${text("op", b)}`);
    const small = scope ? `${members} nodes` : text("type", b);
    const later = step >= 0 && b > order[step];
    const g = make("g", {
      transform: `translate(${view.x[k]},${view.y[k]})`, "data-item": k, role: "button",
      "aria-label": `${head}, ${small}`,
      class: `p${boxes.phase[b]}${scope ? " scope" : ""}${role ? " " + role : ""}${later ? " later" : ""}`,
    }, make("rect", { width: W, height: H, rx: 6 }));
    g.append(make("text", { x: 9, y: 17 }, cut(head, 20)), make("text", { x: 9, y: 32, class: "small" }, cut(small, 23)));
    return g;
  }

  // ------------------------------------------------------------------ moving
  const centre = (k, always) => {
    const r = drawing.getBoundingClientRect();
    const x = view.x[k], y = view.y[k], w = r.width / scale, h = r.height / scale;
    if (always || x < left || x + W > left + w) left = x + W / 2 - w / 2;
    if (always || y < top || y + H > top + h) top = y + H / 2 - h / 2;
    redraw();
  };
  const fit = (whole) => {
    const r = drawing.getBoundingClientRect();
    const [w, h] = view.size;
    const wide = r.width / Math.max(w, 1), high = r.height / Math.max(h, 1);
    scale = whole ? Math.min(wide, high, 1.5) : Math.min(Math.max(Math.min(wide, high), 0.6), 1.2);
    left = w / 2 - r.width / 2 / scale;
    top = h * scale < r.height ? h / 2 - r.height / 2 / scale : 0;
    redraw();
  };
  drawing.addEventListener("wheel", (e) => {
    e.preventDefault();
    const r = drawing.getBoundingClientRect();
    const x = left + (e.clientX - r.left) / scale, y = top + (e.clientY - r.top) / scale;
    scale = Math.min(4, Math.max(0.002, scale * Math.exp(-e.deltaY * 0.0015)));
    left = x - (e.clientX - r.left) / scale;
    top = y - (e.clientY - r.top) / scale;
    redraw();
  }, { passive: false });
  let drag = null;
  const itemAt = (e) => {
    const g = e.target.closest && e.target.closest("[data-item]");
    return g ? +g.dataset.item : -1;
  };
  drawing.addEventListener("pointerdown", (e) => { drag = { x: e.clientX, y: e.clientY, moved: false, item: itemAt(e) }; });
  window.addEventListener("pointermove", (e) => {
    if (!drag) return;
    const dx = e.clientX - drag.x, dy = e.clientY - drag.y;
    if (!drag.moved && Math.hypot(dx, dy) < 4) return;
    left -= dx / scale; top -= dy / scale;
    drag = { x: e.clientX, y: e.clientY, moved: true, item: -1 };
    redraw();
  });
  window.addEventListener("pointerup", () => {
    if (drag && !drag.moved && drag.item >= 0) choose(view.box(drag.item), true);
    drag = null;
  });
  let pointed = -1;
  drawing.addEventListener("pointerover", (e) => {
    const k = itemAt(e);
    if (drag || k < 0 || k === pointed) return;
    pointed = k;
    choose(view.box(k), false);
  });
  window.addEventListener("resize", redraw);

  // ------------------------------------------------------------------ stepping: forward, then backward
  const order = [];
  for (let n = 0; n < count; n++) if (boxes.phase[n] > 0) order.push(n);
  const stepOf = new Map(order.map((n, s) => [n, s]));
  $("slider").max = Math.max(0, order.length - 1);
  const phases = ["leaf", "forward", "backward", "update"];
  function choose(n, fix) {
    chosen = n;
    if (fix && stepOf.has(n)) { step = stepOf.get(n); $("slider").value = step; }
    $("step").value = step < 0 ? `${order.length} steps`
      : `step ${step + 1} of ${order.length}, ${phases[boxes.phase[order[step]]]}`;
    panel(n);
    light(n);
    redraw();
  }
  function go(s) {
    if (!order.length) return;
    step = Math.max(0, Math.min(order.length - 1, s));
    choose(order[step], true);
    centre(view.item[order[step]], false);
  }
  $("first").onclick = () => go(0);
  $("back").onclick = () => go(step - 1);
  $("next").onclick = () => go(step + 1);
  $("last").onclick = () => go(order.length - 1);
  $("slider").oninput = (e) => go(+e.target.value);
  document.addEventListener("keydown", (e) => {
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName) || e.ctrlKey || e.metaKey || e.altKey) return;
    const act = {
      ArrowRight: () => go(step + 1), ArrowDown: () => go(step + 1), ArrowLeft: () => go(step - 1),
      ArrowUp: () => go(step - 1), Home: () => go(0), End: () => go(order.length - 1), f: () => fit(true),
      "/": () => $("find").focus(),
    }[e.key];
    if (act) { e.preventDefault(); act(); }
  });

  // ------------------------------------------------------------------ finding, detail
  let hits = [], hit = -1;
  $("find").addEventListener("input", (e) => {
    const words = e.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    hits = [];
    for (let n = 0; words.length && n < count; n++) {
      const all = `${boxes.name[n]} ${text("op", n)} ${text("scope", n)} ${text("source", n)}`.toLowerCase();
      if (words.every((w) => all.includes(w))) hits.push(n);
    }
    hit = -1;
    $("found").value = words.length ? `${hits.length} found` : "";
    if (hits.length) show(0);
  });
  $("find").addEventListener("keydown", (e) => {
    if (e.key === "Enter" && hits.length) show((hit + (e.shiftKey ? hits.length - 1 : 1)) % hits.length);
    if (e.key === "Escape") drawing.focus();
  });
  function show(h) {
    hit = h;
    $("found").value = `${h + 1} of ${hits.length}`;
    choose(hits[h], true);
    centre(view.item[hits[h]], true);
  }
  views.forEach((v, k) => $("detail").append(html("option", { value: k }, `${v.label} (${v.count.toLocaleString("en")})`)));
  $("detail").value = views.indexOf(view);
  $("detail").onchange = (e) => open(views[+e.target.value]);
  function open(v) {
    view = v;
    $("detail").value = views.indexOf(v);
    pointed = -1;
    fit(false);
    if (chosen >= 0) centre(view.item[chosen], true);
  }

  // ------------------------------------------------------------------ the panel
  const link = (n) => {
    const a = html("a", { class: "node", tabindex: 0, role: "button" }, boxes.name[n]);
    a.onclick = () => { choose(n, true); centre(view.item[n], false); };
    a.onkeydown = (e) => { if (e.key === "Enter") a.onclick(); };
    return a;
  };
  const links = (ns) => {
    const out = [];
    ns.slice(0, 24).forEach((n, k) => out.push(...(k ? [", "] : []), link(n)));
    if (ns.length > 24) out.push(` and ${ns.length - 24} more`);
    return out;
  };
  function panel(n) {
    const leaf = boxes.phase[n] === 0;
    const out = [html("p", { class: "equation" }, leaf ? boxes.name[n] : `${boxes.name[n]} = ${boxes.call[n]}`),
      html("p", { class: "doc" }, leaf ? text("op", n) : data.docs[text("op", n)] || "")];
    const facts = html("dl");
    const fact = (name, ...what) => what.length && what[0] !== "" && facts.append(html("dt", {}, name), html("dd", {}, ...what));
    fact("type", text("type", n));
    fact("bytes", text("bytes", n));
    fact("phase", phases[boxes.phase[n]]);
    fact("line", text("source", n));
    fact("scope", text("scope", n));
    fact("rule", text("rule", n));
    if (boxes.partner[n] >= 0) fact("of", link(boxes.partner[n]), ` = ${boxes.call[boxes.partner[n]]}`);
    if (boxes.of[n] >= 0) fact("adjoint of", link(boxes.of[n]));
    fact("its adjoint", ...links(gradients[n]));
    fact("operands", ...links(boxes.inputs[n]));
    fact("users", ...links(users[n]));
    fact("result", data.roles.filter((r) => r[1] === n).map((r) => r[0]).join(", "));
    out.push(facts);
    const item = view.item[n];
    if (view.scope && view.scope[item]) {
      const opener = html("button", {}, "show its nodes");
      opener.onclick = () => open(views[views.length - 1]);
      out.push(opener);
    }
    if (data.values) out.push(...values(n));
    $("panel").replaceChildren(...out);
  }
  function values(n) {
    const out = [html("h2", {}, "Value"), ...shown(n)];
    const sum = text("rule", n) === "sum of contributions";
    if (sum) {
      out.push(html("h2", {}, "Sum of contributions"));
      for (const i of boxes.inputs[n]) out.push(html("div", {}, link(i)), ...shown(i));
    } else if (boxes.partner[n] >= 0) {
      const from = gradients[boxes.partner[n]];
      if (from.length && !from.includes(n)) {
        out.push(html("h2", {}, "Upstream gradient"));
        for (const i of from) out.push(html("div", {}, link(i)), ...shown(i));
      }
      const local = boxes.inputs[n].filter((i) => !from.includes(i));
      if (local.length) out.push(html("h2", {}, "Operands"));
      for (const i of local) out.push(html("div", {}, link(i)), ...shown(i));
    } else {
      for (const g of gradients[n]) out.push(html("h2", {}, "Its adjoint"), html("div", {}, link(g)), ...shown(g));
      if (boxes.inputs[n].length) out.push(html("h2", {}, "Operands"));
      for (const i of boxes.inputs[n]) out.push(html("div", {}, link(i)), ...shown(i));
    }
    return out;
  }
  const shown = (n) => data.values[n].map(valueOf);
  const number = (v) => (typeof v !== "number" ? String(v) : Number.isInteger(v) ? String(v) : String(+v.toPrecision(5)));
  function valueOf(v) {
    const e = html("div", { class: "value" }, html("span", { class: "type" }, `${v.dtype}[${v.shape.join(", ")}]`));
    if (!v.data) {
      if (v.stats) {
        const [low, high, mean, norm] = v.stats.map(number);
        e.append(html("div", {}, `from ${low} to ${high}, mean ${mean}, norm ${norm}, ${v.zeros} zeros`));
      }
      if (v.finite < v.size) e.append(html("div", {}, `${v.size - v.finite} of ${v.size} not finite`));
      if (v.bins) e.append(histogram(v));
      return e;
    }
    const columns = v.shape.length ? v.shape[v.shape.length - 1] : 1;
    const rows = columns ? v.data.length / columns : 0;
    if (v.data.length > 36 && v.data.every((d) => typeof d === "number")) e.append(heat(v.data, rows, columns));
    const table = html("table", { class: "numbers" });
    for (let i = 0; i < rows; i++) {
      table.append(html("tr", {}, ...v.data.slice(i * columns, (i + 1) * columns).map((d) => html("td", {}, number(d)))));
    }
    e.append(table);
    return e;
  }
  // Blue below zero, orange above, against the largest magnitude.
  function heat(values, rows, columns) {
    const most = values.reduce((m, v) => Math.max(m, Math.abs(v)), 0) || 1;
    const size = Math.max(2, Math.min(14, Math.floor(300 / columns)));
    const out = make("svg", { class: "heat", width: columns * size, height: rows * size, role: "img",
      "aria-label": `heat map, ${rows} by ${columns}, magnitudes up to ${number(most)}` });
    values.forEach((v, k) => {
      const colour = v < 0 ? "#1971c2" : "#e8590c";
      out.append(make("rect", { x: (k % columns) * size, y: Math.floor(k / columns) * size, width: size, height: size,
        fill: colour, "fill-opacity": (Math.abs(v) / most).toFixed(3) }));
    });
    return out;
  }
  function histogram(v) {
    const most = Math.max(...v.bins, 1), w = 300 / v.bins.length;
    const out = make("svg", { class: "bins", width: 300, height: 60, role: "img",
      "aria-label": `histogram from ${number(v.stats[0])} to ${number(v.stats[1])}` });
    v.bins.forEach((n, k) => {
      const h = (58 * n) / most;
      out.append(make("rect", { x: k * w + 1, y: 60 - h, width: w - 2, height: h }, make("title", {}, String(n))));
    });
    return out;
  }

  // ------------------------------------------------------------------ the plan
  let blocks = [];
  function drawPlan(plan) {
    $("plan").hidden = false;
    $("summary").textContent = plan.summary;
    const w = 1000, h = 170, n = Math.max(1, plan.names.length), size = Math.max(1, plan.arena);
    const arena = $("arena");
    arena.setAttribute("viewBox", `0 0 ${w} ${h}`);
    arena.setAttribute("preserveAspectRatio", "none");
    const x = (i) => (i * w) / n, tall = h - 18;
    const most = plan.timeline.reduce((a, b) => Math.max(a, b), 0);
    const peak = plan.timeline.indexOf(most);
    const told = (b) => `${b[0] || "scratch"}: ${b[4].toLocaleString("en")} bytes at offset ${b[3].toLocaleString("en")}, `
      + `instructions ${b[1]} to ${b[2]} (${plan.names[b[1]]})${b[5] === 4 ? ", recomputed" : ""}`;
    blocks = plan.blocks.slice().sort((a, b) => b[4] - a[4]).slice(0, 4000).map((b) => {
      const e = make("rect", { class: "p" + b[5], x: x(b[1]), width: x(b[2] + 1) - x(b[1]),
        y: 18 + tall - ((b[3] + b[4]) / size) * tall, height: (b[4] / size) * tall }, make("title", {}, told(b)));
      e.onpointerover = () => {
        $("block").textContent = told(b);
        if (b[6] >= 0) { choose(b[6], false); centre(view.item[b[6]], false); }
      };
      arena.append(e);
      return [e, b[6]];
    });
    if (plan.timeline.length) {
      const at = x(peak + 0.5);
      arena.append(make("line", { class: "peak", x1: at, x2: at, y1: 14, y2: h }, make("title", {}, "peak")));
      $("block").textContent = `Peak: ${most.toLocaleString("en")} bytes alive at instruction ${peak} (${plan.names[peak]}).`;
    }
  }
  function light(n) {
    for (const [e, b] of blocks) e.classList.toggle("chosen", b === n);
  }

  if (data.plan) drawPlan(data.plan);
  fit(false);
  $("step").value = `${order.length} steps`;
})();
