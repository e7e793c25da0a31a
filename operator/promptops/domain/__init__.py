"""Decisions: pure and synchronous; time and randomness are arguments."""
