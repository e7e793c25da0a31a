"""Gateways: relays that render, for pods that cannot afford a sidecar. Each caller's own token says whose prompts are rendered."""
