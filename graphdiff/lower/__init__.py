"""From graphs to instructions of the core: fused groups, kernels, buffers and payload words."""
