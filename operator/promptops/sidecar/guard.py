"""What the data listener refuses before it looks at a call: foreign hosts and pages."""

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
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
        origins = head.all_of(b"origin")
        if origins and not all(map(self._is_local_origin, origins)):
            raise _refused(FORBIDDEN_ORIGIN, "pages of other origins are not answered")

    def _is_local(self, hosts: Sequence[str]) -> bool:
        return len(hosts) == 1 and _is_local_host(hosts[0], self._any_address)

    def _is_local_origin(self, origin: str) -> bool:
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and self._is_local([parts.netloc])


@lru_cache(maxsize=64)
def _is_local_host(host: str, any_address: bool) -> bool:
    """Callers name the same few again and again."""
    name = _PORT.sub("", host).lower()
    if name == "localhost":
        return True
    if (":" in name) != (name.startswith("[") and name.endswith("]")):
        return False
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return any_address or address.is_loopback


def _refused(code: str, detail: str) -> HttpRefusal:
    return HttpRefusal(problem(403, code, detail))
