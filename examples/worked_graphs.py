"""Two graphs small enough to check by hand: L = ((x + y) w)² and L = (xy + y)².

Prints the forward graph with its adjoint, and compares every derivative with the pencil's.
"""

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


x, y, w = (gd.input(name, dtype="float64") for name in "xyw")

# s = 5 and z = 20, so dL/dz = 2z = 40, dL/dw = 40 s = 200, and x and y each get 40 w = 160 through s.
s = x + y
z = s * w
show(gd.square(z), [x, y, w], (2, 3, 4), (400, 160, 160, 200))

# u = xy + y = 9 and dL/du = 18. y reaches L along two paths, whose contributions add up: 18 x + 18 = 54; x: 18 y = 54.
u = x * y + y
show(gd.square(u), [x, y], (2, 3), (81, 54, 54))
