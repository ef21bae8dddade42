// The inspector's page: draws what is in view of the graph, and shows what is known about the chosen node.
//
// Owns: moving and zooming, choosing, stepping, finding; what values are is values.js's. Reads the JSON that html.py writes, whose texts become text
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

  const firstSlot = []; // of each box, whose results follow each other
  for (let n = 0, s = 0; n < count; s += boxes.results[n++]) firstSlot.push(s);
  const chain = Array.from({ length: count }, () => []); // the links at each box
  const contributions = Array.from({ length: count }, () => []); // those to the adjoint of each box
  for (const l of data.chain) {
    chain[l[0]].push(l);
    if (l[1] >= 0) contributions[l[1]].push(l);
  }
  const values = makeValues(data, html, make, () => { $("note").value = values.note(); redraw(); });

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

  // A 0-d node's value, and its gradient's, as a box shows them.
  function worth(b) {
    const v = boxes.results[b] === 1 ? values.scalar(firstSlot[b], 3) : null;
    const g = v === null || gradients[b].length !== 1 ? null : values.scalar(firstSlot[gradients[b][0]], 3);
    return v === null ? "" : g === null ? `= ${v}` : `= ${v}  ∂ ${g}`;
  }
  function boxOf(k, role) {
    const b = view.box(k);
    const scope = view.scope && view.scope[k];
    const leaf = boxes.phase[b] === 0;
    const members = view.first ? (k + 1 < view.count ? view.first[k + 1] : count) - b : 1;
    const [title, inside] = (scope || "").split("\n"); // of a repetition, which one and what is in it
    const head = title || (leaf ? boxes.name[b] : `${boxes.name[b]} ${text("op", b)}`);
    const small = inside || (scope ? `${members} nodes` : worth(b) || text("type", b));
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
    scale = whole ? Math.min(wide, high, 1.5) : Math.min(Math.max(Math.min(wide, high), 0.85), 1.2);
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
  const formula = (text) => html("p", { class: "formula" }, text);
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
    if (text("formula", n)) {
      fact(boxes.partner[n] >= 0 ? "formula" : "derivative", ...text("formula", n).split("\n").map(formula));
    }
    if (boxes.phase[n]) fact("rewrites", boxes.rewrites[n] ? `it came to be after ${boxes.rewrites[n]}` : "none");
    if (boxes.partner[n] >= 0) fact("of", link(boxes.partner[n]), ` = ${boxes.call[boxes.partner[n]]}`);
    if (boxes.of[n] >= 0) fact("adjoint of", link(boxes.of[n]));
    fact("its adjoint", ...links(gradients[n]));
    fact("operands", ...links(boxes.inputs[n]));
    fact("users", ...links(users[n]));
    fact("result", data.roles.filter((r) => r[1] === n).map((r) => r[0]).join(", "));
    const item = view.item[n];
    if (view.scope && view.scope[item]) {
      const opener = html("button", {}, "Show its nodes");
      opener.onclick = () => open(views[Math.min(views.indexOf(view) + 1, views.length - 1)]);
      out.push(opener);
    }
    if (data.values) out.push(...told(n));
    $("panel").replaceChildren(...out, html("h2", {}, "Node"), facts);
  }
  const slotsOf = (n) => Array.from({ length: boxes.results[n] }, (_, i) => firstSlot[n] + i);
  const shown = (n) => slotsOf(n).map(values.shown);
  const named = (n) => html("div", {}, link(n), ...shown(n));
  // Upstream gradient x local derivative = what goes to an operand, for each operand of a forward node.
  function chainRule(p, mine) {
    const out = [];
    for (const [, x, f, upstream, local, contribution, box] of chain[p]) {
      const row = html("div", { class: box >= 0 && box === mine ? "link mine" : "link" });
      row.append(formula(boxes.texts[f]));
      const part = (name, ...what) => row.append(html("div", { class: "factor" }, html("span", { class: "part" }, ...name), ...what));
      if (upstream >= 0) part(["upstream gradient"], values.shown(upstream));
      if (local !== "") part(["× local derivative"], typeof local === "string" ? html("b", { class: "number" }, local) : values.shown(local));
      part([local !== "" ? "= to the adjoint of " : "to the adjoint of ", ...(x >= 0 ? [link(x)] : ["a constant"])], values.shown(contribution));
      out.push(row);
    }
    return out;
  }
  // Every contribution to the adjoint of x, and their sum.
  function merge(x) {
    const found = contributions[x], out = [html("h2", {}, `Merge: ${found.length} contributions to the adjoint of ${boxes.name[x]}`)];
    found.forEach(([p, , , , , slot], k) => out.push(html("div", { class: "factor" },
      html("span", { class: "part" }, k ? "+ from " : "from ", link(p), ` = ${boxes.call[p]}`), values.shown(slot))));
    for (const g of gradients[x]) {
      out.push(html("div", { class: "factor sum" }, html("span", { class: "part" }, "= their sum, ", link(g)), ...shown(g)));
    }
    return out;
  }
  function told(n) {
    const leaf = boxes.phase[n] === 0, p = boxes.partner[n], out = [html("h2", {}, "Value")];
    if (leaf && values.editable.has(firstSlot[n])) out.push(values.editor(firstSlot[n], boxes.name[n]));
    else out.push(...shown(n));
    if (slotsOf(n).some((s) => values.fixed.has(s))) out.push(html("p", { class: "doc" }, "As recorded; it follows no change."));
    if (p < 0) {
      for (const g of gradients[n]) out.push(html("h2", {}, "Its adjoint"), named(g));
      if (contributions[n].length > 1) out.push(...merge(n));
      if (chain[n].length) out.push(html("h2", {}, "Chain rule"), ...chainRule(n, -1));
      else if (boxes.inputs[n].length) out.push(html("h2", {}, "Operands"), ...boxes.inputs[n].map(named));
      return out;
    }
    if (text("rule", n) === "sum of contributions" && contributions[p].length > 1) return [...out, ...merge(p)];
    if (boxes.of[n] >= 0 && contributions[boxes.of[n]].length > 1) out.push(...merge(boxes.of[n]));
    if (chain[p].length) return [...out, html("h2", {}, `Chain rule at ${boxes.name[p]} = ${boxes.call[p]}`), ...chainRule(p, n)];
    // in a graph without its adjoint at hand: what comes from the adjoints of other nodes is upstream
    const up = [...new Set(adjoints[p].flatMap((a) => boxes.inputs[a]))].filter((i) => boxes.phase[i] > 1 && boxes.partner[i] !== p);
    if (up.length) out.push(html("h2", {}, "Upstream gradient"), ...up.map(named));
    const local = boxes.inputs[n].filter((i) => !up.includes(i));
    if (local.length) out.push(html("h2", {}, "Operands"), ...local.map(named));
    return out;
  }

  // ------------------------------------------------------------------ the plan
  let blocks = [];
  function drawPlan(plan) {
    const arena = $("arena"), w = arena.clientWidth || 1000, h = arena.clientHeight || 124;
    const n = Math.max(1, plan.names.length), size = Math.max(1, plan.arena);
    const x = (i) => (i * w) / n, tall = h - 6;
    const most = plan.timeline.reduce((a, b) => Math.max(a, b), 0);
    const peak = plan.timeline.indexOf(most);
    const told = (b) => `${b[0] || "scratch"}: ${b[4].toLocaleString("en")} bytes at offset ${b[3].toLocaleString("en")}, `
      + `instructions ${b[1]} to ${b[2]} (${plan.names[b[1]]})${b[5] === 4 ? ", recomputed" : ""}`;
    arena.replaceChildren();
    blocks = plan.blocks.slice().sort((a, b) => b[4] - a[4]).slice(0, 4000).map((b) => {
      const at = { x: x(b[1]), width: x(b[2] + 1) - x(b[1]), y: h - ((b[3] + b[4]) / size) * tall, height: (b[4] / size) * tall };
      const e = make("rect", { class: "p" + b[5], ...at }, make("title", {}, told(b)));
      e.onpointerover = () => {
        $("block").textContent = told(b);
        if (b[6] >= 0) { choose(b[6], false); centre(view.item[b[6]], false); }
      };
      arena.append(e);
      if (at.height >= 15 && at.width >= 50) {
        arena.append(make("text", { x: at.x + 5, y: at.y + at.height / 2 + 4 }, cut(b[0] || "scratch", Math.floor(at.width / 7))));
      }
      return [e, b[6]];
    });
    if (plan.timeline.length) {
      const at = x(peak + 0.5);
      arena.append(make("line", { class: "peak", x1: at, x2: at, y1: 0, y2: h }, make("title", {}, "peak")));
      $("block").textContent = `Peak: ${most.toLocaleString("en")} bytes alive at instruction ${peak} (${plan.names[peak]}).`;
    }
    light(chosen);
  }
  function light(n) {
    for (const [e, b] of blocks) e.classList.toggle("chosen", b === n);
  }

  if (data.plan) {
    $("plan").hidden = false;
    $("summary").textContent = data.plan.summary;
    drawPlan(data.plan);
    window.addEventListener("resize", () => drawPlan(data.plan));
    $("plan").addEventListener("toggle", () => { drawPlan(data.plan); redraw(); });
  }
  $("reset").hidden = !values.live;
  $("reset").onclick = values.reset;
  $("note").value = values.note();
  fit(false);
  $("step").value = `${order.length} steps`;
})();
