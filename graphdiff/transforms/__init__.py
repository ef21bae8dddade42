"""Graph to graph: differentiate, simplify."""
