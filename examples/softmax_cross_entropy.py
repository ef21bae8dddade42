"""Softmax followed by cross-entropy: the adjoint, derived rule by rule, simplifies to p − y.

The loss is written out as −Σ y log(softmax(z)). Its adjoint divides by the probabilities and multiplies by the Jacobian
of softmax; the rewrites cancel both. What is left to run is one softmax and one subtraction, safe for any logits.
"""

import numpy as np

import graphdiff as gd

z = gd.input("z", shape=("batch", 4), dtype="float64")
label = gd.input("label", shape=("batch",), dtype="int64")

loss = gd.nn.cross_entropy(z, label, reduction="sum")
print("as derived:\n")
print(gd.adjoint(loss, z))

gradient = gd.compile([z, label], gd.grad(loss, z), name="gradient")
print("\nas run:\n")
print(gradient.graph)

rng = np.random.default_rng(0)
z_value = rng.normal(size=(3, 4))
labels = np.array([0, 2, 3])
p = np.exp(z_value) / np.exp(z_value).sum(axis=1, keepdims=True)
assert np.allclose(gradient(z_value, labels), p - np.eye(4)[labels], rtol=1e-14, atol=1e-15)

# Written out, the logarithm of a probability that underflows would be −inf and its gradient NaN.
far = np.array([[1000.0, 0.0, 0.0, 0.0]])
print("\np − y for logits", far[0], "and label 1:", gradient(far, np.array([1]))[0])
assert np.array_equal(gradient(far, np.array([1])), [[1, -1, 0, 0]])
