"""Backup, restore, and promotion of prompts from cluster to cluster."""
