// What values are, recorded or live, and how each is shown: numbers, heat maps, histograms, and leaves to change.
//
// Owns: the arrays behind every slot and their elements on the page. A shown value stays up to date while it stands in
// the page: `refresh` renders again what is watched. Recorded values are shown until a leaf is changed, and after reset.
// Must not know: boxes, where things stand.
"use strict";
const makeValues = (data, html, svg, changed) => {
  const SMALL = 12; // elements of a leaf that get a slider each
  const TABLE = 1024; // elements that are shown one by one
  const FEW = 36; // elements that are shown as numbers first, not as a heat map
  const BINS = 16;
  // One of the page's values as all others are, its type in full.
  const told = ({ type, ...rest }) => {
    const [shape, dtype] = data.types[type];
    return { shape, dtype, ...rest };
  };
  const recorded = data.values && data.values.map((v) => v && told(v));
  let current = recorded; // live ones once they are asked for
  const at = (slot) => {
    if (current !== recorded && !current[slot]) current[slot] = summary(slots[slot]);
    return current && current[slot];
  };
  let watched = [];
  let fault = "";

  // ------------------------------------------------------------------ live values
  const fixed = new Set(); // slots that follow no change
  const missing = new Set(); // operations that the page does not compute
  const slots = [];
  const known = (step) => operations.table[step[0]] && Object.values(step[2] || {}).every(
    (v) => !v || !v.steps || v.steps.every(known));
  const live = data.live;
  const editable = new Set();
  if (live) {
    live.constants.forEach(([s, type, values]) => { slots[s] = operations.constant(type, values); });
    live.steps = live.steps.filter((step) => {
      const follows = known(step) && !step[1].some((s) => fixed.has(s));
      if (!known(step)) missing.add(step[0]);
      if (!follows) step[3].forEach((s) => fixed.add(s));
      return follows;
    });
    for (const [s] of live.leaves) editable.add(s);
    restore();
  }
  function restore() {
    live.leaves.forEach(([s, type, values]) => { slots[s] = operations.constant(type, values); });
  }
  function evaluate() {
    try {
      operations.evaluate(live, slots);
      fault = "";
    } catch (e) {
      if (!(e instanceof RangeError)) throw e;
      fault = e.message;
      return;
    }
    current = recorded.map((old, s) => (fixed.has(s) || !slots[s] ? old : null)); // made when it is shown
  }
  function set(slot, k, value) {
    const x = slots[slot];
    x.data[k] = x.dtype === "bool" ? +(value >= 0.5) : x.dtype[0] === "i" ? Math.round(value) : value;
    evaluate();
    refresh();
  }
  function reset() {
    restore();
    current = recorded;
    fault = "";
    refresh();
  }
  function refresh() {
    watched = watched.filter(([e]) => e.isConnected);
    for (const [, render] of watched) render();
    changed();
  }
  // Least, largest, mean and norm.
  function statistics(xs) {
    let low = Infinity, high = -Infinity, sum = 0, squares = 0;
    for (const v of xs) { low = Math.min(low, v); high = Math.max(high, v); sum += v; squares += v * v; }
    return [low, high, sum / xs.length, Math.sqrt(squares)];
  }
  // An array as it is shown: its elements, or range, mean, norm and histogram where there are many.
  function summary(x) {
    const out = { shape: x.shape, dtype: x.dtype };
    if (x.data.length <= TABLE) return { ...out, data: Array.from(x.data) };
    const finite = x.data.filter(Number.isFinite), [low, high] = statistics(finite), bins = new Array(BINS).fill(0);
    for (const v of finite) bins[high > low ? Math.min(BINS - 1, Math.floor(((v - low) / (high - low)) * BINS)) : BINS / 2]++;
    return { ...out, broken: x.data.length - finite.length, zeros: finite.filter((v) => v === 0).length,
      ...(finite.length ? { stats: statistics(finite), bins } : {}) };
  }

  // ------------------------------------------------------------------ showing
  const number = (v, digits = 5) => {
    if (typeof v !== "number") return String(v).replace("-", "−");
    const size = Math.abs(v), rounded = +v.toPrecision(digits);
    const far = size !== 0 && Number.isFinite(v) && (size < 1e-4 || size >= 1e7);
    const short = Number.isInteger(v) && size < 1e9 ? String(v) : far ? rounded.toExponential() : String(rounded);
    return short.replaceAll("-", "−").replace("Infinity", "inf");
  };
  const scalar = (slot, digits) => {
    const v = at(slot);
    return v && v.data && v.data.length === 1 ? number(v.data[0], digits) : null;
  };
  // A value in the room of a few words: its numbers where they are three or fewer, else its range.
  const brief = (slot) => {
    const v = at(slot);
    if (!v || !(v.data ? v.data.length : v.stats)) return null;
    if (v.data && v.data.length === 1) return number(v.data[0], 3);
    if (v.data && v.data.length <= 3) return `[${v.data.map((d) => number(d, 2)).join(", ")}]`;
    const [low, high] = v.stats || statistics(v.data.filter(Number.isFinite));
    if (low === high) return number(low, 3);
    return low < high ? `${number(low, 3)} … ${number(high, 3)}` : null;
  };
  // An element of the page that shows a slot, and goes on showing it.
  function shown(slot) {
    const e = html("div", { class: "value" });
    const render = () => e.replaceChildren(...(at(slot) ? parts(at(slot)) : [html("span", { class: "type" }, "no value")]));
    render();
    if (fixed.has(slot)) e.classList.add("fixed");
    watched.push([e, render]);
    return e;
  }
  function parts(v) {
    const type = html("span", { class: "type" }, `${v.dtype}[${v.shape.join(", ")}]`);
    const spread = (stats, zeros) => {
      const [low, high, mean, norm] = stats.map((s) => number(s));
      return html("div", { class: "spread" }, `from ${low} to ${high}, mean ${mean}, norm ${norm}`, zeros ? `, ${zeros} zero` : "");
    };
    if (!v.data) {
      const out = [type];
      if (v.stats) out.push(spread(v.stats, v.zeros));
      if (v.broken) out.push(html("div", {}, `${v.broken} of ${v.shape.reduce((a, b) => a * b, 1)} not finite`));
      if (v.bins) out.push(histogram(v));
      return out;
    }
    if (v.data.length === 1) return [html("b", { class: "number" }, number(v.data[0])), " ", type];
    const numbers = () => table(v, (d) => html("td", {}, number(d)));
    if (v.data.length <= FEW || !v.data.every(Number.isFinite)) return [type, numbers()];
    return [type, ...heat(v), spread(statistics(v.data), v.data.filter((d) => d === 0).length), folded(numbers)];
  }
  // Numbers that are made when they are asked for; asked for once, they are there for every value.
  let unfolded = false;
  function folded(numbers) {
    const out = html("details", {}, html("summary", {}, "numbers"));
    const fill = () => { if (out.open && out.childElementCount === 1) out.append(numbers()); };
    out.open = unfolded;
    fill();
    out.addEventListener("toggle", () => { unfolded = out.open; fill(); });
    return out;
  }
  const columns = (v) => (v.shape.length ? v.shape[v.shape.length - 1] : 1);
  function table(v, cell) {
    const out = html("table", { class: "numbers" }), n = columns(v);
    for (let i = 0; i < v.data.length; i += n) {
      out.append(html("tr", {}, ...Array.from(v.data.slice(i, i + n), (d, j) => cell(d, i + j))));
    }
    return out;
  }
  // Blue below zero, orange above, against the largest magnitude.
  function heat(v) {
    const n = columns(v), rows = v.data.length / n;
    const most = v.data.reduce((m, d) => Math.max(m, Math.abs(d)), 0) || 1;
    const size = Math.max(2, Math.min(14, Math.floor(300 / n)));
    const out = svg("svg", { class: "heat", width: n * size, height: rows * size, role: "img",
      "aria-label": `heat map, ${rows} by ${n}, magnitudes up to ${number(most)}` });
    v.data.forEach((d, k) => {
      out.append(svg("rect", { x: (k % n) * size, y: Math.floor(k / n) * size, width: size, height: size,
        class: d < 0 ? "below" : "above", "fill-opacity": (Math.abs(d) / most).toFixed(3) }));
    });
    const at = html("span", { class: "type" });
    out.addEventListener("pointermove", (e) => {
      const r = out.getBoundingClientRect(), j = Math.floor(((e.clientX - r.left) / r.width) * n);
      const k = Math.floor(((e.clientY - r.top) / r.height) * rows) * n + j;
      if (j >= 0 && j < n && k in v.data) at.textContent = ` [${place(k, v.shape).join(", ")}] is ${number(v.data[k])}`;
    });
    out.addEventListener("pointerleave", () => { at.textContent = ""; });
    return [at, out];
  }
  function histogram(v) {
    const most = Math.max(...v.bins, 1), w = 300 / BINS;
    const [low, high] = v.stats, out = svg("svg", { class: "bins", width: 300, height: 74, role: "img",
      "aria-label": `histogram from ${number(low)} to ${number(high)}` });
    v.bins.forEach((n, k) => {
      const h = (58 * n) / most;
      out.append(svg("rect", { x: k * w + 1, y: 60 - h, width: w - 2, height: h }, svg("title", {}, String(n))));
    });
    out.append(svg("text", { x: 1, y: 72 }, number(low)), svg("text", { x: 299, y: 72, "text-anchor": "end" }, number(high)));
    return out;
  }

  // ------------------------------------------------------------------ leaves to change
  // A leaf's elements: sliders where they are few, else a table whose numbers are dragged sideways, moved by the arrow
  // keys, or typed after Enter.
  function editor(slot, name) {
    const x = slots[slot], label = (k) => name + (x.shape.length ? `[${place(k, x.shape).join(", ")}]` : "");
    const start = Array.from(x.data), whole = x.dtype[0] !== "f";
    const cell = (d, k) => {
      const td = html("td", { class: "drag", tabindex: 0, role: "spinbutton", "aria-label": label(k) });
      const render = () => {
        if (td.querySelector("input")) return;
        td.textContent = number(slots[slot].data[k]);
        td.setAttribute("aria-valuenow", slots[slot].data[k]);
      };
      const unit = whole ? 1 : Math.max(Math.abs(d), 0.5) / 20;
      const move = (by) => set(slot, k, +(slots[slot].data[k] + by).toPrecision(7));
      td.onkeydown = (e) => {
        const way = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1 }[e.key];
        if (way && e.target === td) { move(way * unit * (e.shiftKey ? 10 : 1)); e.preventDefault(); e.stopPropagation(); }
        if (e.key === "Enter" && e.target === td) { typed(td, slot, k, render); e.preventDefault(); }
      };
      td.ondblclick = () => typed(td, slot, k, render);
      td.onpointerdown = (down) => {
        if (td.querySelector("input")) return;
        const from = slots[slot].data[k];
        td.setPointerCapture(down.pointerId);
        td.onpointermove = (e) => set(slot, k, +(from + Math.round((e.clientX - down.clientX) / (whole ? 8 : 2)) * (whole ? 1 : unit / 4)).toPrecision(7));
        td.onpointerup = () => { td.onpointermove = null; };
      };
      render();
      watched.push([td, render]);
      return td;
    };
    if (start.length > SMALL) return table({ shape: x.shape, data: start }, cell);
    const out = html("div", { class: "sliders" });
    start.forEach((d, k) => {
      const most = whole ? Math.max(10, 2 * Math.abs(d)) : Math.max(2, 2 * Math.abs(d));
      const slider = html("input", { type: "range", min: x.dtype === "bool" ? 0 : -most, max: x.dtype === "bool" ? 1 : most,
        step: whole ? 1 : most / 400, "aria-label": label(k) });
      slider.value = slots[slot].data[k];
      slider.oninput = () => set(slot, k, +slider.value);
      watched.push([slider, () => { slider.value = slots[slot].data[k]; }]);
      out.append(html("label", {}, label(k)), slider, cell(d, k));
    });
    return out;
  }
  function typed(td, slot, k, render) {
    const input = html("input", { size: 8, "aria-label": td.getAttribute("aria-label") });
    input.value = slots[slot].data[k];
    const end = (keep) => {
      input.onblur = null;
      const v = Number(input.value.trim() || NaN);
      td.replaceChildren();
      if (keep && Number.isFinite(v)) set(slot, k, v);
      render();
    };
    input.onkeydown = (e) => {
      if (e.key === "Enter" || e.key === "Escape") { end(e.key === "Enter"); td.focus(); }
      e.stopPropagation();
    };
    input.onblur = () => end(true);
    td.replaceChildren(input);
    input.select();
  }
  const place = (k, shape) => shape.map((n, i) => Math.floor(k / shape.slice(i + 1).reduce((a, b) => a * b, 1)) % n);

  const note = () => fault || data.note || (missing.size
    ? `Live, but for ${[...missing].join(", ")} and what depends on it: recorded values.`
    : "Live: choose a leaf and change its numbers.");
  return { shown, scalar, brief, number, editor, editable, reset, note, fixed, live: !!live };
};
