"""Which proxy leads to a server, decided as kubectl decides it: the rules of Go's `httpproxy`, and its ranges of addresses."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

_PORTS = {"http": 80, "https": 443}
_MAPPED_BITS = 96
"""Bits before the IPv4 address in an IPv6 address that holds one."""
_LEADING_ZEROS = re.compile(r"(?<![0-9a-f:])0+(?=[0-9])")
_PORT_OF = re.compile(r"(?:\[(?P<bracketed>[^\[\]]*)\]|(?P<plain>[^:\[\]]*)):(?P<port>[^:\[\]]*)")

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Proxies:
    """What the environment says of proxies. Where two spellings of a variable stand, the capital letters win."""

    http: str
    https: str
    exceptions: str
    """NO_PROXY: separated by commas, each an address, a range `10.0.0.0/8`, a domain (with all below it; `.example.com`: those alone),
    or `*`; an address or a domain may end in a port."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Proxies:
        """Read HTTP_PROXY, HTTPS_PROXY and NO_PROXY, in capital or in small letters."""

        def of(name: str) -> str:
            return environ.get(name) or environ.get(name.lower()) or ""

        return cls(of("HTTP_PROXY"), of("HTTPS_PROXY"), of("NO_PROXY"))

    def leading_to(self, url: str) -> str | None:
        """Return the URL of the proxy that leads to `url`; None when nothing comes in between."""
        target = urlsplit(url)
        proxy = {"http": self.http, "https": self.https}.get(target.scheme)
        return _absolute(proxy) if proxy and not self._is_excepted(target) else None

    def _is_excepted(self, target: SplitResult) -> bool:
        host = _in_ascii(target.hostname or "")
        address = _address(host.partition("%")[0])
        if host == "localhost" or (address and address.is_loopback):
            return True
        port = str(target.port or _PORTS[target.scheme])
        entries = (entry.strip().lower() for entry in self.exceptions.split(","))
        return any(_covers(entry, host, address, port) for entry in entries if entry)


def _covers(entry: str, host: str, address: Address | None, port: str) -> bool:
    """Tell whether one of NO_PROXY's entries speaks of a server."""
    if entry == "*":
        return True
    if network := _network(entry):
        return address is not None and address in network
    name, wanted = _with_port(entry)
    if named := _address(name):
        return named == address and wanted in ("", port)
    return bool(name) and address is None and _is_below(host, name) and wanted in ("", port)


def _is_below(host: str, domain: str) -> bool:
    domain = _in_ascii(domain.removeprefix("*") if domain.startswith("*.") else domain)
    return host.endswith(domain) if domain.startswith(".") else host == domain or host.endswith(f".{domain}")


def _with_port(entry: str) -> tuple[str, str]:
    found = _PORT_OF.fullmatch(entry)
    return (found["bracketed"] or found["plain"] or "", found["port"]) if found else (entry, "")


def _network(entry: str) -> Network | None:
    start, slash, bits = entry.partition("/")
    address = _address(_LEADING_ZEROS.sub("", start), mapped=True)
    if not slash or address is None or not re.fullmatch(r"[0-9]{1,3}", bits):
        return None
    with suppress(ValueError):
        network = ip_network(f"{address}/{int(bits)}", strict=False)
        if isinstance(network, IPv6Network) and (inner := network.network_address.ipv4_mapped):
            return ip_network(f"{inner}/{max(0, int(bits) - _MAPPED_BITS)}", strict=False)
        return network
    return None


def _address(text: str, *, mapped: bool = False) -> Address | None:
    """Return an address; one of IPv4 that is written as IPv6 is the former, unless it shall stay `mapped`."""
    with suppress(ValueError):
        found = None if "%" in text else ip_address(text)
        inner = None if mapped else getattr(found, "ipv4_mapped", None)
        return inner or found
    return None


def _absolute(proxy: str) -> str:
    # A name alone is a proxy that speaks HTTP.
    parts = urlsplit(proxy)
    return proxy if parts.scheme and parts.netloc else f"http://{proxy}"


def _in_ascii(name: str) -> str:
    with suppress(UnicodeError):
        return name if name.isascii() else name.encode("idna").decode()
    return name
