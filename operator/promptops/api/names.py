"""Names of what the operator owns in a cluster, each spelt once."""

from typing import Final

LEASE: Final = "promptops"
"""The Lease of the leader, in the operator's namespace."""
KEYS_SECRET: Final = "promptops-keys"  # noqa: S105 - a name, not a secret
"""The Secret with the feed's signing keys, in the operator's namespace."""
EPOCH_ANNOTATION: Final = "promptops.io/epoch"
"""Of the Lease: the epoch of what is published."""
FIELD_MANAGER: Final = "promptops"
"""Who wrote a status, and who reports an Event."""
