"""A campaign: 30 steps of training here and in PyTorch from the same weights, in float64.

``python tests/support/trajectories.py [seed]`` prints the largest difference of any weight after 30 steps, for a
residual network with batch norm, a GPT with tied embedding and groups with and without weight decay, and a
bidirectional LSTM and GRU over sequences of several lengths: from PyTorch's, and between two runs of PyTorch alone that
differ in the order of the batch, so that no sum is of other numbers. What these two differ by is rounding.

A bias before a batch norm changes nothing, nor does that of the keys of attention, so its gradient is rounding alone,
which Adam divides by its own size. The network is trained with such biases and without them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

import graphdiff as gd  # noqa: E402
from graphdiff import layers as L  # noqa: E402

STEPS, D = 30, "float64"


class Task(NamedTuple):
    """A model twice, with its loss and optimiser twice, and a batch for each step; ``examples``: the axis of each array
    of a batch along which its examples lie."""

    ours: Any
    theirs: torch.nn.Module
    our_loss: Callable[..., gd.Tensor]
    their_loss: Callable[..., torch.Tensor]
    our_rule: Callable[[dict[str, gd.Tensor], dict[str, gd.Tensor]], Any]
    their_rule: Callable[[torch.nn.Module], torch.optim.Optimizer]
    batches: list[list[np.ndarray]]
    examples: tuple[int, ...]


# --------------------------------------------------------------------------------------- a residual network


class Block(L.Layer):
    def __init__(self, width: int, bias: bool):
        self.one, self.norm1 = L.Linear(width, width, bias, dtype=D), L.BatchNorm(width, dtype=D)
        self.two, self.norm2 = L.Linear(width, width, bias, dtype=D), L.BatchNorm(width, dtype=D)

    def __call__(self, x: gd.Tensor) -> gd.Tensor:
        return x + self.norm2(self.two(gd.nn.relu(self.norm1(self.one(x)))))


class TorchBlock(torch.nn.Module):
    def __init__(self, width: int, bias: bool):
        super().__init__()
        self.one, self.norm1 = torch.nn.Linear(width, width, bias), torch.nn.BatchNorm1d(width)
        self.two, self.norm2 = torch.nn.Linear(width, width, bias), torch.nn.BatchNorm1d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.norm2(self.two(F.relu(self.norm1(self.one(x)))))


def resnet(rng: np.random.Generator, bias: bool) -> Task:
    width, depth = 24, 4
    ours = L.Sequential(
        L.Linear(16, width, dtype=D), *[Block(width, bias) for _ in range(depth)], L.Linear(width, 5, dtype=D)
    )
    theirs = torch.nn.Sequential(
        torch.nn.Linear(16, width), *[TorchBlock(width, bias) for _ in range(depth)], torch.nn.Linear(width, 5)
    ).double()
    batches = [[rng.normal(size=(32, 16)), rng.integers(0, 5, 32)] for _ in range(STEPS)]
    return Task(
        ours,
        theirs,
        lambda x, t: gd.nn.cross_entropy(ours(x), t),
        lambda x, t: F.cross_entropy(theirs(x), t),
        lambda ps, gs: gd.optim.Adam(1e-3).updates(ps, gs),
        lambda m: torch.optim.Adam(m.parameters(), 1e-3),
        batches,
        (0, 0),
    )


# --------------------------------------------------------------------------------------- a GPT


class GPT(L.Layer):
    def __init__(self, vocabulary: int, width: int, length: int, depth: int):
        self.wte, self.wpe = L.Embedding(vocabulary, width, dtype=D), L.Embedding(length, width, dtype=D)
        self.h = [L.TransformerBlock(width, 4, 4 * width, causal=True, dtype=D) for _ in range(depth)]
        self.ln_f = L.LayerNorm(width, dtype=D)

    def __call__(self, ids: gd.Tensor) -> gd.Tensor:
        x = self.wte(ids) + self.wpe(gd.arange(ids.shape[1]))
        for block in self.h:
            x = block(x)
        return self.ln_f(x) @ gd.matrix_transpose(self.wte.weight)


class TorchGPT(torch.nn.Module):
    def __init__(self, vocabulary: int, width: int, length: int, depth: int):
        super().__init__()
        self.wte, self.wpe = torch.nn.Embedding(vocabulary, width), torch.nn.Embedding(length, width)
        block = torch.nn.TransformerEncoderLayer
        self.h = torch.nn.ModuleList(
            block(width, 4, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True) for _ in range(depth)
        )
        self.ln_f = torch.nn.LayerNorm(width)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        n = ids.shape[1]
        x = self.wte(ids) + self.wpe(torch.arange(n))
        mask = torch.ones(n, n, dtype=torch.bool).triu(1)
        for block in self.h:
            x = block(x, src_mask=mask)
        return self.ln_f(x) @ self.wte.weight.T


def gpt(rng: np.random.Generator) -> Task:
    sizes = 17, 32, 12, 2
    ours, theirs = GPT(*sizes), TorchGPT(*sizes).double()
    batches = [[rng.integers(0, 17, (8, 12)), rng.integers(0, 17, (8, 12))] for _ in range(STEPS)]

    def our_rule(ps: dict[str, gd.Tensor], gs: dict[str, gd.Tensor]) -> Any:
        names = [[n for n, p in ps.items() if (p.ndim > 1) is wide] for wide in (True, False)]
        groups = [{"params": [ps[n] for n in of], "weight_decay": w} for of, w in zip(names, (0.1, 0.0))]
        return gd.optim.AdamW(1e-3).updates(groups, [[gs[n] for n in of] for of in names])

    def their_rule(m: torch.nn.Module) -> torch.optim.Optimizer:
        of = [[p for p in m.parameters() if (p.ndim > 1) is wide] for wide in (True, False)]
        return torch.optim.AdamW([{"params": p, "weight_decay": w} for p, w in zip(of, (0.1, 0.0))], 1e-3)

    return Task(
        ours,
        theirs,
        lambda ids, t: gd.nn.cross_entropy(ours(ids), t),
        lambda ids, t: F.cross_entropy(theirs(ids).flatten(0, 1), t.flatten()),
        our_rule,
        their_rule,
        batches,
        (0, 0),
    )


# --------------------------------------------------------------------------------------- recurrent networks


class Tagger(L.Layer):
    def __init__(self, kind: Any):
        self.rnn, self.out = kind(6, 10, 2, bidirectional=True, dtype=D), L.Linear(20, 4, dtype=D)

    def __call__(self, x: gd.Tensor, lengths: gd.Tensor) -> gd.Tensor:
        return self.out(self.rnn(x, lengths=lengths)[0])


class TorchTagger(torch.nn.Module):
    def __init__(self, kind: Any):
        super().__init__()
        self.rnn, self.out = kind(6, 10, 2, bidirectional=True), torch.nn.Linear(20, 4)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(self.rnn(packed)[0], total_length=x.shape[0])
        return self.out(y)


def tagger(rng: np.random.Generator, kind: str) -> Task:
    ours, theirs = Tagger(getattr(L, kind)), TorchTagger(getattr(torch.nn, kind)).double()
    batches = []
    for _ in range(STEPS):
        lengths = rng.integers(1, 10, 8)
        labels = np.where(np.arange(9)[:, None] < lengths, rng.integers(0, 4, (9, 8)), -100)
        batches.append([rng.normal(size=(9, 8, 6)), lengths, labels])
    return Task(
        ours,
        theirs,
        lambda x, n, t: gd.nn.cross_entropy(ours(x, n), t, ignore_index=-100),
        lambda x, n, t: F.cross_entropy(theirs(x, n).flatten(0, 1), t.flatten(), ignore_index=-100),
        lambda ps, gs: gd.optim.Adam(1e-3).updates(ps, gs),
        lambda m: torch.optim.Adam(m.parameters(), 1e-3),
        batches,
        (1, 0, 1),
    )


# --------------------------------------------------------------------------------------- running


def run_theirs(task: Task, start: dict[str, torch.Tensor], order: np.ndarray | None) -> dict[str, np.ndarray]:
    """The weights after all steps, the examples of each batch in the order given."""
    task.theirs.load_state_dict(start)
    rule = task.their_rule(task.theirs)
    for batch in task.batches:
        arrays = [a if order is None else np.take(a, order, axis) for a, axis in zip(batch, task.examples)]
        rule.zero_grad()
        task.their_loss(*map(torch.tensor, arrays)).backward()
        rule.step()
    return {name: p.detach().numpy().copy() for name, p in task.theirs.state_dict().items()}


def run_ours(task: Task, start: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    L.from_torch(task.ours, start)
    xs = [gd.input(f"x{i}", a.shape, a.dtype) for i, a in enumerate(task.batches[0])]
    ps = task.ours.parameters
    with L.training() as run:
        loss = task.our_loss(*xs)
    f = gd.compile(xs, loss, updates=task.our_rule(ps, gd.grad(loss, ps)) | run.updates)
    for batch in task.batches:
        f(*batch)
    return L.to_torch(task.ours)


def apart(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> tuple[float, str]:
    """The largest difference, and of which weight."""
    return max((float(np.abs(a[n] - b[n]).max()), n) for n in a if a[n].dtype.kind == "f")


TASKS: dict[str, Callable[[np.random.Generator], Task]] = {
    "residual network, biases before batch norm": lambda rng: resnet(rng, True),
    "residual network without them": lambda rng: resnet(rng, False),
    "GPT, tied embedding, decay groups": gpt,
    "bidirectional LSTM with lengths": lambda rng: tagger(rng, "LSTM"),
    "bidirectional GRU with lengths": lambda rng: tagger(rng, "GRU"),
}


def main(seed: int) -> None:
    torch.set_num_threads(1)
    print(f"{'after 30 steps, float64':44} {'from PyTorch':>13} {'PyTorch reordered':>18}")
    for name, make in TASKS.items():
        torch.manual_seed(seed)
        task = make(np.random.default_rng(seed))
        start = {k: v.clone() for k, v in task.theirs.state_dict().items()}
        theirs = run_theirs(task, start, None)
        order = np.random.default_rng(seed + 1).permutation(task.batches[0][0].shape[task.examples[0]])
        ours, again = apart(run_ours(task, start), theirs), apart(run_theirs(task, start, order), theirs)
        print(f"{name:44} {ours[0]:13.1e} {again[0]:18.1e}   {ours[1]} / {again[1]}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
