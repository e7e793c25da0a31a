"""Where what is held survives, behind one protocol."""
