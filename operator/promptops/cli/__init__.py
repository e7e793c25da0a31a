"""The command line: the composition root, where the parts meet."""
