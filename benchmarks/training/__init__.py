"""Models trained beside PyTorch and Keras."""
