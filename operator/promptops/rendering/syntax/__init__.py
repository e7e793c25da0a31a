"""Templates into what they are made of."""
