"""What the data listener refuses before it looks at a call: foreign hosts and pages."""

import ipaddress
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from promptops.web.problems import FORBIDDEN_HOST, FORBIDDEN_ORIGIN, HttpRefusal, problem
from promptops.web.requests import Head

_PORT: Final = re.compile(r":[0-9]{1,5}$")


class Guard:
    """The rules of one listener. `any_address`: it was told to listen beyond loopback, so it is reached by address."""

    def __init__(self, *, check_host: bool, any_address: bool = False) -> None:
        self._check_host = check_host
        self._any_address = any_address

    def admit(self, head: Head) -> None:
        """Refuse a request by its headers.

        A page from elsewhere that had its name rebound to this address still says that name in Host and Origin.
        """
        if self._check_host and not self._is_local(head.all_of(b"host")):
            raise _refused(FORBIDDEN_HOST, "the Host header must name localhost or a loopback address")
        if not all(self._is_local_origin(origin) for origin in head.all_of(b"origin")):
            raise _refused(FORBIDDEN_ORIGIN, "pages of other origins are not answered")

    def _is_local(self, hosts: Sequence[str]) -> bool:
        if len(hosts) != 1:
            return False
        name = _PORT.sub("", hosts[0]).lower()
        return name == "localhost" or self._is_local_address(name)

    def _is_local_address(self, name: str) -> bool:
        if (":" in name) != (name.startswith("[") and name.endswith("]")):
            return False
        try:
            address = ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return self._any_address or address.is_loopback

    def _is_local_origin(self, origin: str) -> bool:
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and self._is_local([parts.netloc])


def _refused(code: str, detail: str) -> HttpRefusal:
    return HttpRefusal(problem(403, code, detail))
