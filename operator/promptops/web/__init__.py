"""Adapter: HTTP servers - listeners, protocol, bodies, problems, certificates, operations endpoints."""
