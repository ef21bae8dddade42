"""``python -m benchmarks.memory peers``: recomputation in PyTorch and JAX beside ours at equal peak memory.

A peer runs keeping everything, and with torch.utils.checkpoint or jax.checkpoint around every stage and around
segments of the root of their number. Its peak is of tensors alive in a step besides parameters, data and gradients:
for PyTorch followed storage by storage, for JAX the compiled program's own figure (which may use the gradients' memory
for others before they are made; sizes are such that gradients are small). graphdiff then gets exactly that peak as its
limit. Each engine runs in a process of its own. Losses must agree. Writes
benchmarks/results/memory_peers.{json,md}.
"""

from __future__ import annotations

import argparse
import importlib
import math
import multiprocessing
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

import graphdiff as gd

from ..report import markdown, processor, time_text, write
from .engines import Jax, Torch
from .models import clock, compiled
from .networks import NETWORKS, Network

STAGES = {"chain": 64, "resnet": 17, "unet": 9, "transformer": 8, "lstm": 512}
Step = Callable[[], Any]


def torch_step(network: Network, every: int | None) -> tuple[Step, int]:
    """A step giving loss and gradients, and its peak bytes."""
    torch = importlib.import_module("torch")
    o = Torch(every)
    params = [torch.tensor(a, requires_grad=True) for a in network.params]
    x, y = torch.tensor(network.x), torch.tensor(network.y)

    def step() -> Any:
        loss = network.forward(o, params, x, y)
        return [loss.detach(), *torch.autograd.grad(loss, params)]

    return lambda: float(step()[0]), _torch_peak(step)


def _torch_peak(step: Step) -> int:
    """The most bytes alive at once of storages that a step makes and does not give back."""
    mode = importlib.import_module("torch.utils._python_dispatch").TorchDispatchMode
    events: list[tuple[int, int]] = []  # (storage, bytes): negative where it is freed
    known: dict[int, int] = {}

    def dead(key: int, size: int) -> None:
        events.append((known.pop(key), -size))

    class Watch(mode):  # type: ignore[misc,valid-type]
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            before = {id(s) for s in _storages((args, kwargs))}
            out = function(*args, **(kwargs or {}))
            for s in _storages(out):
                key = s._cdata
                if key not in known and id(s) not in before:
                    known[key] = len(events)
                    events.append((known[key], s.nbytes()))
                    weakref.finalize(s, dead, key, s.nbytes())
            return out

    step()
    with Watch():
        results = step()
        given = {known[s._cdata] for s in _storages(results) if s._cdata in known}
    live = peak = 0
    for number, size in events:
        if number not in given:
            live += size
            peak = max(peak, live)
    return peak


def _storages(tree: Any) -> list[Any]:
    torch = importlib.import_module("torch")
    leaves, _ = importlib.import_module("torch.utils._pytree").tree_flatten(tree)
    return [t.untyped_storage() for t in leaves if isinstance(t, torch.Tensor)]


def jax_step(network: Network, every: int | None) -> tuple[Step, int]:
    """As :func:`torch_step`."""
    jax = importlib.import_module("jax")
    o = Jax(every)
    function = jax.jit(jax.value_and_grad(lambda p, x, y: network.forward(o, p, x, y)))
    arguments = [jax.device_put(a) for a in network.params], jax.device_put(network.x), jax.device_put(network.y)
    program = function.lower(*arguments).compile()

    def step() -> float:
        loss, grads = program(*arguments)
        jax.block_until_ready(grads)
        return float(loss)

    return step, int(program.memory_analysis().temp_size_in_bytes)


def peer(
    engine: str, name: str, sizes: dict[str, int], settings: list[int | None], threads: int, seconds: float, pipe: Any
) -> None:
    """Rows for one peer's settings, sent through ``pipe``."""
    try:
        if engine == "torch":
            importlib.import_module("torch").set_num_threads(threads)
        network = NETWORKS[name](**sizes)
        made = [(torch_step if engine == "torch" else jax_step)(network, every) for every in settings]
        times = clock([step for step, _ in made], seconds)
        rows = [
            {"every": e, "peak": peak, "seconds": t, "loss": step()}
            for e, (step, peak), t in zip(settings, made, times)
        ]
        pipe.send(rows)
    except Exception as e:
        pipe.send(f"{type(e).__name__}: {e}"[:200])


