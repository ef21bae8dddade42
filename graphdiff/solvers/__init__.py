"""Equations solved and functions minimised in loops, with derivatives by what holds at the solution: gd.root,
gd.fixed_point, gd.minimize; and differential equations, gd.odeint."""
