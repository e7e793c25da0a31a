"""Adapter: the only user of a Kubernetes client library."""
