"""Rendering in the application's own process, from what the sidecar's feed says over its socket."""
