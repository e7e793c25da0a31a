"""Adapter: what a hop holds - index and blobs, in memory and on disk, signed."""
