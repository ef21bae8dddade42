"""The five models by JAX with Flax and Optax: each function defines and trains one, ``epochs`` times over arrays.

A model's compiled step is kept between runs of as many steps, so that the least of several rounds holds no compiling.
"""

from functools import cache

import jax
import numpy as np
import optax
from flax import linen as nn
from jax import numpy as jnp

BATCH = 64


class CNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = jnp.transpose(x, (0, 2, 3, 1))  # its convolutions want channels last
        for i, features in enumerate((32, 32, 64, 64)):
            x = nn.Conv(features, (3, 3), padding=1, use_bias=False)(x)
            x = nn.relu(nn.BatchNorm(use_running_average=False, momentum=0.9)(x))
            if i % 2:
                x = nn.max_pool(x, (2, 2), (2, 2))
        x = nn.Dropout(0.4, deterministic=False)(x.reshape(len(x), -1))
        return nn.Dense(10)(x)


class GPT(nn.Module):
    @nn.compact
    def __call__(self, ids):
        table, positions = nn.Embed(100, 64), nn.Embed(64, 64)
        x = table(ids) + positions(jnp.arange(ids.shape[1]))
        mask = nn.make_causal_mask(ids)
        for i in range(2):
            y = nn.LayerNorm(name=f"norm_{i}a")(x)
            x = x + nn.MultiHeadDotProductAttention(4, name=f"blocks_{i}attention")(y, mask=mask)
            y = nn.gelu(nn.Dense(256, name=f"blocks_{i}up")(nn.LayerNorm(name=f"norm_{i}b")(x)), approximate=False)
            x = x + nn.Dense(64, name=f"blocks_{i}down")(y)
        return table.attend(nn.LayerNorm()(x))


class Tagger(nn.Module):
    @nn.compact
    def __call__(self, ids, lengths):
        both = nn.Bidirectional(nn.RNN(nn.OptimizedLSTMCell(32)), nn.RNN(nn.OptimizedLSTMCell(32)))
        return nn.Dense(3)(both(nn.Embed(4, 16)(ids), seq_lengths=lengths))


class ResNet(nn.Module):
    @nn.compact
    def __call__(self, x):
        for _ in range(10):
            y = nn.relu(nn.BatchNorm(use_running_average=False, momentum=0.9)(nn.Dense(64)(x)))
            x = nn.relu(x + nn.BatchNorm(use_running_average=False, momentum=0.9)(nn.Dense(64)(y)))
        return nn.Dense(10)(x)


class VAE(nn.Module):
    @nn.compact
    def __call__(self, x):
        mean, log_var = jnp.split(nn.Dense(16)(nn.silu(nn.Dense(128)(x))), 2, axis=1)
        noise = jax.random.normal(self.make_rng("noise"), mean.shape)
        return nn.Dense(64)(nn.silu(nn.Dense(128)(mean + jnp.exp(0.5 * log_var) * noise))), mean, log_var


def cross_entropy(logits, target):
    kept = target >= 0
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.where(kept, target, 0))
    return jnp.sum(losses * kept) / jnp.sum(kept)


def variational(found, x):
    logits, mean, log_var = found
    pixels = jnp.sum(optax.sigmoid_binary_cross_entropy(logits, x))
    return (pixels - 0.5 * jnp.sum(1 + log_var - mean**2 - jnp.exp(log_var))) / len(x)


def decayed(params):
    """GPT's weights inside its blocks."""
    return jax.tree_util.tree_map_with_path(
        lambda path, _: "blocks" in jax.tree_util.keystr(path) and "kernel" in jax.tree_util.keystr(path), params
    )


RULES = {
    "cnn": lambda steps: optax.adamw(optax.cosine_onecycle_schedule(max(steps, 4), 0.01), weight_decay=0.05),
    "gpt": lambda steps: optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1e-3, weight_decay=0.1, mask=decayed)),
    "tagger": lambda steps: optax.chain(optax.clip_by_global_norm(1.0), optax.adam(5e-3)),
    "resnet": lambda steps: optax.sgd(optax.cosine_decay_schedule(0.05, steps), momentum=0.9),
    "vae": lambda steps: optax.adam(2e-3),
}


@cache
def made(name, steps):
    """The model, its rule, and the compiled step: variables, the rule's state, a key and a batch to the next of them
    with the loss."""
    model = {"cnn": CNN, "gpt": GPT, "tagger": Tagger, "resnet": ResNet, "vae": VAE}[name]()
    rule, loss = RULES[name](steps), variational if name == "vae" else cross_entropy

    @jax.jit
    def step(params, stats, state, key, inputs, target):
        key, drawn = jax.random.split(key)

        def of(params):
            found, changed = model.apply(
                {"params": params, **stats}, *inputs, rngs={"dropout": drawn, "noise": drawn}, mutable=["batch_stats"]
            )
            return loss(found, target), changed

        (value, stats), slopes = jax.value_and_grad(of, has_aux=True)(params)
        changes, state = rule.update(slopes, state, params)
        return optax.apply_updates(params, changes), stats, state, key, value

    return model, rule, step


def fit(name, inputs, target, epochs):
    steps = epochs * (len(target) // BATCH)
    model, rule, step = made(name, steps)
    key = jax.random.key(0)
    variables = model.init({"params": key, "dropout": key, "noise": key}, *(a[:BATCH] for a in inputs))
    params, stats = variables["params"], {k: v for k, v in variables.items() if k != "params"}
    state, order = rule.init(params), np.random.default_rng(0)
    for _ in range(epochs):
        rows, total = order.permutation(len(target)), 0.0
        for first in range(0, len(target) - BATCH + 1, BATCH):
            at = rows[first : first + BATCH]
            params, stats, state, key, value = step(params, stats, state, key, tuple(a[at] for a in inputs), target[at])
            total += float(value)


def cnn(x, t, epochs):
    fit("cnn", (x,), t, epochs)


def gpt(x, t, epochs):
    fit("gpt", (x,), t, epochs)


def tagger(x, t, epochs):
    fit("tagger", x, t, epochs)


def resnet(x, t, epochs):
    fit("resnet", (x,), t, epochs)


def vae(x, t, epochs):
    fit("vae", (x,), x, epochs)
