"""Adapter: every metric and log setting in one place."""
