"""One engine on one workload, in a process of its own; the other end of the pipe says when to time.

Must not know: other engines' results.
"""

from __future__ import annotations

import os
import resource
import time
from typing import Any

import numpy as np

from .data import WORKLOADS


def _graphdiff(name: str, data: Any, threads: int) -> tuple[Any, float, Any]:
    import graphdiff as gd

    from . import engine_graphdiff

    gd.set_num_threads(threads)
    start = time.perf_counter()
    step, f, feeds = engine_graphdiff.build(name, data)

    def facts() -> dict[str, Any]:
        """What the floor and the table need to know of the compiled function."""
        outputs = f(*feeds)
        results = outputs if isinstance(outputs, list) else [outputs]
        kept = sum(p.value.nbytes for p in f.parameters)
        x = gd.input("x", (1,), "float64")
        empty, one, times = gd.compile([x], x), np.ones(1), []
        for _ in range(5000):
            at = time.perf_counter()
            empty(one)
            times.append(time.perf_counter() - at)
        return {
            "arena_bytes": f.plan.arena_bytes,
            "instructions": len(f.plan.instructions),
            "flops": f.plan.flops,
            "moved_bytes": sum(a.nbytes for a in (*feeds, *results)) + 2 * kept,
            "empty_us": 1e6 * float(np.median(times)),
            "itemsize": data["params"][0].itemsize,
        }

    return step, start, facts


def _peer(engine: str, name: str, data: Any, threads: int) -> tuple[Any, float, Any]:
    if engine == "jax":
        from . import engine_jax

        start = time.perf_counter()
        step = engine_jax.build(name, data)
    elif engine == "pytensor":
        from . import engine_pytensor

        start = time.perf_counter()
        step = engine_pytensor.build(name, data)
    else:
        from . import engine_torch

        start = time.perf_counter()
        step = engine_torch.build(name, data, threads, engine == "compile")
    return step, start, dict


def worker(engine: str, name: str, sizes: dict[str, Any], threads: int, pipe: Any) -> None:
    """One engine, one workload: reports its start, then times for as long as it is told."""
    try:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])  # JAX takes its number from it
        if engine == "floor":
            from . import floor

            pipe.send({})
            while (seconds := pipe.recv()) is not None:
                pipe.send(floor.measure(threads, seconds))
            pipe.send({})
            return
        data = WORKLOADS[name](**sizes)
        build = _graphdiff if engine == "graphdiff" else lambda *a: _peer(engine, *a)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        step, start, facts = build(name, data, threads)
        losses = [step()]
        first = time.perf_counter() - start
        losses += [step() for _ in range(4)]
        pipe.send({"first": first, "losses": losses, **facts()})
        while (seconds := pipe.recv()) is not None:
            times, end = [], time.perf_counter() + seconds
            while time.perf_counter() < end and len(times) < 20000:
                t = time.perf_counter()
                step()
                times.append(time.perf_counter() - t)
            pipe.send(times)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        pipe.send({"peak_bytes": grown * 1024})
    except Exception as e:
        pipe.send({"error": f"{type(e).__name__}: {e}".splitlines()[0][:120]})
