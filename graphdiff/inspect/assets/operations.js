// What the graph's operations compute, in the page: live values follow a leaf that a person changes.
//
// Owns: what declarations may use to say what their operation computes, and `evaluate`, which runs a program of them.
// The table of operations is put in where the page is written (inspect/html.py), from what declarations give as `page`:
// of an operation on elements a function of elements and the dtype, of any other one of (arrays, attributes, types of the
// results) that gives the results.
// Invariants: an array is { shape, dtype, data } in row-major order; every element is computed in double precision and
// rounded to the dtype as it is stored. int64 is held as a double, exact up to 2^53. An operation without is shown as
// recorded; tests hold each of them against the core.
// Must not know: nodes, boxes, the page, any operation's name.
"use strict";
const operations = (() => {
  const ARRAYS = { float32: Float32Array, float64: Float64Array, int32: Int32Array, int64: Float64Array, bool: Uint8Array };
  const count = (shape) => shape.reduce((a, b) => a * b, 1);
  const empty = ([shape, dtype]) => ({ shape, dtype, data: new ARRAYS[dtype](count(shape)) });
  const floating = (dtype) => dtype[0] === "f";
  // Strides of a row-major array; stretched to `shape`, 0 where a dimension of one is repeated.
  const strides = (shape) => {
    const out = new Array(shape.length);
    for (let i = shape.length - 1, step = 1; i >= 0; i--) { out[i] = step; step *= shape[i]; }
    return out;
  };
  const stretched = (from, to) => {
    const own = strides(from), extra = to.length - from.length;
    return to.map((n, i) => (i < extra || (from[i - extra] === 1 && n !== 1) ? 0 : own[i - extra]));
  };
  // Calls f(k, at) for each element k of `shape` in order, `at` the offset that the strides give.
  const walk = (shape, step, offset, f) => {
    const n = count(shape), place = new Array(shape.length).fill(0);
    for (let k = 0, at = offset; k < n; k++) {
      f(k, at);
      for (let i = shape.length - 1; i >= 0; i--) {
        at += step[i];
        if (++place[i] < shape[i]) break;
        at -= step[i] * shape[i];
        place[i] = 0;
      }
    }
  };
  const view = (x, out, step, offset = 0) => {
    const y = empty(out);
    walk(y.shape, step, offset, (k, at) => { y.data[k] = x.data[at]; });
    return [y];
  };
  // The sizes before, at and after an axis.
  const around = (shape, axis) => [count(shape.slice(0, axis)), shape[axis], count(shape.slice(axis + 1))];

  // ------------------------------------------------------------------ on elements
  // Where the elements of x are that meet each of n elements of `shape`; null: one by one.
  const places = (x, shape, n) => {
    if (x.data.length === n) return null;
    const at = new Int32Array(n);
    if (x.data.length > 1) walk(shape, stretched(x.shape, shape), 0, (k, place) => { at[k] = place; });
    return at;
  };
  const each = (f) => (xs, _a, [out]) => {
    const y = empty(out), to = y.data, n = to.length, kind = xs[xs.length - 1].dtype;
    const [p, q, r] = xs.map((x) => x.data), [i, j, l] = xs.map((x) => places(x, y.shape, n));
    if (xs.length === 1) for (let k = 0; k < n; k++) to[k] = f(p[k], kind);
    else if (xs.length === 2) for (let k = 0; k < n; k++) to[k] = f(p[i ? i[k] : k], q[j ? j[k] : k], kind);
    else for (let k = 0; k < n; k++) to[k] = f(p[i ? i[k] : k], q[j ? j[k] : k], r[l ? l[k] : k]);
    return [y];
  };
  const bits = (f) => (a, b, kind) => Number(kind === "bool" ? f(BigInt(a), BigInt(b)) & 1n : f(BigInt(a), BigInt(b)));
  const { abs, exp, log, sqrt, floor, trunc, PI } = Math;

  const even = (x) => { // the nearest integer, halves to even
    const r = Math.round(x);
    return abs(x - trunc(x)) === 0.5 && r % 2 !== 0 ? r - 1 : r;
  };
  const modulo = (a, b, kind) => {
    if (b === 0 && !floating(kind)) return 0;
    const r = a % b;
    return r !== 0 && r < 0 !== b < 0 ? r + b : r;
  };
  const power = (a, b, kind) => {
    if (floating(kind)) return a === 1 || (a === -1 && abs(b) === Infinity) ? 1 : Math.pow(a, b);
    if (b < 0) return a === 1 ? 1 : a === -1 ? (b % 2 ? -1 : 1) : 0;
    const r = BigInt(a) ** BigInt(b);
    return Number(kind === "int32" ? BigInt.asIntN(32, r) : BigInt.asIntN(64, r));
  };
  // erf by its series (Abramowitz and Stegun 7.1.6), erfc by its continued fraction (7.1.14).
  const series = (x) => {
    let term = x, sum = x;
    for (let n = 1; abs(term) > 1e-17 * abs(sum) && n < 200; n++) { term *= (2 * x * x) / (2 * n + 1); sum += term; }
    return (2 / sqrt(PI)) * exp(-x * x) * sum;
  };
  const fraction = (x) => {
    let f = 0;
    for (let k = 120; k > 0; k--) f = (k / 2) / (x + f);
    return exp(-x * x) / sqrt(PI) / (x + f);
  };
  const erf = (x) => (abs(x) < 2 ? series(x) : x !== x ? x : Math.sign(x) * (1 - fraction(abs(x))));
  const erfc = (x) => (x < 1.5 ? 1 - erf(x) : x !== x ? x : fraction(x));
  const erfinv = (y) => {
    if (!(abs(y) < 1)) return y === 1 ? Infinity : y === -1 ? -Infinity : NaN;
    const w = log((1 - y) * (1 + y)), u = 2 / (PI * 0.147) + w / 2; // Winitzki's start, then Halley's steps
    let x = Math.sign(y) * sqrt(sqrt(u * u - w / 0.147) - u);
    for (let n = 0; n < 4; n++) {
      const e = y > 0 ? 1 - y - erfc(x) : erfc(-x) - 1 - y; // erf(x) - y
      const step = e / ((2 / sqrt(PI)) * exp(-x * x));
      x -= step / (1 + x * step);
    }
    return x;
  };
  const LANCZOS = [0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
    -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7];
  const lgamma = (x) => {
    if (x === -Infinity || x === Infinity) return Infinity;
    if (x <= 0 && x === floor(x)) return Infinity;
    if (x < 0.5) return log(PI / abs(Math.sin(PI * x))) - lgamma(1 - x);
    if (x === 1 || x === 2) return 0;
    if (abs(x - 1) < 0.3 || abs(x - 2) < 0.3) { // near its zeros by the series of zeta values, A&S 6.1.33
      const z = x < 1.5 ? x - 1 : x - 2;
      let sum = (1 - 0.5772156649015329) * z, sign = 1;
      for (let k = 2, zk = z * z; k < 60; k++, zk *= z, sign = -sign) {
        let zeta = 0;
        for (let n = 2; n < 12; n++) zeta += n ** -k;
        zeta += 12 ** (1 - k) / (k - 1) + 12 ** -k / 2 + (k * 12 ** (-k - 1)) / 12 - (k * (k + 1) * (k + 2) * 12 ** (-k - 3)) / 720
          + (k * (k + 1) * (k + 2) * (k + 3) * (k + 4) * 12 ** (-k - 5)) / 30240;
        sum += (sign * zeta * zk) / k;
      }
      return x < 1.5 ? sum - Math.log1p(z) : sum;
    }
    let sum = LANCZOS[0];
    for (let i = 1; i < 9; i++) sum += LANCZOS[i] / (x - 1 + i);
    const t = x + 6.5;
    return 0.5 * log(2 * PI) + (x - 0.5) * log(t) - t + log(sum);
  };
  const digamma = (x) => {
    if (x <= 0 && x === floor(x)) return NaN;
    if (x < 0.5) return digamma(1 - x) - PI / Math.tan(PI * x);
    let sum = 0;
    while (x < 10) sum -= 1 / x++;
    const r = 1 / (x * x);
    const tail = r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r * (1 / 132 - (r * 691) / 32760)))));
    return sum + log(x) - 0.5 / x - tail;
  };
  const hurwitz = (s, x) => { // gamma(s) times the zeta function of Hurwitz, by Euler and Maclaurin
    let sum = 0, w = x, gamma = 1;
    for (; w < 12 + s; w++) sum += w ** -s;
    sum += w ** (1 - s) / (s - 1) + w ** -s / 2;
    let term = s * w ** (-s - 1);
    [1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000].forEach((b, j) => {
      sum += b * term;
      term *= ((s + 2 * j + 1) * (s + 2 * j + 2)) / (w * w);
    });
    for (let k = 2; k < s; k++) gamma *= k;
    return gamma * sum;
  };
  const polygamma = (n, x) => {
    if (!(n >= 0) || n !== floor(n) || x !== x) return NaN;
    if (n === 0) return digamma(x);
    const sign = n % 2 ? 1 : -1;
    if (x > 0) return sign * hurwitz(n + 1, x);
    if (x === floor(x)) return sign * Infinity;
    return sign * hurwitz(n + 1, x - floor(x)) + hurwitz(n + 1, Math.ceil(x) - x) - hurwitz(n + 1, 1 - x);
  };
  const inRange = (index, n) => {
    if (index < -n || index >= n) throw new RangeError(`index ${index} is out of range for size ${n}`);
    return index < 0 ? index + n : index;
  };
  const cast = (xs, _a, [out]) => {
    const y = empty(out), from = xs[0].data;
    const f = out[1] === "bool" ? (v) => +(v !== 0) : floating(out[1]) ? (v) => v : (v) => trunc(v);
    for (let k = 0; k < y.data.length; k++) y.data[k] = f(from[k]);
    return [y];
  };
  const same = ([x]) => [x];

  // ------------------------------------------------------------------ what declarations name: (arrays, attributes, types)
  // => arrays
  const counted = (_xs, a, [out]) => {
    const y = empty(out);
    walk(y.shape, a.strides, a.offset, (k, at) => { y.data[k] = at; });
    return [y];
  };
  const sliced = ([x], a, [out]) => {
    const s = strides(x.shape);
    return view(x, out, s.map((n, i) => n * a.steps[i]), s.reduce((sum, n, i) => sum + n * a.starts[i], 0));
  };
  const diagonalOf = ([x], a, [out]) => {
    const s = strides(x.shape), [row, column] = a.axes;
    const rest = s.filter((_, i) => i !== row && i !== column);
    return view(x, out, [...rest, s[row] + s[column]], a.offset > 0 ? a.offset * s[column] : -a.offset * s[row]);
  };
  const placed = ([x, fill], a, [out]) => {
    const y = empty(out), s = strides(y.shape);
    y.data.fill(fill.data[0]);
    const first = s.reduce((sum, n, i) => sum + n * a.starts[i], 0);
    walk(x.shape, s.map((n, i) => n * a.steps[i]), first, (k, at) => { y.data[at] = x.data[k]; });
    return [y];
  };
  const joined = (xs, a, [out]) => {
    const y = empty(out), s = strides(y.shape);
    let first = 0;
    for (const x of xs) {
      walk(x.shape, s, first * s[a.axis], (k, at) => { y.data[at] = x.data[k]; });
      first += x.shape[a.axis];
    }
    return [y];
  };
  const checkedRange = ([x], a) => {
    x.data.forEach((v) => {
      if (v < a.lowest || v >= a.limit) throw new RangeError(`${v} is not in [${a.lowest}, ${a.limit})`);
    });
    return [x];
  };
  const gathered = ([x, idx], a, [out]) => {
    const y = empty(out), [before, n, after] = around(x.shape, a.axis), m = idx.data.length;
    for (let i = 0; i < before; i++) for (let j = 0; j < m; j++) {
      const from = (i * n + inRange(idx.data[j], n)) * after;
      for (let k = 0; k < after; k++) y.data[(i * m + j) * after + k] = x.data[from + k];
    }
    return [y];
  };
  const addedUp = ([g, idx], a, [out]) => {
    const y = empty(out), [before, n, after] = around(out[0], a.axis), m = idx.data.length;
    for (let i = 0; i < before; i++) for (let j = 0; j < m; j++) {
      const to = (i * n + inRange(idx.data[j], n)) * after;
      for (let k = 0; k < after; k++) y.data[to + k] += g.data[(i * m + j) * after + k];
    }
    return [y];
  };
  const scattered = ([x, idx, u], _a, [out]) => {
    const y = empty(out), [, n, after] = around(x.shape, 0);
    y.data.set(x.data);
    idx.data.forEach((v, j) => {
      const to = inRange(v, n) * after;
      for (let k = 0; k < after; k++) y.data[to + k] += u.data[j * after + k];
    });
    return [y];
  };
  const gatheredAlong = ([x, idx], a, [out]) => {
    const y = empty(out), [, n, after] = around(x.shape, a.axis), [before, m] = around(idx.shape, a.axis);
    for (let i = 0; i < before; i++) for (let j = 0; j < m; j++) for (let k = 0; k < after; k++) {
      const at = (i * m + j) * after + k;
      y.data[at] = x.data[(i * n + inRange(idx.data[at], n)) * after + k];
    }
    return [y];
  };
  const addedUpAlong = ([g, idx], a, [out]) => {
    const y = empty(out), [before, n, after] = around(out[0], a.axis), m = idx.shape[a.axis];
    for (let i = 0; i < before; i++) for (let j = 0; j < m; j++) for (let k = 0; k < after; k++) {
      const at = (i * m + j) * after + k;
      y.data[(i * n + inRange(idx.data[at], n)) * after + k] += g.data[at];
    }
    return [y];
  };
  const product = ([a, b], _a, [out]) => {
    const y = empty(out);
    const p = a.shape.length === 1 ? [1, ...a.shape] : a.shape, q = b.shape.length === 1 ? [...b.shape, 1] : b.shape;
    const m = p[p.length - 2], n = p[p.length - 1], r = q[q.length - 1];
    const batch = y.shape.slice(0, y.shape.length - (a.shape.length > 1) - (b.shape.length > 1));
    const starts = (shape) => {
      const lead = shape.slice(0, -2), whole = lead.length ? stretched(lead, batch) : batch.map(() => 0);
      const found = [];
      walk(batch, whole, 0, (_k, at) => found.push(at));
      return found;
    };
    const first = starts(p), second = starts(q);
    first.forEach((s, k) => {
      const i0 = s * m * n, j0 = second[k] * n * r;
      for (let i = 0; i < m; i++) for (let j = 0; j < r; j++) {
        let sum = 0;
        for (let l = 0; l < n; l++) sum += a.data[i0 + i * n + l] * b.data[j0 + l * r + j];
        y.data[(k * m + i) * r + j] = sum;
      }
    });
    return [y];
  };
  const correlated = ([x, w], a, [out]) => {
    const y = empty(out);
    taps(x.shape, w.shape, out[0], a, (i, j, k) => { y.data[k] += x.data[i] * w.data[j]; });
    return [y];
  };
  const correlatedInput = ([g, w], a, [out]) => {
    const y = empty(out);
    taps(out[0], w.shape, g.shape, a, (i, j, k) => { y.data[i] += g.data[k] * w.data[j]; });
    return [y];
  };
  const correlatedWeight = ([x, g], a, [out]) => {
    const y = empty(out);
    taps(x.shape, out[0], g.shape, a, (i, j, k) => { y.data[j] += g.data[k] * x.data[i]; });
    return [y];
  };
  const attended = ([q, k, v, mask], a, [out, sums]) => {
    const y = empty(out), kept = empty(sums), values = v.shape[v.shape.length - 1];
    weights(q, k, mask, a, (i, j, w) => {
      for (let l = 0; l < values; l++) y.data[i * values + l] += w * v.data[j * values + l];
    }, (i, top, log) => { kept.data[2 * i] = top; kept.data[2 * i + 1] = log; });
    return [y, kept];
  };
  const attendedBack = ([q, k, v, y, _logs, g, mask], a, outs) => {
    const [dq, dk, dv] = outs.map(empty), n = q.shape[q.shape.length - 1], values = v.shape[v.shape.length - 1];
    weights(q, k, mask, a, (i, j, w) => {
      let d = 0;
      for (let l = 0; l < values; l++) {
        d += g.data[i * values + l] * (v.data[j * values + l] - y.data[i * values + l]);
        dv.data[j * values + l] += w * g.data[i * values + l];
      }
      for (let l = 0; l < n; l++) {
        dq.data[i * n + l] += a.scale * w * d * k.data[j * n + l];
        dk.data[j * n + l] += a.scale * w * d * q.data[i * n + l];
      }
    }, () => {});
    return [dq, dk, dv];
  };
  const summedWindows = ([x], a, [out]) => {
    const y = empty(out);
    windows(x.shape, out[0], a, (i, k) => { y.data[k] += x.data[i]; });
    return [y];
  };
  const spreadWindows = ([g], a, [out]) => {
    const y = empty(out);
    windows(out[0], g.shape, a, (i, k) => { y.data[i] += g.data[k]; });
    return [y];
  };
  const largestOfWindows = ([x], a, outs) => {
    const y = empty(outs[0]), at = empty(outs[1]), plane = x.shape[2] * x.shape[3];
    y.data.fill(-Infinity);
    at.data.fill(-1);
    windows(x.shape, y.shape, a, (i, k) => {
      if (at.data[k] < 0 || x.data[i] > y.data[k] || (x.data[i] !== x.data[i] && y.data[k] === y.data[k])) {
        y.data[k] = x.data[i];
        at.data[k] = i % plane;
      }
    });
    return [y, at];
  };
  const recurred = ([x, c], a, [out]) => {
    const y = empty(out), [before, n, after] = around(x.shape, a.axis);
    for (let i = 0; i < before; i++) for (let k = 0; k < after; k++) for (let s = 0; s < n; s++) {
      const t = a.reverse ? n - 1 - s : s, from = a.reverse ? t + 1 : t - 1;
      const at = (i * n + t) * after + k, old = (i * n + from) * after + k;
      y.data[at] = s ? x.data[at] + c.data[a.use_previous ? old : at] * y.data[old] : x.data[at];
    }
    return [y];
  };
  const sorted = ([x], a, outs) => {
    const y = empty(outs[0]), at = empty(outs[1]), [before, n, after] = around(x.shape, a.axis), m = a.k;
    const key = (v) => (v !== v ? 1 : 0); // NaN is the largest
    const order = (p, q) => key(p) - key(q) || (p < q ? -1 : p > q ? 1 : 0);
    for (let i = 0; i < before; i++) for (let k = 0; k < after; k++) {
      const row = Array.from({ length: n }, (_, j) => j), get = (j) => x.data[(i * n + j) * after + k];
      row.sort((p, q) => (a.descending ? order(get(q), get(p)) : order(get(p), get(q))) || p - q);
      for (let j = 0; j < m; j++) {
        y.data[(i * m + j) * after + k] = get(row[j]);
        at.data[(i * m + j) * after + k] = row[j];
      }
    }
    return [y, at];
  };
  const looped = (operands, a, outs) => {
    const xs = [...operands], limit = a.counted ? Math.min(a.length, xs.pop().data[0]) : a.length;
    let carries = xs.slice(0, a.n_carry);
    const rows = xs.slice(a.n_carry, a.n_carry + a.n_xs), captured = xs.slice(a.n_carry + a.n_xs);
    const ys = outs.slice(a.n_carry, -1 - a.n_carry).map(empty), history = outs.slice(-1 - a.n_carry, -1).map(empty);
    const row = (x, t) => {
      const shape = x.shape.slice(1), n = count(shape);
      return { shape, dtype: x.dtype, data: x.data.slice(t * n, (t + 1) * n) };
    };
    let s = 0;
    for (; s < limit; s++) {
      if (a.condition && !run(a.condition, [...carries, ...captured])[0].data[0]) break;
      const t = a.reverse ? limit - 1 - s : s;
      carries.forEach((c, i) => history[i].data.set(c.data, t * c.data.length));
      const made = run(a.body, [...carries, ...rows.map((x) => row(x, t)), ...captured]);
      carries = made.slice(0, a.n_carry);
      made.slice(a.n_carry).forEach((y, i) => ys[i].data.set(y.data, t * y.data.length));
    }
    const steps = empty(outs[outs.length - 1]);
    steps.data[0] = s;
    return [...carries, ...ys, ...history, steps];
  };

  // Attention: f(row, key, weight) for each query's keys, rows and keys counted through the batch, then end(row, the
  // largest score, the logarithm of the weights' sum).
  function weights(q, k, mask, a, f, end) {
    const [rows, n] = q.shape.slice(-2), keys = k.shape[k.shape.length - 2];
    const batch = q.shape.slice(0, -2).reduce((x, y) => x * y, 1);
    const all = [...q.shape.slice(0, -1), keys], place = [];  // of each pair's mask
    if (mask) walk(all, stretched(mask.shape, all), 0, (_k, at) => place.push(at));
    const masked = (s, at) => (!mask ? s : mask.data instanceof Uint8Array ? (at ? s : -Infinity) : s + at);
    for (let r = 0; r < batch * rows; r++) {
      const first = Math.floor(r / rows) * keys, seen = a.causal ? Math.min(keys, r % rows + 1) : keys;
      const scores = [];
      for (let j = first; j < first + seen; j++) {
        let sum = 0;
        for (let l = 0; l < n; l++) sum += q.data[r * n + l] * k.data[j * n + l];
        scores.push(masked(sum * a.scale, mask && mask.data[place[r * keys + j - first]]));
      }
      const top = scores.reduce((x, y) => Math.max(x, y), -Infinity), base = top === -Infinity ? 0 : top;
      const e = scores.map((s) => Math.exp(s - base)), total = e.reduce((x, y) => x + y, 0);
      e.forEach((w, j) => f(r, first + j, total ? w / total : 0));
      end(r, base, Math.log(total));
    }
  }

  function reduction(start, f) {
    return ([x], a, [out]) => {
      const wide = new Float64Array(count(out[0])).fill(start), y = empty(out);
      const own = strides(out[0]);
      let axis = 0;
      const step = x.shape.map((_, i) => (a.axes.includes(i) ? 0 : own[axis++]));
      walk(x.shape, step, 0, (k, at) => { wide[at] = f(wide[at], x.data[k]); });
      y.data.set(wide);
      return [y];
    };
  }
  function extreme(better) {
    return ([x], a, [out]) => {
      const y = empty(out), [before, n, after] = around(x.shape, a.axis);
      for (let i = 0; i < before; i++) for (let k = 0; k < after; k++) {
        let best = 0;
        for (let j = 1; j < n; j++) {
          const v = x.data[(i * n + j) * after + k], w = x.data[(i * n + best) * after + k];
          if (w === w && (better(v, w) || v !== v)) best = j;
        }
        y.data[i * after + k] = best;
      }
      return [y];
    };
  }
  function running(f) {
    return ([x], a, [out]) => {
      const y = empty(out), [before, n, after] = around(x.shape, a.axis);
      for (let i = 0; i < before; i++) for (let k = 0; k < after; k++) for (let s = 0, last; s < n; s++) {
        const at = (i * n + (a.reverse ? n - 1 - s : s)) * after + k;
        last = s ? f(last, x.data[at]) : x.data[at];
        y.data[at] = last;
      }
      return [y];
    };
  }
  // Calls f(image, weight, result) with the offsets of each product of a convolution.
  function taps([n, , height, width], [o, cg, kh, kw], [, , ho, wo], a, f) {
    const [top, , low] = a.padding, og = o / a.groups, c = cg * a.groups;
    for (let b = 0; b < n; b++) for (let m = 0; m < o; m++) for (let i = 0; i < ho; i++) for (let j = 0; j < wo; j++) {
      const result = ((b * o + m) * ho + i) * wo + j;
      for (let l = 0; l < cg; l++) for (let p = 0; p < kh; p++) for (let q = 0; q < kw; q++) {
        const y = i * a.stride[0] + p * a.dilation[0] - top, x = j * a.stride[1] + q * a.dilation[1] - low;
        if (y < 0 || y >= height || x < 0 || x >= width) continue;
        f(((b * c + floor(m / og) * cg + l) * height + y) * width + x, ((m * cg + l) * kh + p) * kw + q, result);
      }
    }
  }
  // Calls f(image, result) with the offsets of each element of each window.
  function windows([n, c, height, width], [, , ho, wo], a, f) {
    for (let b = 0; b < n * c; b++) for (let i = 0; i < ho; i++) for (let j = 0; j < wo; j++) {
      for (let p = 0; p < a.kernel[0]; p++) for (let q = 0; q < a.kernel[1]; q++) {
        const y = i * a.stride[0] + p * a.dilation[0] - a.padding[0];
        const x = j * a.stride[1] + q * a.dilation[1] - a.padding[2];
        if (y >= 0 && y < height && x >= 0 && x < width) f((b * height + y) * width + x, (b * ho + i) * wo + j);
      }
    }
  }

  const table = { /* the operations */ };

  // Runs a program - inner graphs are programs too - on its inputs; gives its outputs.
  function run(program, inputs) {
    const slots = new Array(program.slots);
    program.inputs.forEach((s, i) => { slots[s] = inputs[i]; });
    evaluate(program, slots);
    return program.outputs.map((s) => slots[s]);
  }
  // Computes every step into `slots`, which holds the leaves.
  function evaluate(program, slots) {
    for (const [s, type, values] of program.constants) slots[s] = constant(type, values);
    for (const [name, operands, attributes, outs, types] of program.steps) {
      const made = table[name](operands.map((s) => slots[s]), attributes, types);
      outs.forEach((s, i) => { slots[s] = made[i]; });
    }
  }
  // An array of a type; one value stands for all elements, and what is not finite is text.
  function constant(type, values) {
    const x = empty(type);
    for (let k = 0; k < x.data.length; k++) x.data[k] = Number(values.length === 1 ? values[0] : values[k]);
    return x;
  }
  return { table, evaluate, constant };
})();
