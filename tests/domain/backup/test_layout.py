"""An export as an OCI image layout: the same bytes for the same versions, and no changed byte gets through."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

import pytest

from promptops.codegen import yaml_text
from promptops.domain.backup.layout import INDEX, MARKER, Packable, Unpacked, packed, unpacked
from promptops.domain.backup.promotion import CannotPromote, exported
from tests.support.manifests import including, version

BASE = version("base", "1.0.0", "Be kind.")
OUTER = version("outer", "1.0.0", including({"text": "{% include 'it' %} Now."}, it="base-1.0.0"))
OTHER = version("other", "2.0.0", "Grüß Gott 👋")

Files = dict[str, bytes]


def layout(*made: dict[str, Any], beside: bytes | None = None) -> Files:
    """The files of an export of the last of these, which includes the others."""
    found = {each["metadata"]["name"]: each for each in exported(made)}
    ready = [Packable(each, yaml_text.dump(each).encode()) for each in found.values()]
    ready.sort(key=lambda each: each.manifest["metadata"]["name"] == made[-1]["metadata"]["name"])
    return packed(ready[-1], ready[:-1], beside)


def reading(files: Mapping[str, bytes]) -> Callable[[str], bytes]:
    """Reads what is there."""

    def read(name: str) -> bytes:
        if name not in files:
            raise CannotPromote(f"{name}: it is not there")
        return files[name]

    return read


EXPORTED = layout(BASE, OUTER)


def manifest_of(files: Files) -> tuple[str, dict[str, Any]]:
    """Where the manifest stands, and what it says."""
    digest = json.loads(files[INDEX])["manifests"][0]["digest"]
    place = f"blobs/sha256/{digest.removeprefix('sha256:')}"
    return place, json.loads(files[place])


def with_manifest(change: Callable[[dict[str, Any]], object]) -> Files:
    """The export with another manifest, under the digest that it has then."""
    _, manifest = manifest_of(EXPORTED)
    change(manifest)
    data = json.dumps(manifest).encode()
    digest = sha256(data).hexdigest()
    index = {"manifests": [{"digest": f"sha256:{digest}", "size": len(data)}]}
    return EXPORTED | {f"blobs/sha256/{digest}": data, INDEX: json.dumps(index).encode()}


def test_what_comes_out_is_what_went_in() -> None:
    found = unpacked(reading(EXPORTED))

    assert sorted(found.files.values()) == sorted(yaml_text.dump(each).encode() for each in exported([BASE, OUTER]))
    (digest,) = found.claims.values()
    assert found.claims == {"outer-1.0.0": digest}
    assert f"promptops.io/digest: {digest}".encode() in b"".join(found.files.values())


def test_each_file_stands_under_the_digest_of_its_bytes() -> None:
    blobs = {name: data for name, data in EXPORTED.items() if name not in (INDEX, MARKER)}

    assert {name: f"blobs/sha256/{sha256(data).hexdigest()}" for name, data in blobs.items()} == {
        name: name for name in blobs
    }


def test_a_manifest_says_what_it_is() -> None:
    _, manifest = manifest_of(EXPORTED)

    assert manifest["artifactType"] == "application/vnd.promptops.release.v1alpha1"
    assert manifest["config"] == {
        "mediaType": "application/vnd.oci.empty.v1+json",
        "digest": f"sha256:{sha256(b'{}').hexdigest()}",
        "size": 2,
    }
    assert [each["annotations"]["org.opencontainers.image.title"] for each in manifest["layers"]] == [
        "outer-1.0.0.yaml",
        "base-1.0.0.yaml",
    ]
    assert (manifest["annotations"]["promptops.io/prompt"], manifest["annotations"]["promptops.io/version"]) == (
        "outer",
        "1.0.0",
    )


def test_exports_into_one_folder_are_the_same_bytes_in_any_order_and_again() -> None:
    one = layout(BASE, OUTER) | layout(OTHER, beside=layout(BASE, OUTER)[INDEX])
    other = layout(OTHER) | layout(BASE, OUTER, beside=layout(OTHER)[INDEX])
    again = one | layout(OTHER, beside=one[INDEX])

    assert one == other == again
    assert set(unpacked(reading(one)).claims) == {"other-2.0.0", "outer-1.0.0"}


@pytest.mark.parametrize("name", EXPORTED)
def test_no_flipped_byte_brings_in_anything_else(name: str) -> None:
    """A digest stands for every byte but those of the index and of the mark; what is changed there is refused or says nothing."""
    right = unpacked(reading(EXPORTED))

    outcomes = [outcome_of(EXPORTED | {name: flipped(EXPORTED[name], place)}) for place in range(len(EXPORTED[name]))]

    through = [found for found in outcomes if found == right]
    refused = [said for said in outcomes if isinstance(said, str) and (name in said or name == INDEX)]
    assert len(through) + len(refused) == len(outcomes) > 0
    assert through == [] or name == INDEX


def flipped(data: bytes, place: int) -> bytes:
    """The bytes with one bit of one of them changed."""
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


def outcome_of(files: Files) -> Unpacked | str:
    """What comes out of a layout, or what is said."""
    try:
        return unpacked(reading(files))
    except CannotPromote as error:
        return str(error)


@pytest.mark.parametrize("name", EXPORTED)
@pytest.mark.parametrize("cut", [pytest.param(lambda data: data[:-1], id="short"), pytest.param(lambda data: data + b"0", id="long")])  # fmt: skip
def test_another_length_is_refused_by_name(name: str, cut: Callable[[bytes], bytes]) -> None:
    with pytest.raises(CannotPromote, match=name):
        unpacked(reading(EXPORTED | {name: cut(EXPORTED[name])}))


@pytest.mark.parametrize("name", [name for name in EXPORTED if sha256(b"{}").hexdigest() not in name])
def test_what_is_missing_is_named(name: str) -> None:
    with pytest.raises(CannotPromote, match=f"{name}: it is not there"):
        unpacked(reading({place: data for place, data in EXPORTED.items() if place != name}))


@pytest.mark.parametrize(
    ("files", "said"),
    [
        pytest.param(EXPORTED | {MARKER: b'{"imageLayoutVersion": "2.0.0"}'}, "no image layout of version 1.0.0", id="another layout"),
        pytest.param(EXPORTED | {INDEX: b'{"manifests": []}'}, "index.json: it names no version", id="nothing"),
        pytest.param(EXPORTED | {INDEX: b'{"manifests": {}}'}, "index.json: it does not list", id="no list"),
        pytest.param(EXPORTED | {INDEX: b"[" * 9000}, "index.json: it is", id="depth"),
        pytest.param(EXPORTED | {INDEX: b'{"manifests": [{"digest": "sha256:../../../etc/passwd"}]}'}, "not sha256: and 64", id="a way out"),
        pytest.param(with_manifest(lambda manifest: manifest.pop("artifactType")), "promptops export did not write this", id="an image"),
        pytest.param(with_manifest(lambda manifest: manifest.update(layers=[])), "index.json: it names no version", id="an empty manifest"),
        pytest.param(with_manifest(lambda manifest: manifest["layers"][0].update(size=1)), "changed on the way", id="a wrong size"),
    ],
)  # fmt: skip
def test_what_is_no_export_is_refused_in_words(files: Files, said: str) -> None:
    with pytest.raises(CannotPromote, match=said):
        unpacked(reading(files))


def test_an_index_that_cannot_be_read_is_never_replaced() -> None:
    with pytest.raises(CannotPromote, match=r"index\.json: it is not JSON"):
        layout(OTHER, beside=b"{")
