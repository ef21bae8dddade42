"""Layers: plain objects whose call builds graph, ``from graphdiff import layers as L``.

Parameters and states are found by attribute, named by dotted path and begin as PyTorch's do, from one seed. A model
builds inference graphs, and training graphs within ``L.training()``. Written with the public names alone.
"""

from typing import TYPE_CHECKING

from ..ops.namespaces import presented
from .attention import MultiHeadAttention, TransformerBlock
from .basic import Dropout, Embedding, Flatten, Linear
from .containers import Residual, Sequential
from .conv import AvgPool, Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, MaxPool
from .exchange import from_torch, to_torch
from .layer import Layer
from .norm import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RMSNorm
from .recurrent import GRU, LSTM, RNN
from .summary import Summary
from .training import Run, current, training

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "AvgPool",
    "BatchNorm",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "Dropout",
    "Embedding",
    "Flatten",
    "GroupNorm",
    "InstanceNorm",
    "Layer",
    "LayerNorm",
    "Linear",
    "MaxPool",
    "MultiHeadAttention",
    "RMSNorm",
    "Residual",
    "Run",
    "Sequential",
    "Summary",
    "TransformerBlock",
    "current",
    "from_torch",
    "to_torch",
    "training",
]

if not TYPE_CHECKING:  # a checker knows the names by itself
    __getattr__, __dir__ = presented(globals(), __all__)
