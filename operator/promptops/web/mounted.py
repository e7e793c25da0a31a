"""A server's certificate as the kubelet mounts it, read again as it is renewed. A file that cannot be read changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import structlog

from promptops.web.certificates import Identity, valid_until
from promptops.web.encryption import Encryption

_log = structlog.get_logger()


class MountedCertificate:
    """What a folder with tls.crt and tls.key holds, as it was last readable."""

    def __init__(self, folder: Path, certified: Callable[[float], None]) -> None:
        """`certified` is told when the certificate in use expires, as a Unix time."""
        self._folder = folder
        self._certified = certified
        self._identity: Identity | None = None
        self._encryption: Encryption | None = None

    @property
    def encryption(self) -> Encryption | None:
        """What TLS is spoken with; None before the first certificate."""
        return self._encryption

    def read(self) -> None:
        """Take up what has changed. Raises OSError, and ValueError when it is no server's certificate and key."""
        identity = Identity(*((self._folder / name).read_bytes() for name in ("tls.crt", "tls.key")))
        if identity == self._identity:
            return
        until = valid_until(identity.certificate)
        if self._encryption is None:
            self._encryption = Encryption(identity)
        else:
            self._encryption.renew(identity)
        self._identity = identity
        self._certified(until.timestamp())
        _log.info("certificate taken up", valid_until=until.isoformat())
