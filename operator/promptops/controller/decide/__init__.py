"""Which decisions are due, what they look at, and carrying them out."""
