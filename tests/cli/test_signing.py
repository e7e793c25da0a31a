"""Versions are signed and verified by people: with OpenSSL's keys, over files, and what is printed is what a cluster takes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from promptops.cli.sign import sign
from promptops.cli.verify import verify
from tests.support.manifests import including, many, placed, version
from tests.support.signatures import Person

ANN, EVE = Person(), Person()
VERSIONS = (
    version("greeting", "1.0.0", including({"text": '{% include "tone" %}'}, tone="tone-1.0.0")),
    version("tone", "1.0.0", "Be kind."),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two versions and a key."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "versions.json").write_text(many(*VERSIONS))
    (tmp_path / "ann.pem").write_bytes(ANN.pem)
    return tmp_path


def run(command: object, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(each) for each in arguments])  # type: ignore[arg-type]


def _signed(folder: Path) -> None:
    """Put what is printed where a version stands."""
    printed = run(sign, folder / "prompts", "--key", folder / "ann.pem").stdout
    signatures = {each["metadata"]["name"]: each["spec"]["signatures"] for each in yaml.safe_load_all(printed)}
    versions = (
        {**each, "spec": {**each["spec"], "signatures": signatures[each["metadata"]["name"]]}} for each in VERSIONS
    )
    (folder / "prompts" / "versions.json").write_text(many(*versions))


def test_what_is_signed_is_verified(folder: Path) -> None:
    before = run(verify, folder / "prompts", "--key", f"ann={ANN.public}")
    _signed(folder)

    after = run(verify, folder / "prompts", "--key", f"eve={EVE.public}", "--key", f"ann={ANN.public}")

    assert (before.exit_code, after.exit_code) == (1, 0)
    assert [line.partition(" (sha256:")[0] for line in after.stdout.splitlines()] == [
        "greeting-1.0.0: signed by ann",
        "tone-1.0.0: signed by ann",
    ]


def test_a_signature_is_over_all_that_is_included(folder: Path) -> None:
    _signed(folder)
    path = folder / "prompts" / "versions.json"
    path.write_text(path.read_text().replace("Be kind.", "Be blunt."))

    answer = run(verify, path, "--key", f"ann={ANN.public}")

    assert answer.exit_code == 1
    assert answer.stdout.count("not signed by anybody of them") == 2


def test_what_is_printed_says_where_it_belongs(folder: Path) -> None:
    (folder / "one.json").write_text(many(placed(VERSIONS[1], "shop")))

    printed = yaml.safe_load(run(sign, folder / "one.json", "--key", folder / "ann.pem").stdout)

    assert printed["metadata"] == {"name": "tone-1.0.0", "namespace": "shop"}
    assert set(printed["spec"]) == {"signatures"}


def test_the_public_key_is_what_openssl_writes(folder: Path) -> None:
    assert run(sign, "--public", "--key", folder / "ann.pem").stdout.strip() == ANN.public
    assert ANN.public.startswith("MCowBQYDK2VwAyEA")


_RSA = generate_private_key(65537, 2048)
KEYS = {
    "no key": b"hello",
    "another kind of key": _RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    "an encrypted key": _RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
}


@pytest.mark.parametrize("pem", [pytest.param(row, id=name) for name, row in KEYS.items()])
def test_a_key_that_cannot_sign(folder: Path, pem: bytes) -> None:
    (folder / "ann.pem").write_bytes(pem)

    answer = run(sign, folder / "prompts", "--key", folder / "ann.pem")

    assert answer.exit_code == 2
    assert "ann.pem: it is n" in answer.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("prompts", "--only", "other-1.0.0"), "there is no PromptVersion other-1.0.0", id="a name that is not there"),
        pytest.param(("ann.pem",), "", id="no manifest"),
        pytest.param((), "name the files", id="no file"),
    ],
)  # fmt: skip
def test_what_cannot_be_signed(
    folder: Path, arguments: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)

    answer = run(sign, *arguments, "--key", "ann.pem")

    assert answer.exit_code == 2
    assert said in answer.output


def test_a_key_that_is_none_is_not_believed(folder: Path) -> None:
    answer = run(verify, folder / "prompts", "--key", "ann=hello")

    assert answer.exit_code == 2
    assert "--key ann=" in answer.output
