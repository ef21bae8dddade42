"""What an operation is: one declaration each, read by everything else from the registry."""

from . import elementwise, leaves, linalg, movement, nn, reduce  # noqa: F401  (declaring is importing)
