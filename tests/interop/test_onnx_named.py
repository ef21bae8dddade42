"""Operators that other tools look for by name, each written as itself: from graphdiff's own functions and layers, and
again from the file."""

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx_written import compare

import graphdiff as gd
from graphdiff import layers as L

save = gd.interop.onnx.save
RNG = np.random.default_rng(0)


def p(*shape):
    return gd.parameter("p" + "_".join(map(str, shape)), value=RNG.uniform(-0.5, 0.5, shape).astype("f"))


def layer(*layers):
    return lambda x: L.Sequential(*layers, seed=0)(x)


def first(*layers):
    return lambda x: L.Sequential(*layers, seed=0)(x)[0]


def attention(**how):
    return lambda q: gd.nn.scaled_dot_product_attention(q, q, q, **how)


MASK = gd.constant(np.tril(np.ones((4, 4), bool)) & (np.arange(4)[:, None] != 2))  # its third row has nothing
IMAGE, SIGNAL, VOLUME, ROWS, STEPS = ("n", 4, 6, 8), ("n", 4, 9), ("n", 2, 4, 6, 4), ("n", 6), (5, "n", 6)
WORDS, HEADS, LABELS = ("n", 5, 6), ("n", 2, 4, 6), ("n",)
# operator, the shape of an input (of labels: integers below 4), what is made of it
OPERATORS = [
    ("Gemm", ROWS, layer(L.Linear(6, 3))),
    ("Gemm", ROWS, lambda x: gd.nn.linear(x, p(6, 3), p(3))),
    ("Gemm", ROWS, lambda x: x @ p(3, 6).T + p(3)),
    ("MatMul", WORDS, layer(L.Linear(6, 3))),
    ("MatMul", WORDS, lambda x: x @ p(6, 2)),
    ("Conv", SIGNAL, layer(L.Conv1d(4, 3, 3, padding=1))),
    ("Conv", IMAGE, layer(L.Conv2d(4, 6, 3, stride=2, padding=1, groups=2))),
    ("Conv", IMAGE, lambda x: gd.nn.conv2d(x, p(3, 4, 3, 3)) + gd.reshape(p(3), (3, 1, 1))),
    ("Conv", VOLUME, layer(L.Conv3d(2, 3, 3, padding=1))),
    ("ConvTranspose", SIGNAL, layer(L.ConvTranspose1d(4, 3, 3, stride=2))),
    ("ConvTranspose", IMAGE, layer(L.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1))),
    ("MaxPool", SIGNAL, lambda x: gd.nn.max_pool1d(x, 3)),
    ("MaxPool", IMAGE, layer(L.MaxPool(2))),
    ("MaxPool", IMAGE, lambda x: gd.nn.max_pool2d(x, 3, 2, padding=1)),
    ("MaxPool", VOLUME, lambda x: gd.nn.max_pool3d(x, 2)),
    ("AveragePool", SIGNAL, lambda x: gd.nn.avg_pool1d(x, 3)),
    ("AveragePool", IMAGE, layer(L.AvgPool(2))),
    ("AveragePool", VOLUME, lambda x: gd.nn.avg_pool3d(x, 2)),
    ("GlobalAveragePool", IMAGE, lambda x: gd.nn.adaptive_avg_pool2d(x, 1)),
    ("BatchNormalization", IMAGE, layer(L.BatchNorm(4))),
    ("LayerNormalization", WORDS, layer(L.LayerNorm(6))),
    ("RMSNormalization", WORDS, layer(L.RMSNorm(6))),
    ("GroupNormalization", IMAGE, layer(L.GroupNorm(2, 4))),
    ("InstanceNormalization", IMAGE, layer(L.InstanceNorm(4))),
    ("LRN", IMAGE, lambda x: gd.nn.local_response_norm(x, 3)),
    ("Gelu", ROWS, gd.nn.gelu),
    ("Gelu", ROWS, lambda x: gd.nn.gelu(x, approximate="tanh")),
    ("Relu", ROWS, gd.nn.relu),
    ("LeakyRelu", ROWS, gd.nn.leaky_relu),
    ("PRelu", IMAGE, lambda x: gd.nn.prelu(x, p(4))),
    ("Elu", ROWS, gd.nn.elu),
    ("Selu", ROWS, gd.nn.selu),
    ("Celu", ROWS, gd.nn.celu),
    ("HardSigmoid", ROWS, gd.nn.hard_sigmoid),
    ("HardSwish", ROWS, gd.nn.hardswish),
    ("Mish", ROWS, gd.nn.mish),
    ("Swish", ROWS, gd.nn.silu),
    ("Sigmoid", ROWS, gd.nn.sigmoid),
    ("Softplus", ROWS, gd.nn.softplus),
    ("Softsign", ROWS, gd.nn.softsign),
    ("Shrink", ROWS, gd.nn.softshrink),
    ("Tanh", ROWS, gd.tanh),
    ("Clip", ROWS, gd.nn.relu6),
    ("Clip", ROWS, lambda x: gd.clip(x, -0.5, 0.5)),
    ("Softmax", WORDS, gd.nn.softmax),
    ("LogSoftmax", WORDS, gd.nn.log_softmax),
    ("Attention", HEADS, attention()),
    ("Attention", HEADS, attention(is_causal=True)),
    ("Attention", HEADS, attention(attn_mask=MASK)),
    ("Attention", HEADS, attention(attn_mask=MASK, is_causal=True)),
    ("Attention", HEADS, attention(attn_mask=MASK[:1])),
    (
        "Attention",
        HEADS,
        lambda q: gd.nn.scaled_dot_product_attention(q, q, q, gd.sum(q[:, :1], axis=-1)[:, None] > -2),
    ),
    ("Attention", WORDS, layer(L.MultiHeadAttention(6, 2))),
    ("RotaryEmbedding", HEADS, gd.nn.rotary_embedding),
    ("LSTM", STEPS, first(L.LSTM(6, 4))),
    ("LSTM", STEPS, first(L.LSTM(6, 4, bidirectional=True))),
    ("GRU", STEPS, first(L.GRU(6, 4))),
    ("RNN", STEPS, first(L.RNN(6, 4))),
    ("Gather", LABELS, layer(L.Embedding(4, 3))),
    ("Gather", ROWS, lambda x: gd.take(x, gd.constant([2, 0]), axis=1)),
    ("GatherElements", ROWS, lambda x: gd.take_along_axis(x, gd.constant(np.zeros((1, 6), int)), axis=0)),
    ("GatherND", ROWS, lambda x: gd.gather_nd(x, gd.constant([[0, 2], [1, 3]]))),
    ("OneHot", LABELS, lambda n: gd.one_hot(n, 4)),
    ("TopK", ROWS, lambda x: gd.topk(x, 2)[0]),
    ("Split", ROWS, lambda x: gd.concat(gd.split(x, [1, 2, 3], axis=1)[::-1], axis=1)),
    ("Concat", ROWS, lambda x: gd.concat([x, x * 2], axis=1)),
    ("Resize", IMAGE, lambda x: gd.nn.interpolate(x, scale_factor=2.0)),
    ("Resize", IMAGE, lambda x: gd.nn.interpolate(x, (9, 5), mode="bilinear")),
    ("Resize", IMAGE, lambda x: gd.nn.interpolate(x, (9, 5), mode="bicubic", align_corners=True)),
    ("DepthToSpace", IMAGE, lambda x: gd.nn.pixel_shuffle(x, 2)),
    ("Pad", ROWS, lambda x: gd.pad(x, ((0, 0), (1, 2)))),
    ("Tile", ROWS, lambda x: gd.tile(x, (2, 1))),
    ("Trilu", ROWS, gd.tril),
    ("Where", ROWS, lambda x: gd.where(x > 0, x, 1)),
    ("Slice", ROWS, lambda x: x[:, 1::2]),
    ("Transpose", ROWS, lambda x: x.T),
    ("Squeeze", WORDS, lambda x: gd.squeeze(x[:, :1], axis=1)),
    ("Unsqueeze", ROWS, lambda x: gd.expand_dims(x, axis=0)),
    ("Einsum", ROWS, lambda x: gd.einsum("ij,kj->ik", x, x)),
    ("CumSum", ROWS, lambda x: gd.cumsum(x, axis=1)),
    ("ArgMax", ROWS, lambda x: gd.argmax(x, axis=1)),
    ("ReduceMean", IMAGE, lambda x: gd.mean(x, axis=(2, 3))),
    ("ReduceLogSumExp", ROWS, lambda x: gd.logsumexp(x, axis=1)),
    ("ReduceL2", ROWS, lambda x: gd.norm(x, axis=1)),
    ("SoftmaxCrossEntropyLoss", ROWS, lambda x: gd.nn.cross_entropy(x, gd.argmin(x, axis=1))),
    ("NegativeLogLikelihoodLoss", ROWS, lambda x: gd.nn.nll(gd.nn.log_softmax(x), gd.argmin(x, axis=1))),
]
# which stand beside others in what a function or a layer says
BESIDE = {"Concat", "Slice", "Transpose", "Where", "MatMul", "Unsqueeze"}


@pytest.mark.parametrize(
    "operator, shape, made", OPERATORS, ids=[f"{name}-{i}" for i, (name, *_) in enumerate(OPERATORS)]
)
def test_an_operator_is_written_as_itself_and_again_from_the_file(operator, shape, made, tmp_path):
    x = gd.input("x", shape, "int64" if shape is LABELS else "float32")
    y = made(x)
    path, again = tmp_path / "m.onnx", tmp_path / "again.onnx"
    save(path, {"x": x}, {"y": y}, opset=24)
    m = gd.interop.onnx.load(path)
    save(again, m.inputs, m.outputs, opset=24)
    for file in (path, again):
        counts = Counter(n.op_type for n in onnx.load(file).graph.node)
        assert counts[operator] >= 1 if operator in BESIDE else counts[operator] == 1, counts
    sizes = [s if isinstance(s, int) else 3 for s in shape]
    a = RNG.integers(0, 4, sizes) if shape is LABELS else RNG.normal(size=sizes).astype("f")
    compare({"x": x}, {"y": y}, {"x": a}, 24)
