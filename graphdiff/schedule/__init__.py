"""Graph to plan: select instructions, fuse, order, recompute, lay out memory."""

from .remat import Chain, Rematerialised, rematerialise

__all__ = ["Chain", "Rematerialised", "rematerialise"]
