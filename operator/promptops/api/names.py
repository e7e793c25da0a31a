"""Names of what the operator owns in a cluster, each spelt once."""

from typing import Final

LEASE: Final = "promptops"
"""The Lease of the leader, in the operator's namespace."""
KEYS_SECRET: Final = "promptops-keys"  # noqa: S105 - a name, not a secret
"""The Secret with the feed's signing keys, in the operator's namespace."""
EPOCH_ANNOTATION: Final = "promptops.io/epoch"
"""Of the Lease: the epoch of what is published."""
FEED_ANNOTATION: Final = "promptops.io/feed"
"""Of the Lease: host:port at which the other replicas reach the feed of its holder."""
FIELD_MANAGER: Final = "promptops"
"""Who wrote a status, and who reports an Event."""
PROJECTION_MANAGER: Final = "promptops-projection"
"""Who wrote what the operator says in ConfigMaps for prompts."""
FEED_SERVICE: Final = "promptops-feed"
"""The Service through which sidecars follow the feed, in the operator's namespace."""
ORIGIN_SERVICE: Final = "promptops-origin"
"""The Service through which relays follow the operators themselves, never one another."""
RELAY: Final = "promptops-relay"
"""Relays: Deployment, ServiceAccount, and the Secret with the certificate that they show, which gateways show as well."""
GATEWAY: Final = "promptops-gateway"
"""Gateways: Deployment, and the Service that applications call."""
FEED_PORT: Final = 8282
"""Of the Service and of the pods behind it. It speaks TLS alone."""
TRUST_CONFIG_MAP: Final = "promptops-trust"
"""The ConfigMap with what a sidecar has to believe from its start, in the operator's namespace. Nothing in it is secret."""
TRUST_KEY: Final = "trust.json"
"""The key in it: promptops.api.feed.Trust as JSON, for a sidecar's PROMPTOPS_TRUST or the file PROMPTOPS_TRUST_FILE."""
DECISIONS: Final = tuple(f"promptops-decisions-{place:02}" for place in range(16))
"""The ConfigMaps with the log of decisions, in the operator's namespace: a ring, the next one over the oldest."""
CENSUS_CONFIG_MAP: Final = "promptops-census"
"""The ConfigMap in which a leader leaves to the next how many instances each namespace has, in the operator's namespace."""
CENSUS_KEY: Final = "instances.json"
"""The key in it: scope → instances, as JSON. By scope, since a namespace of the same name may be another one."""
INJECTION_CONFIG_MAP: Final = "promptops-injection"
"""The ConfigMap with what an installation says of its sidecars, in the operator's namespace: image, feed, resources."""
WEBHOOK: Final = "promptops-webhook"
"""The admission webhook: Deployment, Service, Secret with its certificate, and both of its configurations."""
VALIDATING_HOOK: Final = "validate.promptops.io"
"""What the API server calls it by when it passes a refusal on."""


def feed_host(namespace: str) -> str:
    """Return the name of the feed's Service that its certificate is made for; the cluster's own domain is not needed."""
    return f"{FEED_SERVICE}.{namespace}.svc"


def origin_url(namespace: str) -> str:
    """Return where relays follow the operators in this namespace. They expect the certificate of `feed_host`."""
    return f"https://{ORIGIN_SERVICE}.{namespace}.svc:{FEED_PORT}"


def gateway_host(namespace: str) -> str:
    """Return the name that applications call a gateway by."""
    return f"{GATEWAY}.{namespace}.svc"


def feed_url(namespace: str) -> str:
    """Return where sidecars follow an operator in this namespace: their PROMPTOPS_FEED_URL."""
    return f"https://{feed_host(namespace)}:{FEED_PORT}"
