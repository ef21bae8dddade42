"""Random graphs (fuzz_graphs.py's), values and gradients, exported as C: each must give the bits of its function, in
work of at most the plan's arena; where sizes are known only at the call, also with sizes as arguments.

    GRAPHDIFF_ISA=plain GRAPHDIFF_BLAS=off python tests/support/fuzz_export.py --graphs 200 --seed 0

says what disagreed, exit code 1; `--only 17` takes one of them again; flags of the compiler stand behind `--flags=`.
Without LAPACK, functions of linear algebra cannot run in Python: such graphs are counted and left out.
Invariant: (seed, number) draws the same graph on every machine.
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from exported import Exported, flat
from fuzz_graphs import Artist

import graphdiff as gd


def draw(seed, number):
    """A compiled function of one graph's values and of the gradient of their weighed sum, and its feeds."""
    rng = np.random.default_rng([seed, number])
    dtype = "float32" if number % 2 else "float64"
    drawn = Artist(rng, dtype).draw(int(rng.integers(3, 30)), ("small", "large", "named")[number % 3])
    wanted = [i for i in range(len(drawn.leaves), len(drawn.arrays)) if i not in drawn.used]
    leaves, feed = [drawn.tensors[i] for i in drawn.leaves], [drawn.arrays[i] for i in drawn.leaves]
    xs = [x for x in leaves if x.dtype == dtype]
    loss = gd.zeros((), dtype)
    for i in wanted:
        if drawn.arrays[i].dtype == dtype:
            loss = loss + gd.sum(drawn.tensors[i] * gd.cos(drawn.tensors[i]))
    options = {"checkpoint": "sqrt"} if number % 5 == 4 else {}
    f = gd.compile(leaves, [drawn.tensors[i] for i in wanted] + gd.grad(loss, xs), name="drawn", **options)
    return f, feed, {n: drawn.sizes[n] for n in f._compiled.names}, drawn.listing(wanted)


def differences(seed, number, flags, counts):
    """What is not the same, as texts."""
    try:
        f, feed, sizes, listing = draw(seed, number)
        wanted = flat(f(*feed))
    except gd.GraphdiffError as e:
        if "no BLAS library" not in str(e):
            raise
        counts["left out: linear algebra"] += 1
        return []
    found = []
    for sized in (False, True) if sizes else (False,):
        with tempfile.TemporaryDirectory() as room:
            try:
                made = Exported(f, Path(room), "drawn", flags, sized=sized, **sizes)
            except (AssertionError, gd.GraphdiffError) as e:
                if sized and "give the sizes" in str(e):
                    counts["without a sized form"] += 1
                    continue
                return [f"graph {number}: {e}\n{listing}"]
            status, got = made.call(*feed)
        counts["sized" if sized else "graphs"] += 1
        counts["results"] += len(got)
        if made.work_bytes > (arena := f.plan_for(**sizes).arena_bytes):
            found.append(
                f"graph {number}, sized={sized}: {made.work_bytes} bytes of work, the plan has {arena}\n{listing}"
            )
        if status != 0:
            found.append(f"graph {number}, sized={sized}: {made.text(status).decode()}\n{listing}")
        for n, (a, b) in enumerate(zip(wanted, got, strict=True)):
            if status == 0 and not np.array_equal(_bits(a), _bits(b)):
                found.append(f"graph {number}, sized={sized}: result {n} has other bits: {a} and {b}\n{listing}")
    return found


def _bits(a):
    """An array without what a NaN says beside being one."""
    a = np.ascontiguousarray(a)
    return np.where(np.isnan(a), np.nan, a).view(f"u{a.itemsize}") if a.dtype.kind == "f" and a.ndim else a


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--graphs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first graph")
    parser.add_argument("--only", type=int, help="this graph alone")
    parser.add_argument("--flags", default="-O0", help="of the compiler")
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.graphs) if options.only is None else [options.only]
    counts, found = Counter(), []
    for number in numbers:
        found += differences(options.seed, number, options.flags, counts)
    print("\n\n".join([*found, *(f"{n} {what}" for what, n in sorted(counts.items()))]))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
