"""The contract: the kinds, the sidecar's HTTP messages, the feed's messages."""
