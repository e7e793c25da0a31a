"""Settings of a relay, and of a gateway, which is a relay that renders."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from promptops.api.names import origin_url
from promptops.settings.environment import address, optional_path, required_path
from promptops.settings.redis import RedisSettings


@dataclass(frozen=True)
class RelaySettings:
    """Whom a relay follows and believes, how it proves who it is, and where it serves."""

    namespace: str
    """The operator's namespace, which is the relay's own: the feed's certificate is expected to be for its Service there."""
    kubeconfig: Path | None
    """None in a pod, where the mounted ServiceAccount token is used. The API server is asked whose a caller's token is."""
    feed_url: str
    """The hop above: the operators, never the Service that relays are behind themselves. None: promptops-origin in the namespace."""
    token_file: Path
    """The projected token of a ServiceAccount that the operators know as a relay's, read anew for every connection."""
    trust_file: Path
    """Public signing keys and certificate authorities to begin with, as the ConfigMap promptops-trust has them."""
    certificate_directory: Path
    """The mounted Secret promptops-relay: tls.crt and tls.key, read again while it runs."""
    address: str
    """host:port of what it serves: a relay's feed, a gateway's renders. It speaks TLS alone."""
    operations_address: str
    """host:port of /metrics, /healthz, /readyz."""
    mirror: RedisSettings | None
    """The mirror in Redis, which is filled with everything that is followed."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> RelaySettings:
        """Read PROMPTOPS_* and KUBECONFIG.

        Raises SettingsError naming the variable when one is missing or has an impossible value.
        """
        namespace = environ.get("PROMPTOPS_NAMESPACE") or "promptops-system"
        return cls(
            namespace=namespace,
            kubeconfig=optional_path(environ, "KUBECONFIG"),
            feed_url=environ.get("PROMPTOPS_FEED_URL") or origin_url(namespace),
            token_file=required_path(environ, "PROMPTOPS_TOKEN_FILE", "a file with a token for the feed"),
            trust_file=required_path(environ, "PROMPTOPS_TRUST_FILE", "trust.json of the ConfigMap promptops-trust"),
            certificate_directory=required_path(
                environ, "PROMPTOPS_CERTIFICATE_DIRECTORY", "a folder with tls.crt and tls.key"
            ),
            address=address(environ, "PROMPTOPS_ADDRESS", "0.0.0.0:8282"),
            operations_address=address(environ, "PROMPTOPS_OPERATIONS_ADDRESS", "0.0.0.0:8080"),
            mirror=RedisSettings.from_environment(environ),
        )
