"""On a plane, the operator and sidecars run as they would in a cluster: with their own accounts, and one by one."""

from __future__ import annotations

import json
import ssl

import httpx

from promptops.dev.describe import as_json
from promptops.dev.stack import NAMESPACE, SIDECAR, Stack, attach_stack
from tests.support.audit import audited
from tests.support.manifests import sourced
from tests.support.waiting import eventually, wait_until

OPERATOR_ACCOUNT = "system:serviceaccount:promptops-system:promptops"
PROMPT = sourced("hello", "Hello.")
_NOBODY = json.dumps({"spec": {"holderIdentity": ""}})


def listed(url: str) -> list[str]:
    return [prompt["name"] for prompt in httpx.get(f"{url}/v1/prompts").raise_for_status().json()["prompts"]]


def test_the_operator_acts_under_its_own_account(stack: Stack) -> None:
    created = [
        event["user"]["username"]
        for event in audited(stack.plane)
        if event["verb"] == "create"
        and event["objectRef"]["resource"] == "secrets"
        and event["objectRef"]["namespace"] == NAMESPACE
    ]

    # The keys, and the certificate of relays.
    assert set(created) == {OPERATOR_ACCOUNT}


def test_the_operator_s_account_may_not_do_more_than_it_needs(stack: Stack) -> None:
    asked = [("list", "secrets"), ("patch", "prompts"), ("create", "pods"), ("get", "nodes")]

    answers = [stack.plane.kubectl("auth", "can-i", *a, f"--as={OPERATOR_ACCOUNT}", check=False).stdout for a in asked]

    assert [answer.strip().splitlines()[-1] for answer in answers] == ["no"] * len(asked)


def test_a_sidecar_s_token_opens_no_api(stack: Stack) -> None:
    token = stack.feed_token("default", "probe").read_text()
    context = ssl.create_default_context(cadata=stack.plane.authority.decode())

    answer = httpx.get(f"{stack.plane.server}/api", headers={"Authorization": f"Bearer {token}"}, verify=context)

    assert answer.status_code == httpx.codes.UNAUTHORIZED


def test_a_second_sidecar_serves_its_own_namespace_alone(stack: Stack, stack_namespace: str) -> None:
    stack.plane.kubectl("apply", "-n", stack_namespace, "-f", "-", input=json.dumps(PROMPT))
    stack.plane.kubectl("wait", "-n", stack_namespace, "--for=condition=Ready", "prompt/hello", "--timeout=90s")

    second = stack.start_sidecar("second", stack_namespace)

    # Followers are told what stands in a status already, and soon what other tests took away.
    eventually(lambda: listed(second.url), ["hello"])
    eventually(lambda: listed(stack.sidecar.url), [])
    stack.plane.stop("second")
    del stack.sidecars["second"]


def test_killed_processes_come_back_where_they_were(stack: Stack) -> None:
    assert stack.operator is not None
    metrics = stack.operator.metrics_url
    before = stack.plane.running()
    for name in ("operator", SIDECAR):
        stack.plane.kill(name)
        stack.plane.start(name)

    after = stack.plane.running()
    # Nobody gives up the Lease of the dead, and the next test shall not wait for its fifteen seconds.
    stack.plane.kubectl("patch", "lease", "promptops", "-n", NAMESPACE, "--type=merge", "-p", _NOBODY)
    wait_until(lambda: "\npromptops_leader 1.0" in httpx.get(metrics).text, lambda: httpx.get(metrics).text)

    assert set(after) == set(before)
    assert {name for name in after if after[name] != before[name]} == {"operator", SIDECAR}
    assert httpx.get(f"{stack.sidecar.operations_url}/readyz").status_code == httpx.codes.OK


def test_where_everything_is_can_be_told_to_programs(stack: Stack) -> None:
    found = attach_stack(stack.plane)
    answer = json.loads(as_json(stack.plane, found))

    assert all(answer.values())
    assert httpx.get(answer["operator_metrics_url"]).status_code == httpx.codes.OK
    assert httpx.get(f"{answer['operations_url']}/metrics").status_code == httpx.codes.OK
    assert httpx.get(f"{answer['sidecar_url']}/v1/prompts").status_code == httpx.codes.OK
    socket = httpx.Client(transport=httpx.HTTPTransport(uds=answer["sidecar_socket"]))
    assert socket.get("http://sidecar/v1/prompts").status_code == httpx.codes.OK
