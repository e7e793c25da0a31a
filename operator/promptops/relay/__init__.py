"""Relays: follow the operators for every namespace, and serve what they hold to holders of a token, as the operators do."""
