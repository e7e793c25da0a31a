"""A certificate that is renewed under a running webhook, and files that cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from promptops.admission.mounted import Mounted
from promptops.web.certificates import Authority, valid_until
from tests.admission.pods import PARAMETERS


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """What the kubelet mounts: the certificate, and the parameters."""
    certificate, parameters = tmp_path / "certificate", tmp_path / "parameters"
    certificate.mkdir()
    parameters.mkdir()
    (parameters / "..data").mkdir()  # as in every mounted ConfigMap
    certify(certificate)
    for name, value in PARAMETERS.items():
        (parameters / name).write_text(value)
    return certificate, parameters


def certify(folder: Path) -> bytes:
    """Write a new certificate; return it."""
    identity = Authority("test", datetime.now(UTC)).server("webhook", ("127.0.0.1",), ())
    (folder / "tls.crt").write_bytes(identity.certificate)
    (folder / "tls.key").write_bytes(identity.key)
    return identity.certificate


def test_everything_is_read(folders: tuple[Path, Path]) -> None:
    told: list[float] = []
    mounted = Mounted(folders[0], folders[1:], told.append)

    mounted.look()

    assert (mounted.problem, mounted.parameters()) == (None, PARAMETERS)
    assert told == [valid_until((folders[0] / "tls.crt").read_bytes()).timestamp()]


def test_a_renewed_certificate_is_taken_up_in_the_same_context(folders: tuple[Path, Path]) -> None:
    told: list[float] = []
    mounted = Mounted(folders[0], folders[1:], told.append)
    mounted.look()
    before = mounted.encryption
    certify(folders[0])

    mounted.look()

    assert mounted.encryption is before
    assert len(told) == 2


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        pytest.param("certificate/tls.crt", None, "cannot be read: No such file", id="no certificate"),
        pytest.param("certificate/tls.crt", b"", "", id="an empty certificate"),
        pytest.param("certificate/tls.key", b"x", "no server's certificate and key", id="no key"),
        pytest.param("parameters/image", None, "image of the injection is not said", id="no image"),
        pytest.param("parameters/trust.json", b"", "trust.json of the injection is not said", id="no trust"),
        pytest.param("parameters/image", b"\xff", "", id="no text"),
    ],
)
def test_without_a_part_it_is_not_ready_and_says_why(
    folders: tuple[Path, Path], tmp_path: Path, name: str, content: bytes | None, problem: str
) -> None:
    mounted = Mounted(folders[0], folders[1:], lambda _: None)
    _spoil(tmp_path / name, content)

    mounted.look()

    assert problem in (mounted.problem or "nothing is wrong")


def test_what_was_read_before_is_used_on(folders: tuple[Path, Path], tmp_path: Path) -> None:
    mounted = Mounted(folders[0], folders[1:], lambda _: None)
    mounted.look()
    _spoil(tmp_path / "certificate" / "tls.key", b"x")
    _spoil(tmp_path / "parameters" / "image", None)

    mounted.look()

    assert (mounted.problem, mounted.parameters()) == (None, PARAMETERS)


def _spoil(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
