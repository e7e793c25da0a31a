"""Settings of the admission webhook."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from promptops.settings.environment import address, required_path


@dataclass(frozen=True)
class AdmissionSettings:
    """Where the webhook listens, and where its certificate and what it injects are mounted. It talks to nobody."""

    address: str
    """host:port that the API server calls. It speaks TLS alone."""
    operations_address: str
    """host:port of /metrics, /healthz, /readyz."""
    certificate_directory: Path
    """The mounted Secret promptops-webhook: tls.crt and tls.key, read again while it runs."""
    parameters_directories: tuple[Path, ...]
    """The mounted ConfigMaps promptops-injection and promptops-trust, a file a key, separated by colons. None: nothing is injected."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> AdmissionSettings:
        """Read PROMPTOPS_*.

        Raises SettingsError naming the variable when one has an impossible value.
        """
        return cls(
            address=address(environ, "PROMPTOPS_WEBHOOK_ADDRESS", "0.0.0.0:8443"),
            operations_address=address(environ, "PROMPTOPS_OPERATIONS_ADDRESS", "0.0.0.0:8080"),
            certificate_directory=required_path(
                environ, "PROMPTOPS_CERTIFICATE_DIRECTORY", "a folder with tls.crt and tls.key"
            ),
            parameters_directories=_folders(environ.get("PROMPTOPS_INJECTION_DIRECTORIES") or ""),
        )


def _folders(value: str) -> tuple[Path, ...]:
    return tuple(Path(each).expanduser() for each in value.split(":") if each)
