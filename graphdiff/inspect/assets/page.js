// The inspector's page: draws what is in view of the graph, and shows what is known about the chosen node.
//
// Owns: moving and zooming, choosing, stepping, finding; what values are is values.js's, the plan is plan.js's. Reads
// the JSON that html.py writes, whose texts become text nodes and never markup. Boxes are drawn one by one while few are
// in view, and as outlines where there are many, which are made once and then only moved.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { boxes, views, width: W, height: H } = data;
  const text = (column, n) => boxes.texts[boxes[column][n]];
  const count = boxes.name.length;
  const $ = (id) => document.getElementById(id);
  const NS = "http://www.w3.org/2000/svg";
  const FEW = 700; // boxes in view that are drawn with their texts and edges
  const LISTED = 24; // nodes in a list of the panel
  const CHUNK = 500; // boxes in one outline
  const SMALLEST = 0.03; // scale: a box is then 4 by 1 dots
  const SMALL = 0.12; // scale under which boxes are outlines, however few there are

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
  // Made ready when it is first shown.
  function prepared(view) {
    if (view.item) return view;
    const n = view.count;
    view.item = new Int32Array(count); // the item of each box
    for (let k = 0; k < n; k++) {
      const end = view.first ? (k + 1 < n ? view.first[k + 1] : count) : k + 1;
      for (let b = view.first ? view.first[k] : k; b < end; b++) view.item[b] = k;
    }
    if (view.leaves) view.leaves.forEach((k, b) => { view.item[b] = k; });
    view.box = (k) => (view.first ? view.first[k] : k);
    view.operands = (k) => (view.inputs ? view.inputs[k] : boxes.inputs[k]);
    view.members = Array.from({ length: n }, () => []);
    view.item.forEach((k, b) => view.members[k].push(b));
    view.byTop = Array.from({ length: n }, (_, k) => k).sort((a, b) => view.y[a] - view.y[b]);
    view.tops = Float64Array.from(view.byTop, (k) => view.y[k]);
    view.users = Array.from({ length: n }, () => []);
    for (let k = 0; k < n; k++) for (const i of view.operands(k)) view.users[i].push(k);
    return view;
  }
  for (const v of views) v.count = v.x.length;
  // A large graph opens at its fewest items, a small one with what was called.
  const small = views.find((v) => v.folded) || views[views.length - 1];
  let view = prepared(count > 400 ? views.reduce((a, b) => (b.count < a.count ? b : a)) : small);
  let chosen = -1;
  let kept = -1; // what is chosen again when nothing is pointed at
  let step = -1; // nothing is dimmed before the first step
  let scale = 1, left = 0, top = 0;

  // The first in the order of tops that is at y or below.
  const firstBelow = (y) => {
    let a = 0, b = view.count;
    while (a < b) {
      const m = (a + b) >> 1;
      if (view.tops[m] < y) a = m + 1; else b = m;
    }
    return a;
  };
  const itemAt = (e) => {
    const r = drawing.getBoundingClientRect();
    const x = left + (e.clientX - r.left) / scale, y = top + (e.clientY - r.top) / scale;
    for (let p = firstBelow(y - H); p < view.count && view.tops[p] <= y; p++) {
      const k = view.byTop[p];
      if (view.x[k] <= x && x <= view.x[k] + W) return k;
    }
    return -1;
  };

  // ------------------------------------------------------------------ drawing
  const drawing = $("drawing"), world = $("world");
  let waiting = false;
  let outlined = ""; // which outlines stand in the page
  const redraw = () => {
    if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; draw(); }); }
  };
  const curve = (a, b) => {
    if (view.y[a] === view.y[b]) { // out of one side, into the other
      const right = view.x[b] > view.x[a], y = view.y[a] + H / 2;
      const from = view.x[a] + (right ? W : 0), to = view.x[b] + (right ? 0 : W), sag = Math.abs(to - from) > 2 * W ? H : 0;
      return `M${from} ${y}C${from + (to - from) / 3} ${y + sag} ${to - (to - from) / 3} ${y + sag} ${to} ${y}`;
    }
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

  let printing = false;
  function draw() {
    if (printing) { // all of it, as large as the paper is
      world.removeAttribute("transform");
      return paint(0, 0, ...view.size, false);
    }
    const r = drawing.getBoundingClientRect();
    world.setAttribute("transform", `translate(${-left * scale},${-top * scale}) scale(${scale})`);
    paint(left, top, left + r.width / scale, top + r.height / scale, scale < SMALL);
  }
  // All that is in a part of the drawing.
  function paint(x0, y0, x1, y1, small) {
    const seen = [];
    for (let p = firstBelow(y0 - H); p < view.count && view.tops[p] < y1 && seen.length <= FEW; p++) {
      const k = view.byTop[p];
      if (view.x[k] < x1 && view.x[k] + W > x0) seen.push(k);
    }
    const role = roles();
    if (small || seen.length > FEW) {
      const chunks = outlines().filter((c) => c.top < y1 && c.bottom > y0);
      const now = `${views.indexOf(view)} ${chunks.map((c) => c.n)}`;
      if (now !== outlined) $("boxes").replaceChildren(...chunks.map((c) => c.g));
      outlined = now;
      $("edges").replaceChildren();
      const marks = [...role].slice(-CHUNK);
      $("marks").replaceChildren(...marks.map(([k, c]) => make("rect", { class: c, x: view.x[k], y: view.y[k], width: W, height: H })));
      return;
    }
    outlined = "";
    const lines = [], drawn = new Set();
    const me = chosen < 0 ? -1 : view.item[chosen];
    const line = (a, b) => {
      const key = a * view.count + b;
      if (drawn.has(key)) return;
      drawn.add(key);
      const far = Math.abs(view.y[a] - view.y[b]) > 12 * H ? "far" : "";
      lines.push(make("path", { d: curve(a, b), class: b === me ? "operand" : a === me ? "user" : far }));
    };
    for (const k of seen) {
      for (const i of view.operands(k)) line(i, k);
      for (const u of view.users[k].slice(0, 60)) line(k, u);
    }
    if (chosen >= 0) {
      const others = boxes.partner[chosen] >= 0 ? [boxes.partner[chosen]] : adjoints[chosen];
      for (const o of others.slice(0, 40)) {
        if (view.item[o] !== me) lines.push(make("path", { d: straight(me, view.item[o]), class: "partner" }));
      }
    }
    $("edges").replaceChildren(...lines);
    $("boxes").replaceChildren(...seen.map((k) => boxOf(k, role.get(k))));
    $("marks").replaceChildren();
  }
  function outlines() {
    if (view.chunks) return view.chunks;
    view.chunks = [];
    for (let p = 0; p < view.count; p += CHUNK) {
      const some = view.byTop.slice(p, p + CHUNK), paths = phases.map(() => "");
      for (const k of some) paths[boxes.phase[view.box(k)]] += `M${view.x[k]} ${view.y[k]}h${W}v${H}h${-W}z`;
      const g = make("g", {}, ...paths.flatMap((d, c) => (d ? [make("path", { class: "p" + c, d })] : [])));
      view.chunks.push({ n: p, top: view.tops[p], bottom: view.y[some[some.length - 1]] + H, g });
    }
    return view.chunks;
  }

  function roles() {
    const role = new Map();
    if (chosen < 0) return role;
    for (const n of users[chosen]) role.set(view.item[n], "user");
    for (const n of boxes.inputs[chosen]) role.set(view.item[n], "operand");
    for (const n of adjoints[chosen]) role.set(view.item[n], "partner");
    if (boxes.partner[chosen] >= 0) role.set(view.item[boxes.partner[chosen]], "partner");
    role.delete(view.item[chosen]);
    return role.set(view.item[chosen], "chosen");
  }

  // A 0-d node's value, and its gradient's, as a box shows them; a leaf's numbers or their range.
  function worth(b) {
    const v = boxes.results[b] === 1 ? values.scalar(firstSlot[b], 3) : null;
    if (v === null) {
      const range = boxes.phase[b] === 0 ? values.brief(firstSlot[b]) : null;
      return range === null ? "" : `= ${range}`;
    }
    const g = gradients[b].length !== 1 ? null : values.scalar(firstSlot[gradients[b][0]], 3);
    return g === null ? `= ${v}` : `= ${v}  ∂ ${g}`;
  }
  function boxOf(k, role) {
    const scope = view.scope && view.scope[k], folded = scope && view.folded;
    const b = folded ? view.members[k][view.members[k].length - 1] : view.box(k); // of a call its result
    const [title, inside] = (scope || "").split("\n"); // of a repetition, which one and what is in it
    const name = boxes.results[b] > 1 ? `${boxes.name[b].split(",")[0]}…` : boxes.name[b];
    const head = folded ? `${name} ${title}` : title || (boxes.phase[b] === 0 ? name : `${name} ${text("op", b)}`);
    const closed = scope && !folded, type = text("type", b), is = closed ? "" : worth(b);
    const small = inside || (closed ? `${view.members[k].length} nodes` : is || type);
    const later = step >= 0 && b > order[step];
    return make("g", {
      transform: `translate(${view.x[k]},${view.y[k]})`, id: `item${k}`, role: "button",
      "aria-label": `${head}, ${closed ? small : type}, ${phases[boxes.phase[b]]}${is ? `, ${is}` : ""}`,
      class: `p${boxes.phase[b]}${scope ? " scope" : ""}${role ? " " + role : ""}${later ? " later" : ""}`,
    }, make("rect", { width: W, height: H, rx: 6 }), make("text", { x: 9, y: 17 }, cut(head, 20)),
    make("text", { x: 9, y: 32, class: "small" }, cut(small, 23)));
  }

  // ------------------------------------------------------------------ moving
  // Brings an item into view; `middle`: to the middle of the height.
  const centre = (k, middle) => {
    const r = drawing.getBoundingClientRect();
    const x = view.x[k], y = view.y[k], w = r.width / scale, h = r.height / scale;
    if (x < left || x + W > left + w) left = x + W / 2 - w / 2;
    if (middle || y < top || y + H > top + h) top = y + H / 2 - h / 2;
    redraw();
  };
  // What is too large to be read whole is shown from its first node on.
  const fit = (whole) => {
    const r = drawing.getBoundingClientRect();
    const [w, h] = view.size;
    const wide = r.width / Math.max(w, 1), high = r.height / Math.max(h, 1);
    scale = whole ? Math.max(SMALLEST, Math.min(wide, high, 1.5)) : Math.min(Math.max(Math.min(wide, high), 0.85), 1.2);
    const room = r.width / scale, first = order.length ? view.x[view.item[order[0]]] + W / 2 : 0;
    left = w <= room ? (w - room) / 2 : Math.max(0, Math.min(w - room, first - room / 3));
    top = h * scale < r.height ? (h - r.height / scale) / 2 : 0;
    redraw();
  };
  drawing.addEventListener("wheel", (e) => {
    e.preventDefault();
    const r = drawing.getBoundingClientRect();
    const x = left + (e.clientX - r.left) / scale, y = top + (e.clientY - r.top) / scale;
    scale = Math.min(4, Math.max(SMALLEST, scale * Math.exp(-e.deltaY * 0.0015)));
    left = x - (e.clientX - r.left) / scale;
    top = y - (e.clientY - r.top) / scale;
    redraw();
  }, { passive: false });
  let drag = null;
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
  // What is pointed at is shown as long as it is; then what was clicked or stepped to, as far down as it was read.
  let pointed = -1, read = 0;
  function pointAt(k) {
    if (drag || k === pointed) return;
    if (pointed < 0) read = $("panel").scrollTop;
    pointed = k;
    drawing.classList.toggle("over", k >= 0);
    if (k >= 0 && view.item[chosen] !== k) choose(view.box(k), false);
    if (k < 0 && kept >= 0 && chosen !== kept) {
      choose(kept, false);
      $("panel").scrollTop = read;
    }
  }
  drawing.addEventListener("pointermove", (e) => pointAt(itemAt(e)));
  drawing.addEventListener("pointerleave", () => pointAt(-1));
  window.addEventListener("resize", redraw);
  window.addEventListener("beforeprint", () => {
    const [w, h] = view.size;
    printing = true;
    drawing.setAttribute("viewBox", `0 0 ${w} ${h}`);
    drawing.style.height = `${Math.min(220, (180 * h) / Math.max(w, 1))}mm`;
    draw();
  });
  window.addEventListener("afterprint", () => {
    printing = false;
    drawing.removeAttribute("viewBox");
    drawing.style.height = "";
    draw();
  });

  // ------------------------------------------------------------------ stepping: forward, then backward
  const order = [];
  for (let n = 0; n < count; n++) if (boxes.phase[n] > 0) order.push(n);
  const stepOf = new Map(order.map((n, s) => [n, s]));
  $("slider").max = Math.max(0, order.length - 1);
  const phases = ["leaf", "forward", "backward", "update", "recompute"];
  const equation = (n) => (boxes.phase[n] === 0 ? boxes.name[n] : `${boxes.name[n]} = ${boxes.call[n]}`);
  function choose(n, keep) {
    chosen = n;
    if (keep) kept = n;
    if (keep && stepOf.has(n)) { step = stepOf.get(n); $("slider").value = step; }
    const at = step < 0 ? `${order.length} steps` : `step ${step + 1} of ${order.length}, ${phases[boxes.phase[order[step]]]}`;
    $("step").value = at;
    $("slider").setAttribute("aria-valuetext", at);
    if (keep) {
      const value = boxes.results[n] === 1 ? values.scalar(firstSlot[n], 5) : null;
      $("said").textContent = `${equation(n)}, ${text("type", n)}${value === null ? "" : `, is ${value}`}`;
      drawing.setAttribute("aria-activedescendant", `item${view.item[n]}`);
      address(n);
    }
    panel(n);
    if (plan) plan.light(n);
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

  // ------------------------------------------------------------------ links: #node=h&step=7&view=every+node&embed
  // The address of what is chosen, which opens there; `embed` shows the drawing and the steps alone, for slides, with
  // `embed=panel` what is told of a node too.
  const asked = () => new URLSearchParams(location.hash.slice(1));
  let written = location.hash, following = false; // on the way there nothing is written
  function address(n) {
    if (following) return;
    const to = asked();
    to.set("node", boxes.name[n].split(" ")[0]);
    if (step >= 0) to.set("step", step + 1); else to.delete("step");
    to.set("view", view.label);
    written = "#" + to.toString().replace(/=(?=&|$)/g, "");
    history.replaceState(null, "", written);
  }
  function follow() {
    const to = asked(), name = to.get("node"), s = +to.get("step");
    document.body.classList.toggle("embed", to.has("embed"));
    document.body.classList.toggle("told", to.get("embed") === "panel");
    const named = views.find((v) => v.label === to.get("view"));
    following = true;
    if (named && named !== view) open(named); else fit(false);
    if (s >= 1) go(s - 1);
    const n = name === null ? -1 : boxes.name.findIndex((called) => called === name || called.split(" ").some(
      (part) => part === name || part === JSON.stringify(name)));
    if (n >= 0) {
      const at = step;
      choose(n, true);
      if (s >= 1 && at !== step) { step = at; $("slider").value = step; choose(n, false); }
      centre(view.item[n], true);
    }
    following = false;
    if (n >= 0 || s >= 1) address(kept);
  }
  window.addEventListener("hashchange", () => { if (location.hash !== written) { written = location.hash; follow(); } });

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
    view = prepared(v);
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
    ns.slice(0, LISTED).forEach((n, k) => out.push(...(k ? [", "] : []), link(n)));
    if (ns.length > LISTED) out.push(` and ${ns.length - LISTED} more`);
    return out;
  };
  const formula = (text) => html("p", { class: "formula" }, text);
  // A list of facts, and what adds one unless there is nothing to tell.
  function list() {
    const facts = html("dl");
    return [facts, (name, ...what) => what.length && what[0] !== "" && facts.append(html("dt", {}, name), html("dd", {}, ...what))];
  }
  // What is known of the whole, before anything is chosen.
  function overview() {
    const [facts, fact] = list();
    phases.forEach((name, p) => {
      const n = boxes.phase.filter((q) => q === p).length;
      if (n) fact(name, `${n.toLocaleString("en")} ${n === 1 ? "node" : "nodes"}`);
    });
    const results = data.roles.slice(0, 12).map(([role, n]) => html("div", {}, `${role}: `, link(n)));
    if (results.length) fact("results", ...results, data.roles.length > 12 ? `and ${data.roles.length - 12} more` : "");
    const told = "Step through it with the arrow keys, or point at a node: its operands, its users and its partner are lit. A click keeps it.";
    $("panel").replaceChildren(html("p", { class: "equation" }, data.title), html("p", { class: "doc" }, told), facts);
  }
  function panel(n) {
    const leaf = boxes.phase[n] === 0;
    const out = [html("p", { class: "equation" }, equation(n)),
      html("p", { class: "doc" }, leaf ? text("op", n) : data.docs[text("op", n)] || "")];
    const [facts, fact] = list();
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
      const [title] = view.scope[item].split("\n"), members = view.members[item];
      out.unshift(html("div", { class: "closed" }, html("b", {}, title), `, ${members.length} nodes: `, ...links(members), " ", opener));
    }
    if (data.values) out.push(...told(n));
    for (const [name, body] of data.bodies[n] || []) {
      out.push(html("details", { class: "body" }, html("summary", {}, name), html("pre", {}, body)));
    }
    $("panel").replaceChildren(...out, html("h2", {}, "Node"), facts);
  }
  const slotsOf = (n) => Array.from({ length: boxes.results[n] }, (_, i) => firstSlot[n] + i);
  const shown = (n) => slotsOf(n).map(values.shown);
  const named = (n) => html("div", {}, link(n), ...shown(n));
  // Upstream gradient x local derivative = what goes to an operand, for each operand of a forward node.
  function chainRule(p, mine) {
    const out = [];
    for (const [, x, f, upstream, local, contribution, box, factors] of chain[p]) {
      const row = html("div", { class: box >= 0 && box === mine ? "link mine" : "link" });
      row.append(formula(boxes.texts[f]));
      const part = (name, ...what) => row.append(html("div", { class: "factor" }, html("span", { class: "part" }, ...name), ...what));
      if (upstream >= 0) part(["upstream gradient"], values.shown(upstream));
      if (local !== "") part(["× local derivative"], typeof local === "string" ? html("b", { class: "number" }, local) : values.shown(local));
      for (const [k, slot, b] of factors) part([`with ${boxes.texts[k]}`, ...(b >= 0 ? [" = ", link(b)] : [])], values.shown(slot));
      part([local !== "" ? "= to the adjoint of " : "to the adjoint of ", ...(x >= 0 ? [link(x)] : ["a constant"])], values.shown(contribution));
      out.push(row);
    }
    return out;
  }
  // Every contribution to the adjoint of x, and their sum.
  const merge = (x) => summed(x, contributions[x], ([p, , , , , slot]) => [[link(p), ` = ${boxes.call[p]}`], [values.shown(slot)]],
    gradients[x]);
  function summed(x, all, told, sums) {
    const out = [html("h2", {}, `Merge: ${all.length} contributions to the adjoint of ${boxes.name[x]}`)];
    const parts = all.slice(0, LISTED).map(told);
    parts.forEach(([name, what], k) => out.push(html("div", { class: "factor" }, html("span", { class: "part" }, k ? "+ from " : "from ", ...name), ...what)));
    if (all.length > LISTED) out.push(html("div", { class: "factor" }, html("span", { class: "part" }, `+ ${all.length - LISTED} more`)));
    for (const g of sums) {
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
    if (text("rule", n) === "sum of contributions" && text("op", n) === "add") { // a rewrite may have made it a product
      return [...out, ...summed(p, boxes.inputs[n], (i) => [[link(i), ` = ${boxes.call[i]}`], shown(i)], [n])];
    }
    // in a graph without its adjoint at hand: what comes from the adjoints of other nodes is upstream
    const up = [...new Set(adjoints[p].flatMap((a) => boxes.inputs[a]))].filter((i) => boxes.phase[i] > 1 && boxes.partner[i] !== p);
    if (up.length) out.push(html("h2", {}, "Upstream gradient"), ...up.map(named));
    const local = boxes.inputs[n].filter((i) => !up.includes(i));
    if (local.length) out.push(html("h2", {}, "Operands"), ...local.map(named));
    return out;
  }

  // ------------------------------------------------------------------ the plan, and the start
  const plan = data.plan && makePlan(data.plan, make, phases, (b) => {
    const n = b < 0 ? kept : b; // what is pointed at, then what was kept
    if (n < 0 || n === chosen) return;
    choose(n, false);
    centre(view.item[n], false);
  });
  $("recomputed").hidden = !(data.plan && data.plan.phases.includes(4));
  $("plan").addEventListener("toggle", redraw);
  $("reset").hidden = !values.live;
  $("reset").onclick = values.reset;
  $("note").value = values.note();
  $("step").value = `${order.length} steps`;
  overview();
  follow();
})();
