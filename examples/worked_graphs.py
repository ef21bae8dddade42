"""Two graphs small enough to check by hand: L = ((x + y) w)² and L = (xy + y)².

Prints the forward graph with its adjoint, and compares every derivative with the pencil's.
"""

import argparse
from pathlib import Path

import graphdiff as gd


def show(L, leaves, values, expected):
    """Print the adjoint of L and check L and its derivatives at `values`."""
    print(gd.adjoint(L, leaves))
    results = gd.compile(leaves, [L, *gd.grad(L, leaves)])(*values)
    names = ["L", *(f"dL/d{leaf.name}" for leaf in leaves)]
    for name, result, value in zip(names, results, expected, strict=True):
        print(f"{name} = {result:g}")
        assert result == value, (name, result, value)
    print()


def draw(ax, L, leaves, values):
    """The graph, each node with its value and the derivative of L by it."""
    adjoint = gd.adjoint(L, leaves)
    nodes = [*leaves, *(node.outputs[0] for node in adjoint.forward)]
    found, slopes = gd.compile(leaves, [nodes, [adjoint.of(node) for node in nodes]])(*values)
    place = {}
    for node, value, slope in zip(nodes, found, slopes, strict=True):
        column = 1 + max((place[operand][0] for operand in node.node.inputs), default=-1)
        place[node] = column, -sum(column == other for other, _ in place.values())
        for operand in node.node.inputs:
            ax.annotate("", place[node], place[operand], arrowprops={"arrowstyle": "->", "shrinkA": 30, "shrinkB": 30})
        told = f"{node.name or node.node.op.name}\n{value:g}\n∂L: {slope:g}"
        ax.text(*place[node], told, ha="center", va="center", bbox={"boxstyle": "round", "fc": "white"})
    ax.set(xlim=(-0.5, 3.5), ylim=(-2.5, 0.5))
    ax.axis("off")


x, y, w = (gd.input(name, dtype="float64") for name in "xyw")

# s = 5 and z = 20, so dL/dz = 2z = 40, dL/dw = 40 s = 200, and x and y each get 40 w = 160 through s.
s = x + y
z = s * w
first = gd.square(z), [x, y, w], (2, 3, 4)
show(*first, (400, 160, 160, 200))

# u = xy + y = 9 and dL/du = 18. y reaches L along two paths, whose contributions add up: 18 x + 18 = 54; x: 18 y = 54.
u = x * y + y
second = gd.square(u), [x, y], (2, 3)
show(*second, (81, 54, 54))

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--out", type=Path, help="folder of the plot; without it none is drawn")
out = parser.parse_args().out
if out:
    import matplotlib.pyplot as plt

    out.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(1, 2, figsize=(12, 3.5), layout="constrained")
    draw(axes[0], *first)
    draw(axes[1], *second)
    figure.savefig(out / "worked_graphs.png", dpi=120)