def ours(name: str, sizes: dict[str, int], limits: list[int], seconds: float) -> tuple[float, list[dict[str, Any]]]:
    """graphdiff's loss, and a row for keeping everything and for each limit."""
    network = NETWORKS[name](**sizes)
    full = compiled(network)
    loss = float(full(network.x, network.y)[0])
    rows: list[dict[str, Any]] = [{"arena": full.plan.arena_bytes}]
    functions: list[Any] = [lambda: full(network.x, network.y)]
    timed = [rows[0]]
    for limit in limits:
        row: dict[str, Any] = {"limit": limit}
        rows.append(row)
        try:
            f = full.within(limit)
            row["arena"] = f.plan_for().arena_bytes
        except gd.MemoryLimitError as e:
            row["smallest"] = e.smallest_arena_bytes
            continue
        functions.append(lambda f=f: f(network.x, network.y))
        timed.append(row)
    for row, t in zip(timed, clock(functions, seconds)):
        row["seconds"] = t
    return loss, rows


def compare(name: str, sizes: dict[str, int], engines: list[str], threads: int, seconds: float) -> list[dict[str, Any]]:
    """Rows of all engines on one network."""
    root = math.isqrt(STAGES[name])
    settings: list[int | None] = [None, root if name != "lstm" else 16, 1 if name != "lstm" else 64]
    context = multiprocessing.get_context("spawn")
    rows: list[dict[str, Any]] = []
    for engine in engines:
        here, there = context.Pipe()
        process = context.Process(target=peer, args=(engine, name, sizes, settings, threads, seconds, there))
        process.start()
        there.close()
        try:
            found = here.recv()
        except EOFError:
            found = "the process died"
        process.join()
        if isinstance(found, str):
            rows.append({"network": name, "engine": engine, "error": found})
        else:
            rows += [{"network": name, "engine": engine, **r} for r in found]
    told = [r for r in rows if "peak" in r]
    loss, mine = ours(name, sizes, [r["peak"] for r in told], seconds)
    for row, own in zip(told, mine[1:]):
        row.update(ours=own, agrees=bool(np.isclose(row["loss"], loss, rtol=1e-3)), kept=mine[0])
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The results as Markdown."""
    header = [
        "network",
        "engine",
        "checkpoint",
        "peak",
        "time",
        "more",
        "our arena within it",
        "our time",
        "more",
        "peer ÷ ours",
        "agrees",
    ]
    lines = []
    least: dict[tuple[str, str], float] = {}
    for r in rows:
        if "error" in r:
            lines.append([r["network"], r["engine"], r["error"], *[""] * 8])
            continue
        kept = least.setdefault((r["network"], r["engine"]), r["seconds"])
        every = "none" if r["every"] is None else "each stage" if r["every"] == 1 else f"every {r['every']}"
        own = r["ours"]
        line = [
            r["network"],
            r["engine"],
            every,
            f"{r['peak']:,}",
            time_text(1e6 * r["seconds"]),
            f"{r['seconds'] / kept - 1:+.0%}",
        ]
        if "seconds" in own:
            more = own["seconds"] / r["kept"]["seconds"] - 1
            line += [
                f"{own['arena']:,}",
                time_text(1e6 * own["seconds"]),
                f"{more:+.0%}",
                f"{r['seconds'] / own['seconds']:.2f}",
            ]
        else:
            line += [f"none; least {own['smallest']:,}", "", "", ""]
        lines.append([*line, "yes" if r["agrees"] else "NO"])
    return markdown(header, lines, left=3)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory peers", description=__doc__)
    parser.add_argument("networks", nargs="*", metavar="network", help=f"of {', '.join(NETWORKS)} (all)")
    parser.add_argument("--engines", default="torch,jax")
    parser.add_argument("--size", action="append", default=[], metavar="NAME=N", help="an argument of the network")
    parser.add_argument("--seconds", type=float, default=3.0, help="of timing for each engine and network")
    parser.add_argument("--threads", type=int, default=2)
    a = parser.parse_args(arguments)
    gd.set_num_threads(a.threads)
    sizes = {k: int(v) for k, v in (s.split("=") for s in a.size)}
    rows: list[dict[str, Any]] = []
    for name in a.networks or list(NETWORKS):
        if name not in NETWORKS:
            parser.error(f"no network {name!r}; there are {', '.join(NETWORKS)}")
        mine = compare(name, sizes, a.engines.split(","), a.threads, a.seconds)
        rows += mine
        print(table(mine), flush=True)
    write("memory_peers", rows, f"{processor()}, {a.threads} threads\n\n{table(rows)}")
