"""Which extra of the package brings what a command needs. The standard library alone."""

from typing import Final

EXTRAS: Final = {
    "sidecar": "sidecar",
    "webhook": "sidecar",
    "key": "sidecar",
    "probe": "sidecar",
    "sign": "sidecar",
    "verify": "sidecar",
    "operator": "operator",
    "relay": "operator",
    "gateway": "operator",
    "audit": "operator",
    "backup": "operator",
    "blame": "operator",
    "export": "operator",
    "import": "operator",
    "restore": "operator",
    "dev": "dev",
    "demo": "dev",
    "codegen": "dev",
}
"""Command → the extra that brings what it needs; every other command needs `cli`."""
