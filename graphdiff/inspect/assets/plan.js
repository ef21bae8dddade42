// The plan: the arena's blocks as rectangles, instructions from left to right, offsets from bottom to top.
//
// Owns: drawing them, and telling which block a pointer is at. Few blocks are rectangles; many, of which one may be
// thinner than any line, fill the dots that they touch. Below them a band shows the phase of each instruction, so that what is recomputed is seen in time.
// Must not know: how boxes are drawn; `point` is told the box of a block (-1: none).
"use strict";
const makePlan = (plan, svg, phases, point) => {
  const MANY = 120; // blocks; more of them are drawn without a frame and a name each
  const BAND = 7;
  const $ = (id) => document.getElementById(id);
  const arena = $("arena"), steps = plan.names.length;
  const most = plan.timeline.reduce((a, b) => Math.max(a, b), 0), peak = plan.timeline.indexOf(most);
  const integer = (n) => n.toLocaleString("en");
  const told = ([label, first, last, offset, bytes, phase]) =>
    `${label || "scratch"}: ${integer(bytes)} bytes at offset ${integer(offset)}, instructions ${first} to ${last} `
    + `(${plan.names[first]})${phase === 4 ? ", recomputed" : ""}`;
  const cut = (s, n) => (s.length <= n ? s : s.slice(0, n - 1) + "…");
  const atRest = plan.blocks.length
    ? `Peak: ${integer(most)} bytes alive at instruction ${peak} (${plan.names[peak]}). Offsets grow upwards; time runs to the right.`
    : "No value between instructions is stored: the arena holds nothing but scratch.";
  const over = svg("g"); // what is chosen, above all else
  let x, y, frame, wide, tall, chosen = -1;

  function draw() {
    wide = arena.clientWidth || 1000;
    tall = (arena.clientHeight || 124) - BAND - 6;
    x = (i) => (i * wide) / Math.max(1, steps);
    y = (offset) => 6 + tall - (offset / Math.max(1, plan.arena)) * tall;
    frame = ([, first, last, offset, bytes]) => [x(first), y(offset + bytes), x(last + 1) - x(first), y(offset) - y(offset + bytes)];
    const out = [];
    if (plan.blocks.length > MANY) {
      out.push(...outlines(dots(plan.blocks)));
    } else {
      for (const b of plan.blocks) {
        const [left, top, width, height] = frame(b);
        out.push(svg("rect", { class: "p" + b[5], x: left, y: top, width, height }));
        if (height >= 14 && width >= 50) {
          out.push(svg("text", { x: left + 5, y: top + height / 2 + 4 }, cut(b[0] || "scratch", Math.floor(width / 7))));
        }
      }
    }
    const runs = [];
    for (let i = 0, from = 0; i < steps; i++) {
      if (i + 1 === steps || plan.phases[i + 1] !== plan.phases[from]) {
        runs.push([plan.phases[from], x(from), tall + 8, x(i + 1) - x(from), BAND - 2]);
        from = i + 1;
      }
    }
    out.push(...outlines(runs));
    if (plan.blocks.length) {
      const at = x(peak + 0.5), late = at > wide - 200;
      out.push(svg("line", { class: "peak", x1: at, x2: at, y1: 0, y2: tall + 6 }),
        svg("text", { class: "peak", x: late ? at - 5 : at + 5, y: 11, "text-anchor": late ? "end" : "start" }, `peak ${integer(most)} bytes`));
    }
    arena.setAttribute("viewBox", `0 0 ${wide} ${tall + BAND + 6}`);
    arena.replaceChildren(...out, over);
    light(chosen);
  }
  // The dots that blocks touch, as [phase, x, y, width, height] of those of a phase that stand side by side.
  function dots(blocks) {
    const columns = Math.max(1, Math.floor(wide)), rows = Math.max(1, Math.floor(tall)), phase = new Int8Array(columns * rows).fill(-1);
    for (const [, first, last, offset, bytes, p] of blocks) {
      const a = Math.floor((first * columns) / steps), b = Math.max(a + 1, Math.floor(((last + 1) * columns) / steps));
      const low = Math.min(rows - 1, Math.floor((offset * rows) / plan.arena));
      const high = Math.max(low + 1, Math.floor(((offset + bytes) * rows) / plan.arena));
      for (let r = low; r < high; r++) phase.fill(p, r * columns + a, r * columns + b);
    }
    const out = [], width = wide / columns, height = tall / rows;
    for (let r = 0; r < rows; r++) {
      for (let c = 0, from = 0; c < columns; c++) {
        const p = phase[r * columns + c];
        if (c + 1 < columns && phase[r * columns + c + 1] === p) continue;
        if (p >= 0) out.push([p, from * width, 6 + tall - (r + 1) * height, (c + 1 - from) * width, height]);
        from = c + 1;
      }
    }
    return out;
  }
  // One path for each phase from [phase, x, y, width, height].
  function outlines(frames) {
    const paths = phases.map(() => []);
    for (const [p, left, top, width, height] of frames) {
      paths[p].push(`M${left.toFixed(1)} ${top.toFixed(1)}h${width.toFixed(2)}v${height.toFixed(2)}h${(-width).toFixed(2)}z`);
    }
    return paths.flatMap((d, p) => (d.length ? [svg("path", { class: "p" + p, d: d.join("") })] : []));
  }
  function light(n) {
    chosen = n;
    over.replaceChildren(...plan.blocks.filter((b) => n >= 0 && b[6] === n).map((b) => {
      const [left, top, width, height] = frame(b);
      return svg("rect", { class: "chosen", x: left, y: top, width, height });
    }));
  }

  arena.addEventListener("pointermove", (e) => {
    const r = arena.getBoundingClientRect();
    const i = Math.floor(((e.clientX - r.left) / wide) * steps), offset = ((6 + tall - (e.clientY - r.top)) / tall) * plan.arena;
    const b = plan.blocks.find((b) => b[1] <= i && i <= b[2] && b[3] <= offset && offset < b[3] + b[4]);
    $("block").textContent = b ? told(b) : atRest;
    point(b ? b[6] : -1);
  });
  arena.addEventListener("pointerleave", () => {
    $("block").textContent = atRest;
    point(-1);
  });
  window.addEventListener("resize", draw);
  $("plan").addEventListener("toggle", draw);
  $("plan").hidden = false;
  const [summary, ...why] = plan.summary.split("\n");
  $("summary").textContent = summary;
  $("why").hidden = !why.length;
  $("why").querySelector("pre").textContent = why.join("\n");
  $("block").textContent = atRest;
  arena.classList.toggle("empty", !plan.blocks.length);
  arena.setAttribute("aria-label", `Arena of ${integer(plan.arena)} bytes over ${integer(steps)} instructions. ${atRest}`);
  draw();
  return { light, draw };
};
