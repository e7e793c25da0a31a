"""What was decided, handed to the origin; who serves it; who holds what."""
