"""Manifests in a folder, decided without a cluster."""
