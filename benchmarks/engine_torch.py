"""The nine workloads in PyTorch, eager or compiled. ``build(name, data)`` gives a step that returns the loss."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from .data import CLIP, FUNCTIONS, Data, triangle_order


def xor(p: Any, x: Any, y: Any, data: Data) -> Any:
    return F.binary_cross_entropy(torch.sigmoid(torch.sigmoid(x @ p[0] + p[1]) @ p[2] + p[3]), y)


def mlp(p: Any, x: Any, y: Any, data: Data) -> Any:
    for i in range(0, len(p), 2):
        x = torch.addmm(p[i + 1], x, p[i])
        if i + 2 < len(p):
            x = torch.relu(x)
    return F.cross_entropy(x, y)


def deep(p: Any, x: Any, y: Any, data: Data) -> Any:
    for i in range(0, len(p), 2):
        x = x + torch.tanh(torch.addmm(p[i + 1], x, p[i]))
    return F.mse_loss(x, y)


def cnn(p: Any, x: Any, y: Any, data: Data) -> Any:
    x = F.max_pool2d(torch.relu(F.conv2d(x, p[0], p[1], padding=1)), 2)
    x = F.max_pool2d(torch.relu(F.conv2d(x, p[2], p[3], padding=1)), 2).flatten(1)
    return F.cross_entropy(torch.addmm(p[7], torch.relu(torch.addmm(p[5], x, p[4])), p[6]), y)


def gpt(p: Any, x: Any, y: Any, data: Data) -> Any:
    batch, length = x.shape
    d, heads = p[0].shape[1], data["heads"]
    h = p[0][x] + p[1]
    for layer in range(data["layers"]):
        q = p[2 + 12 * layer : 14 + 12 * layer]
        a = F.layer_norm(h, (d,), q[0], q[1]) @ q[2] + q[3]
        qkv = [t.view(batch, length, heads, d // heads).transpose(1, 2) for t in a.split(d, 2)]
        a = F.scaled_dot_product_attention(*qkv, is_causal=True)
        h = h + a.transpose(1, 2).reshape(batch, length, d) @ q[4] + q[5]
        a = F.gelu(F.layer_norm(h, (d,), q[6], q[7]) @ q[8] + q[9], approximate="tanh")
        h = h + a @ q[10] + q[11]
    logits = F.layer_norm(h, (d,), p[-3], p[-2]) @ p[-1]
    return F.cross_entropy(logits.view(batch * length, -1), y.reshape(-1))


def lstm(p: Any, x: Any, y: Any, data: Data) -> Any:
    h = c = x.new_zeros(x.shape[1], data["hidden"])
    for row in x @ p[0] + p[2]:
        i, f, g, o = (row + h @ p[1]).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
    return F.cross_entropy(h @ p[3] + p[4], y)


def elem(p: Any, data: Data) -> Any:
    spot, strike, v = p
    d1 = (torch.log(spot / strike) + 0.02 + 0.5 * v * v) / v
    d2 = d1 - v

    def normal(z: Any) -> Any:
        return 0.5 * (1 + torch.erf(z * (1 / math.sqrt(2))))

    return (spot * normal(d1) - strike * math.exp(-0.02) * normal(d2)).sum()


def rosen(p: Any, data: Data) -> Any:
    (x,) = p
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def gmm(p: Any, data: Data) -> Any:
    alphas, means, icf = p
    x, d = torch.from_numpy(data["x"]), data["d"]
    diagonal, total = torch.exp(icf[:, :d]), icf[:, :d].sum(1)
    rows, columns = (torch.from_numpy(a) for a in triangle_order(d))
    k = torch.arange(len(alphas))[:, None]
    lower = torch.zeros(len(alphas), d, d, dtype=x.dtype).index_put((k, rows[None], columns[None]), icf[:, d:])
    centred = x[:, None, :] - means
    q = diagonal * centred + torch.einsum("kij,nkj->nki", lower, centred)
    main = alphas + total - 0.5 * (q**2).sum(2)
    wishart = 0.5 * ((diagonal**2).sum() + (icf[:, d:] ** 2).sum())
    return torch.logsumexp(main, 1).sum() - len(x) * torch.logsumexp(alphas, 0) + wishart


def optimizer(name: str, params: Any) -> Any:
    if name == "mlp":
        return torch.optim.Adam(params, lr=1e-3, fused=True)
    if name == "gpt":
        return torch.optim.AdamW(params, lr=1e-3, weight_decay=0.01, fused=True)
    rate = {"xor": 1.0, "cnn": 0.01, "deep": 0.01, "lstm": 0.1}[name]
    return torch.optim.SGD(params, lr=rate, momentum=0.9 if name == "deep" else 0.0, fused=name != "xor")


def build(name: str, data: Data, threads: int = 1, compiled: bool = False) -> Any:
    torch.set_num_threads(threads)
    forward = globals()[name]
    if compiled:
        torch._dynamo.reset()
        forward = torch.compile(forward)
    params = [torch.from_numpy(np.array(a)).requires_grad_(True) for a in data["params"]]
    if name in FUNCTIONS:

        def evaluate() -> float:
            for p in params:
                p.grad = None
            loss = forward(params, data)
            loss.backward()
            return loss.item()

        return evaluate
    x, y = torch.from_numpy(data["x"]), torch.from_numpy(data["y"])
    rule = optimizer(name, params)

    def step() -> float:
        rule.zero_grad(set_to_none=True)
        loss = forward(params, x, y, data)
        loss.backward()
        if name in CLIP:
            torch.nn.utils.clip_grad_norm_(params, CLIP[name])
        rule.step()
        return loss.item()

    return step
