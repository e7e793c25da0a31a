"""Content of a prompt: its checks, documents, canonical form, numbers and grade."""
