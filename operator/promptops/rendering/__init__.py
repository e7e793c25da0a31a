"""What a renderer needs, and an application ships: names, values, variables, selection, syntax, execution. Pure."""
