"""TLS of a server: one context for as long as it serves, whose certificate is renewed under it. What is open stays open."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # who serves in clear text loads no cryptography
    from promptops.web.certificates import Identity


class Encryption:
    """What a listener speaks TLS with."""

    def __init__(self, identity: Identity) -> None:
        """Raises ValueError when certificate and key do not belong together."""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # Whoever follows us is of our own making and speaks it; nothing older has to be thought about.
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        # A resumed session would outlive the certificate that it began with.
        self.context.num_tickets = 0
        self.context.set_alpn_protocols(["http/1.1"])
        self.renew(identity)

    def renew(self, identity: Identity) -> None:
        """Show this certificate to whoever connects from now on. Raises ValueError when it is not the key's."""
        with _as_file(identity.certificate + identity.key) as path:
            try:
                self.context.load_cert_chain(path)
            except ssl.SSLError as error:
                raise ValueError(f"no server's certificate and key: {error.reason or error}") from None


@contextmanager
def _as_file(secret: bytes) -> Iterator[str]:
    """OpenSSL reads keys from files alone: where the system has files that are on no disk, this one is none on a disk."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, secret)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.NamedTemporaryFile() as file:  # readable by its owner alone
        file.write(secret)
        file.flush()
        yield file.name
