"""Reading and writing objects of a real API server: what a status write may do, and what a list is worth."""

from __future__ import annotations

import json
from typing import Any

import pytest

from promptops.cluster.client import Client
from promptops.cluster.connection import Connection
from promptops.cluster.errors import AlreadyExists, ApiUnavailable, Conflict, ConnectionInvalid, Invalid, NotFound
from promptops.cluster.objects import Objects
from promptops.cluster.resources import CONFIG_MAPS, PROMPT_VERSIONS, PROMPTS, WATCHED
from promptops.dev.plane import Plane
from promptops.dev.ports import free_ports
from tests.support import manifests
from tests.support.manifests import placed

pytestmark = pytest.mark.cluster


def prompt(namespace: str, name: str = "greeting") -> dict[str, Any]:
    return placed(manifests.prompt(name, activeVersion="1.0.0"), namespace)


def version(namespace: str, number: str) -> dict[str, Any]:
    return placed(manifests.version("greeting", number, "hello"), namespace)


STATUS = {"observedGeneration": 1, "phase": "Pending", "versionCount": 0}


async def test_a_new_prompt_has_the_status_that_says_nobody_looked_yet(objects: Objects, namespace: str) -> None:
    created = await objects.create(PROMPTS, prompt(namespace))

    assert created["status"] == {"observedGeneration": -1}


async def test_a_status_that_stands_there_already_makes_no_new_state(objects: Objects, namespace: str) -> None:
    written = await objects.replace_status(PROMPTS, await objects.create(PROMPTS, prompt(namespace)), STATUS)

    again = await objects.replace_status(PROMPTS, written, STATUS)

    assert again["metadata"]["resourceVersion"] == written["metadata"]["resourceVersion"]
    assert again["status"] == STATUS


async def test_a_status_is_replaced_whole(objects: Objects, namespace: str) -> None:
    first = await objects.replace_status(PROMPTS, await objects.create(PROMPTS, prompt(namespace)), STATUS)

    second = await objects.replace_status(PROMPTS, first, {"observedGeneration": 1, "phase": "Healthy"})

    assert second["status"] == {"observedGeneration": 1, "phase": "Healthy"}


async def test_a_field_that_another_manager_owns_goes_too(objects: Objects, namespace: str, kinds: Plane) -> None:
    first = await objects.replace_status(PROMPTS, await objects.create(PROMPTS, prompt(namespace)), STATUS)
    restored = json.dumps({"status": {"desired": "9.9.9"}})
    kinds.kubectl(
        "-n", namespace, "patch", "prompt", "greeting", "--subresource=status", "--type=merge", "-p", restored
    )
    read = await objects.get(PROMPTS, namespace, "greeting")

    written = await objects.replace_status(PROMPTS, read, STATUS)

    assert (read["status"]["desired"], first["status"], written["status"]) == ("9.9.9", STATUS, STATUS)


async def test_a_status_decided_on_an_older_state_is_a_conflict(objects: Objects, namespace: str, kinds: Plane) -> None:
    read = await objects.create(PROMPTS, prompt(namespace))
    kinds.kubectl("-n", namespace, "label", "prompt", "greeting", "team=a")

    with pytest.raises(Conflict):
        await objects.replace_status(PROMPTS, read, STATUS)


async def test_a_status_never_lands_on_another_object_of_the_name(
    objects: Objects, namespace: str, kinds: Plane
) -> None:
    read = await objects.create(PROMPTS, prompt(namespace))
    kinds.kubectl("-n", namespace, "delete", "prompt", "greeting")
    recreated = await objects.create(PROMPTS, prompt(namespace))

    with pytest.raises(Conflict):
        await objects.replace_status(PROMPTS, read, STATUS)

    assert await objects.get(PROMPTS, namespace, "greeting") == recreated


async def test_a_status_makes_no_object(objects: Objects, namespace: str, kinds: Plane) -> None:
    read = await objects.create(PROMPTS, prompt(namespace))
    kinds.kubectl("-n", namespace, "delete", "prompt", "greeting")

    with pytest.raises(NotFound):
        await objects.replace_status(PROMPTS, read, STATUS)


async def test_a_status_write_leaves_no_trace_in_the_metadata_of_a_user(objects: Objects, namespace: str) -> None:
    written = await objects.replace_status(PROMPTS, await objects.create(PROMPTS, prompt(namespace)), STATUS)

    assert not written["metadata"].keys() & {"annotations", "finalizers", "labels", "ownerReferences"}


async def test_a_version_that_is_there_already(objects: Objects, namespace: str) -> None:
    await objects.create(PROMPT_VERSIONS, version(namespace, "1.0.0"))

    with pytest.raises(AlreadyExists):
        await objects.create(PROMPT_VERSIONS, version(namespace, "1.0.0"))


async def test_what_the_schema_refuses_is_not_tried_again(objects: Objects, namespace: str) -> None:
    with pytest.raises(Invalid, match="the name must be greeting-"):
        await objects.create(
            PROMPT_VERSIONS, version(namespace, "1.0.0") | {"metadata": {"name": "x", "namespace": namespace}}
        )


