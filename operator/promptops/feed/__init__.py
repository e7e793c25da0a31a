"""Adapter: the protocol - follow a stream into the cache, serve the cache as a stream, report back."""
