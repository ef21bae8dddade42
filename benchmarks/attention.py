"""``python -m benchmarks.attention``: attention for short and long sequences, alone and with its gradients.

``gd.nn.scaled_dot_product_attention``, one instruction each way, beside the same written out in products and a softmax,
and beside PyTorch's where that is installed; all take turns. Memory is the arena: what grows with the square of the
length where it is written out. Gradients of the two must agree. Writes benchmarks/results/attention.{json,md}.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import math
from collections.abc import Callable
from typing import Any

import numpy as np

import graphdiff as gd

from .memory.models import clock
from .report import markdown, processor, time_text, write

Step = Callable[[], Any]


def written_out(q: Any, k: Any, v: Any, is_causal: bool) -> Any:
    """The formula."""
    scores = q @ gd.matrix_transpose(k) / math.sqrt(q.shape[-1])
    if is_causal:
        scores = gd.where(np.tril(np.ones(scores.shape[-2:], bool)), scores, -math.inf)
    return gd.nn.softmax(scores) @ v


def ours(attend: Callable[..., Any], arrays: list[np.ndarray], causal: bool, graded: bool) -> tuple[Step, int]:
    """A call, and its arena's bytes."""
    inputs = [gd.input(name, a.shape) for name, a in zip("qkv", arrays)]
    y = attend(*inputs, is_causal=causal)
    f = gd.compile(inputs, [y, *gd.grad(gd.sum(y * y), inputs)] if graded else [y])
    return (lambda: f(*arrays)), f.plan.arena_bytes


def torch_step(arrays: list[np.ndarray], causal: bool, graded: bool) -> Step:
    torch = importlib.import_module("torch")
    q, k, v = (torch.tensor(a, requires_grad=graded) for a in arrays)

    def step() -> Any:
        y = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return torch.autograd.grad((y * y).sum(), (q, k, v)) if graded else y

    return step


def measure(length: int, batch: int, heads: int, width: int, seconds: float) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((batch, heads, length, width)).astype(np.float32) for _ in range(3)]
    rows = []
    for causal in (True, False):
        for graded in (False, True):
            fused, arena = ours(gd.nn.scaled_dot_product_attention, arrays, causal, graded)
            plain, plain_arena = ours(written_out, arrays, causal, graded)
            agree = all(np.allclose(a, b, rtol=1e-3, atol=1e-4) for a, b in zip(fused(), plain()))
            steps = [fused, plain]
            if importlib.util.find_spec("torch"):
                steps.append(torch_step(arrays, causal, graded))
            times = clock(steps, seconds)
            rows.append(
                {
                    "length": length,
                    "batch": batch,
                    "heads": heads,
                    "width": width,
                    "causal": causal,
                    "gradients": graded,
                    "seconds": times[0],
                    "arena": arena,
                    "written_out": times[1],
                    "written_out_arena": plain_arena,
                    "torch": times[2] if len(times) > 2 else None,
                    "agree": agree,
                }
            )
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    header = [
        "length",
        "batch",
        "causal",
        "with gradients",
        "time",
        "arena",
        "written out",
        "arena",
        "÷ ours",
        "PyTorch",
        "÷ ours",
        "agree",
    ]
    lines = []
    for r in rows:
        line = [
            f"{r['length']:,}",
            str(r["batch"]),
            "yes" if r["causal"] else "no",
            "yes" if r["gradients"] else "no",
            time_text(1e6 * r["seconds"]),
            f"{r['arena']:,}",
            time_text(1e6 * r["written_out"]),
            f"{r['written_out_arena']:,}",
            f"{r['written_out'] / r['seconds']:.2f}",
        ]
        torch = [time_text(1e6 * r["torch"]), f"{r['torch'] / r['seconds']:.2f}"] if r["torch"] else ["", ""]
        lines.append([*line, *torch, "yes" if r["agree"] else "NO"])
    return markdown(header, lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attention", description=__doc__)
    parser.add_argument("--lengths", default="64,512,2048")
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--width", type=int, default=32, help="of a head")
    parser.add_argument("--rows", type=int, default=1024, help="of all sequences together: the batch is made of them")
    parser.add_argument("--seconds", type=float, default=2.0, help="of timing for each line")
    parser.add_argument("--threads", type=int, default=2)
    a = parser.parse_args()
    gd.set_num_threads(a.threads)
    if importlib.util.find_spec("torch"):
        importlib.import_module("torch").set_num_threads(a.threads)
    rows: list[dict[str, Any]] = []
    for length in map(int, a.lengths.split(",")):
        rows += measure(length, max(1, a.rows // length), a.heads, a.width, a.seconds)
    text = f"{processor()}, {a.threads} threads, {a.heads} heads of {a.width}\n\n{table(rows)}"
    print(text)
    write("attention", rows, text)


if __name__ == "__main__":
    main()
