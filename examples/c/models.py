"""The models that the C examples run: `python examples/c/models.py NAME FOLDER` exports one.

xor       a step of training, for a microcontroller, a sketch and a page
digits    a step of training on handwritten digits (pip install scikit-learn), with the digits as a table of C
pendulum  the energy of a pendulum's state and its gradient, for a simulation in C++
"""

import sys
from pathlib import Path

import numpy as np

import graphdiff as gd

BATCHES, ROWS = 8, 32


def xor():
    x, t = gd.input("x", (4, 2)), gd.input("t", (4, 1))
    W1 = gd.parameter("W1", shape=(2, 8), init=gd.init.xavier_uniform(seed=0))
    b1 = gd.parameter("b1", value=np.zeros(8, np.float32))
    W2 = gd.parameter("W2", shape=(8, 1), init=gd.init.xavier_uniform(seed=1))
    b2 = gd.parameter("b2", value=np.zeros(1, np.float32))
    P = [W1, b1, W2, b2]
    y = gd.tanh(x @ W1 + b1) @ W2 + b2
    loss = gd.nn.binary_cross_entropy_with_logits(y, t)
    updates = gd.optim.SGD(0.5, momentum=0.9).updates(P, gd.grad(loss, P))
    return gd.compile([x, t], [loss, gd.nn.sigmoid(y)], updates=updates, name="xor_step")


def digits():
    x, t = gd.input("x", (ROWS, 64)), gd.input("t", (ROWS,), dtype="int32")
    W1 = gd.parameter("W1", shape=(64, 24), init=gd.init.he_normal(seed=0))
    b1 = gd.parameter("b1", value=np.zeros(24, np.float32))
    W2 = gd.parameter("W2", shape=(24, 10), init=gd.init.he_normal(seed=1))
    b2 = gd.parameter("b2", value=np.zeros(10, np.float32))
    P = [W1, b1, W2, b2]
    loss = gd.nn.cross_entropy(gd.nn.relu(x @ W1 + b1) @ W2 + b2, t)
    updates = gd.optim.Adam(0.01).updates(P, gd.grad(loss, P))
    return gd.compile([x, t], loss, updates=updates, name="digits_step")


def digits_data():
    """The digits of ``BATCHES`` steps: pixels from 0 to 16, and labels."""
    from sklearn.datasets import load_digits

    found = load_digits()
    count = BATCHES * ROWS
    return found.data[:count].astype(np.uint8).reshape(BATCHES, -1), found.target[:count].reshape(BATCHES, -1)


def digits_table():
    """``digits_data`` as C."""
    tables = []
    for name, rows in zip(("pixels", "labels"), digits_data()):
        lines = "".join(f"    {{{', '.join(map(str, row))}}},\n" for row in rows.tolist())
        tables.append(f"static const unsigned char {name}[{len(rows)}][{len(rows[0])}] = {{\n{lines}}};\n")
    return "\n".join(tables)


def pendulum():
    state = gd.input("state", (2,), dtype="float64")
    energy = 0.5 * state[1] * state[1] + 9.81 * (1 - gd.cos(state[0]))
    return gd.compile([state], [energy, gd.grad(energy, state)], name="pendulum")


if __name__ == "__main__":
    name, folder = sys.argv[1:]
    f = {"xor": xor, "digits": digits, "pendulum": pendulum}[name]()
    for path in f.export_c(folder, f.name, values=True):
        print(path)
    if name == "digits":
        Path(folder, "digits_data.h").write_text(digits_table())
