"""Entry: what applications import."""
