"""The models that the C examples run: `python examples/c/models.py NAME FOLDER` exports one.

xor       a step of training, for a microcontroller and for a page
pendulum  the energy of a pendulum's state and its gradient, for a simulation in C++
"""

import sys

import numpy as np

import graphdiff as gd


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


def pendulum():
    state = gd.input("state", (2,), dtype="float64")
    energy = 0.5 * state[1] * state[1] + 9.81 * (1 - gd.cos(state[0]))
    return gd.compile([state], [energy, gd.grad(energy, state)], name="pendulum")


if __name__ == "__main__":
    name, folder = sys.argv[1:]
    f = {"xor": xor, "pendulum": pendulum}[name]()
    for path in f.export_c(folder, f.name, values=True):
        print(path)
