"""What is mounted into the webhook's pod, read again as the kubelet renews it. A file that cannot be read changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from promptops.domain.injection.parameters import Parameters, ParametersIncomplete, parameters_of
from promptops.web.encryption import Encryption
from promptops.web.mounted import MountedCertificate

_MAX_FILE_BYTES: Final = 1024 * 1024
_log = structlog.get_logger()


class Mounted:
    """The certificate and the parameters, as they were last readable."""

    def __init__(self, certificate: Path, parameters: tuple[Path, ...], certified: Callable[[float], None]) -> None:
        """`certified` is told when the certificate in use expires, as a Unix time."""
        self._certificate = MountedCertificate(certificate, certified)
        self._folders = parameters
        self._parameters: Parameters | None = None
        self.problem: str | None = "nothing was read yet"
        """Why the webhook cannot do all of its work; None when it can."""

    @property
    def encryption(self) -> Encryption | None:
        """What TLS is spoken with; None before the first certificate."""
        return self._certificate.encryption

    def parameters(self) -> Parameters | None:
        """Return what sidecars need to know; None while that is not known."""
        return self._parameters

    def look(self) -> None:
        """Take up what has changed. Logs a problem once."""
        problem = self._look()
        if problem is not None and problem != self.problem:
            _log.warning("mounted files cannot be used; what was read before is", reason=problem)
        self.problem = problem if self.encryption is None or not self._is_complete else None

    @property
    def _is_complete(self) -> bool:
        return self._parameters is not None or not self._folders

    def _look(self) -> str | None:
        try:
            self._certificate.read()
            if self._folders:
                self._parameters = parameters_of({k: v for folder in self._folders for k, v in _texts(folder).items()})
        except OSError as error:
            return f"{error.filename} cannot be read: {error.strerror or error}"
        except (ParametersIncomplete, ValueError) as error:
            return str(error)
        return None


def _texts(folder: Path) -> dict[str, str]:
    """A mounted ConfigMap has a link for each key, and hidden folders that they lead into."""
    files = (path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())
    return {path.name: path.read_bytes()[:_MAX_FILE_BYTES].decode() for path in files}
