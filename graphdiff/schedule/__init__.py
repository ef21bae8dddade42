"""Graph to plan: select instructions, fuse, order, recompute, lay out memory."""