async def test_a_refusal_in_the_log_names_the_fields_and_no_value(objects: Objects, namespace: str) -> None:
    """A number too long keeps the API server from looking at its other rules, of which it tells without a field."""
    number = "1" * 41 + ".0.0"
    refused = placed(manifests.version("greeting", number, "hello"), namespace)

    with pytest.raises(Invalid) as raised:
        await objects.create(PROMPT_VERSIONS, refused)

    assert raised.value.for_logs == "the API server refuses it: spec.version (FieldValueTooLong)"


async def test_a_deletion_is_for_one_object_and_not_for_its_name(objects: Objects, namespace: str) -> None:
    old = await objects.create(PROMPT_VERSIONS, version(namespace, "1.0.0"))
    await objects.delete(PROMPT_VERSIONS, old)
    recreated = await objects.create(PROMPT_VERSIONS, version(namespace, "1.0.0"))

    with pytest.raises(Conflict):
        await objects.delete(PROMPT_VERSIONS, old)

    assert await objects.get(PROMPT_VERSIONS, namespace, "greeting-1.0.0") == recreated
    await objects.delete(PROMPT_VERSIONS, recreated)
    await objects.delete(PROMPT_VERSIONS, recreated)  # gone already is fine


async def test_a_deletion_is_of_the_state_that_was_read(objects: Objects, namespace: str, kinds: Plane) -> None:
    read = await objects.create(PROMPT_VERSIONS, version(namespace, "1.0.0"))
    kinds.kubectl("-n", namespace, "label", "promptversion", "greeting-1.0.0", "promptops.io/keep=true")

    with pytest.raises(Conflict):
        await objects.delete(PROMPT_VERSIONS, read)

    await objects.delete(PROMPT_VERSIONS, await objects.get(PROMPT_VERSIONS, namespace, "greeting-1.0.0"))


async def test_a_list_is_complete_over_all_its_pages(
    objects: Objects, namespace: str, kinds: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promptops.cluster.objects._PAGE", 3)
    for number in range(8):
        await objects.create(PROMPT_VERSIONS, version(namespace, f"1.0.{number}"))

    full, metadata = await objects.list(PROMPT_VERSIONS), await objects.list_metadata(PROMPT_VERSIONS)

    mine = [each for each in full.objects if each["metadata"]["namespace"] == namespace]
    assert len(mine) == 8
    assert all(each["kind"] == "PromptVersion" and each["apiVersion"] == "promptops.io/v1alpha1" for each in mine)
    assert int(full.resource_version) >= max(int(each["metadata"]["resourceVersion"]) for each in mine)
    listed = [each for each in metadata.objects if each["metadata"]["namespace"] == namespace]
    assert {each["metadata"]["uid"] for each in listed} == {each["metadata"]["uid"] for each in mine}
    assert all("spec" not in each for each in listed)


async def test_only_labelled_config_maps_are_listed(objects: Objects, namespace: str, kinds: Plane) -> None:
    kinds.kubectl("-n", namespace, "create", "configmap", "secretive", "--from-literal=a=b")
    kinds.kubectl("-n", namespace, "create", "configmap", "shown", "--from-literal=a=b")
    kinds.kubectl("-n", namespace, "label", "configmap", "shown", "promptops.io/watch=true")

    listed = (await objects.list(CONFIG_MAPS)).objects

    assert [each["metadata"]["name"] for each in listed if each["metadata"]["namespace"] == namespace] == ["shown"]


async def test_the_kinds_that_are_served(objects: Objects) -> None:
    assert {"prompts", "promptversions", "tenants"} <= await objects.served_kinds("promptops.io", "v1alpha1")
    assert await objects.served_kinds("nobody.example", "v1") == frozenset()


async def test_nobody_answers(kinds: Plane) -> None:
    connection = await Connection.open(kinds.kubeconfig)
    connection.configuration.host = f"https://127.0.0.1:{free_ports(1)[0]}"
    client = Client(connection)
    failed: list[str] = []
    client = Client(connection, lambda operation, error: failed.append(operation))

    with pytest.raises(ApiUnavailable, match="cannot be reached"):
        await Objects(client).list(WATCHED[0])

    assert failed == ["list namespaces"]
    assert client.reachable is False
    await client.close()


async def test_the_return_of_the_api_server_is_told_once(kinds: Plane) -> None:
    connection = await Connection.open(kinds.kubeconfig)
    client, returned = Client(connection), []
    client.returned = lambda: returned.append(True)
    there = connection.configuration.host
    for host in (there, f"https://127.0.0.1:{free_ports(1)[0]}", there, there):
        connection.configuration.host = host
        try:
            await Objects(client).served_kinds("promptops.io", "v1alpha1")
        except ApiUnavailable:
            continue

    assert returned == [True]
    await client.close()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "cannot be used", id="absent"),
        pytest.param("{", "cannot be used", id="no YAML"),
        pytest.param("a: b", "cannot be used", id="no kubeconfig"),
    ],
)
async def test_a_kubeconfig_that_cannot_be_used_is_named(tmp_path: Any, content: str | None, said: str) -> None:
    path = tmp_path / "kubeconfig"
    if content is not None:
        path.write_text(content)

    with pytest.raises(ConnectionInvalid, match=said) as raised:
        await Connection.open(path)

    assert str(path) in str(raised.value)


async def test_without_a_kubeconfig_a_pod_is_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    with pytest.raises(ConnectionInvalid, match="set KUBECONFIG"):
        await Connection.open(None)
