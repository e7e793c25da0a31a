"""Where a client finds its sidecar and how long it waits for it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

DEFAULT_BASE_URL: Final = "http://127.0.0.1:8181"
DEFAULT_SOCKET: Final = Path("/run/promptops/promptops.sock")
"""Used when it is there and nothing else was chosen."""


@dataclass(frozen=True)
class ClientConfig:
    """A client's settings. With neither `socket` nor `base_url` the sidecar's default socket is used when it is there,
    else its default address."""

    socket: str | Path | None = None
    """Unix socket of the sidecar."""
    base_url: str | None = None
    """URL of the sidecar."""
    timeout_seconds: float = 5.0
    """How long connecting, sending, and each wait for a part of the answer may take."""
    max_connections: int = 100
    """Connections kept for calls at the same time."""

    def __post_init__(self) -> None:
        """Refuse what contradicts itself. Raises ValueError."""
        if self.socket is not None and self.base_url is not None:
            raise ValueError("give socket or base_url, not both")
        if self.base_url is not None and not self.base_url.startswith(("http://", "https://")):
            raise ValueError("base_url must begin with http:// or https://")
        if self.timeout_seconds <= 0:
            raise ValueError("timeout_seconds must be above 0")

    def place(self) -> tuple[str | None, str]:
        """Return the socket to connect to, if any, and the URL that calls begin with."""
        if self.socket is not None:
            return str(self.socket), "http://localhost"
        if self.base_url is None and _is_socket(DEFAULT_SOCKET):
            return str(DEFAULT_SOCKET), "http://localhost"
        return None, self.base_url or DEFAULT_BASE_URL


def _is_socket(path: Path) -> bool:
    try:
        return path.is_socket()
    except OSError:
        return False
