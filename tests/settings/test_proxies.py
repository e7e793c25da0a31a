"""Which proxy leads to a server: every row says it, and kubectl's own library agrees with every row and with all their combinations."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from promptops.settings.proxies import Proxies

PROXY = "http://proxy:3128"
API = "https://10.96.0.1"
NAMED = "https://api.example.com:6443"


def excepting(entries: str) -> dict[str, str]:
    """An environment whose proxy leads everywhere but there."""
    return {"HTTPS_PROXY": PROXY, "NO_PROXY": entries}


ROWS: dict[str, tuple[Mapping[str, str], str, str | None]] = {
    "no proxy": ({}, API, None),
    "for https": ({"HTTPS_PROXY": PROXY}, API, PROXY),
    "in small letters": ({"https_proxy": PROXY}, API, PROXY),
    "capital letters win": ({"HTTPS_PROXY": PROXY, "https_proxy": "http://other"}, API, PROXY),
    "capital letters that are empty do not": ({"HTTPS_PROXY": "", "https_proxy": PROXY}, API, PROXY),
    "for http alone": ({"HTTP_PROXY": PROXY}, API, None),
    "a server of http": ({"HTTP_PROXY": PROXY}, "http://10.96.0.1", PROXY),
    "a proxy without a scheme": ({"HTTPS_PROXY": "proxy:3128"}, API, PROXY),
    "a range": (excepting("10.0.0.0/8"), API, None),
    "a range that begins in its middle": (excepting("10.1.2.3/8"), API, None),
    "another range": (excepting("192.168.0.0/16"), API, PROXY),
    "a range of one": (excepting("10.96.0.1/32"), API, None),
    "a range of all": (excepting("0.0.0.0/0"), API, None),
    "a range with leading zeros": (excepting("010.0.0.0/8"), API, None),
    "a range with a mask instead of bits": (excepting("10.0.0.0/255.0.0.0"), API, PROXY),
    "bits with leading zeros": (excepting("10.0.0.0/08"), API, None),
    "a range of too many bits": (excepting("10.0.0.0/33"), API, PROXY),
    "a range does not hold for names": (excepting("0.0.0.0/0"), NAMED, PROXY),
    "a range of IPv6": (excepting("fd00::/8"), "https://[fd00::1]:6443", None),
    "a range of IPv6, other address": (excepting("fd00::/8"), "https://[fe80::1]", PROXY),
    "a range of IPv4 written as IPv6": (excepting("::ffff:10.0.0.0/104"), API, None),
    "an address": (excepting("10.96.0.1"), API, None),
    "an address, with its port": (excepting("10.96.0.1:443"), API, None),
    "an address, with another port": (excepting("10.96.0.1:6443"), API, PROXY),
    "an address of IPv6": (excepting("fd00::1"), "https://[fd00::1]", None),
    "an address of IPv6 in brackets, with its port": (excepting("[fd00::1]:443"), "https://[fd00::1]", None),
    "an address of IPv6, with another port": (excepting("[fd00::1]:443"), "https://[fd00::1]:6443", PROXY),
    "an address with a zone is none": (excepting("::ffff:10.96.0.1%eth0"), API, PROXY),
    "the beginning of an address is none": (excepting("10.96"), API, PROXY),
    "a domain": (excepting("example.com"), NAMED, None),
    "a domain itself": (excepting("api.example.com"), NAMED, None),
    "a domain in other letters": (excepting("Example.COM"), NAMED, None),
    "all below a domain": (excepting(".example.com"), NAMED, None),
    "all below a domain, not itself": (excepting(".api.example.com"), NAMED, PROXY),
    "all below a domain, with an asterisk": (excepting("*.example.com"), NAMED, None),
    "a domain that ends alike": (excepting("ample.com"), NAMED, PROXY),
    "a domain with its port": (excepting("example.com:6443"), NAMED, None),
    "a domain with another port": (excepting("example.com:443"), NAMED, PROXY),
    "an asterisk in a name is none": (excepting("*example.com"), NAMED, PROXY),
    "everything": (excepting("*"), NAMED, None),
    "everything, among others": (excepting("a, * ,b"), API, None),
    "spaces and empty entries": (excepting(" , 10.0.0.0/8 ,"), API, None),
    "entries are separated by commas alone": (excepting("a 10.0.0.0/8"), API, PROXY),
    "a port alone": (excepting(":443"), API, PROXY),
    "a second port": (excepting("10.96.0.1:443:443"), API, PROXY),
    "loopback": (excepting(""), "https://127.0.0.1:6443", None),
    "loopback, further on": (excepting(""), "https://127.1.2.3:6443", None),
    "loopback of IPv6": (excepting(""), "https://[::1]:6443", None),
    "localhost": (excepting(""), "https://localhost:6443", None),
    "a name in another script": (excepting("bücher.example"), "https://api.xn--bcher-kva.example", None),
    "a server in another script": (excepting("xn--bcher-kva.example"), "https://bücher.example", None),
}


@pytest.mark.parametrize(("environment", "server", "proxy"), ROWS.values(), ids=ROWS)
def test_a_proxy_leads_to_a_server(environment: Mapping[str, str], server: str, proxy: str | None) -> None:
    assert Proxies.from_environment(environment).leading_to(server) == proxy


def test_kubectls_own_library_agrees(binary: Callable[[str], Path]) -> None:
    environments = [environment for environment, _, _ in ROWS.values()]
    servers = sorted({server for _, server, _ in ROWS.values()})
    questions = list(itertools.product(environments, servers))

    said = _kubectl(binary("proxies"), questions)

    ours = [Proxies.from_environment(environment).leading_to(server) for environment, server in questions]
    disagreed = [(*question, go, we) for question, go, we in zip(questions, said, ours, strict=True) if go != we]
    assert disagreed == []


def _kubectl(program: Path, questions: list[tuple[Mapping[str, str], str]]) -> list[str | None]:
    asked = "".join(
        json.dumps({"environment": environment, "server": server}) + "\n" for environment, server in questions
    )
    done = subprocess.run((str(program),), input=asked, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]
