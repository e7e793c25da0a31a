"""Entry: follow, render, serve."""
