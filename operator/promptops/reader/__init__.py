"""From what is held to an answer."""
