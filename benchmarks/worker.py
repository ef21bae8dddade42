"""One engine on one workload, in a process of its own; the other end of the pipe says when to time.

Must not know: other engines' results.
"""

from __future__ import annotations

import resource
import time
from typing import Any

from .data import WORKLOADS


def worker(engine: str, name: str, sizes: dict[str, int], threads: int, pipe: Any) -> None:
    """One engine, one workload: reports its start, then times for as long as it is told."""
    try:
        data = WORKLOADS[name](**sizes)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        extra: dict[str, Any] = {}
        if engine == "graphdiff":
            import graphdiff as gd

            from . import engine_graphdiff

            gd.set_num_threads(threads)
            start = time.perf_counter()
            step, f, _ = engine_graphdiff.build(name, data)
        elif engine == "jax":
            from . import engine_jax

            start = time.perf_counter()
            step = engine_jax.build(name, data)
        else:
            from . import engine_torch

            start = time.perf_counter()
            step = engine_torch.build(name, data, threads, engine == "compile")
        losses = [step()]
        first = time.perf_counter() - start
        losses += [step() for _ in range(4)]
        if engine == "graphdiff":
            extra = {"arena_bytes": f.plan.arena_bytes, "instructions": len(f.plan.instructions)}
        pipe.send({"first": first, "losses": losses, **extra})
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
        pipe.send({"error": f"{type(e).__name__}: {e}"[:200]})
