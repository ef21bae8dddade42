"""What a graph is: dtypes, sizes, values, nodes, graphs, their checker and their text."""
