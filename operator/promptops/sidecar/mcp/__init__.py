"""The Model Context Protocol face: prompts over stateless HTTP, specification 2026-07-28."""
