"""`make threats`: every hostile template, value and manifest against a control plane of its own; who refused it, the slowest, and
what it cost: first what policies, operator and sidecar do without the webhook, then what is said at once to whoever applies it."""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from promptops.dev.stack import Stack
from tests.admission.webhook import prepared
from tests.support.manifests import version
from tests.support.throwaway import throwaway_stack
from tests.support.waiting import wait_until
from tests.threats.listed import BOUNDED, REFUSED, VALUES
from tests.threats.others import HEAVY, OTHERS
from tests.threats.running import NOBODY, WEBHOOK, Content, Memory, Running, Verdict
from tests.threats.test_templates import contents
from tests.threats.unlisted_manifests import OTHERS as MANIFESTS
from tests.threats.unlisted_manifests import VERSIONS
from tests.threats.unlisted_templates import BOUNDED as UNLISTED_BOUNDED
from tests.threats.unlisted_templates import REFUSED as UNLISTED_REFUSED
from tests.threats.unlisted_templates import VALUES as UNLISTED_VALUES
from tests.threats.unlisted_values import CONTENT, LITERAL
from tests.threats.unlisted_values import REFUSED as REFUSED_VALUES

CORPORA: tuple[tuple[dict[str, Content], dict[str, Any]], ...] = (
    (contents(REFUSED), {}),
    (contents(BOUNDED), VALUES),
    (OTHERS, HEAVY),
    (UNLISTED_REFUSED, {}),
    (UNLISTED_BOUNDED, UNLISTED_VALUES),
)
NEVER_TAKEN = REFUSED.keys() | UNLISTED_REFUSED.keys() | VERSIONS.keys() | MANIFESTS.keys()
VALUES_SENT = {
    f"the value {name}": values
    for name, values in (*REFUSED_VALUES.items(), *((name, values) for name, (values, _) in LITERAL.items()))
}


def main() -> int:
    """Run it, and say 1 when a process died or something was neither refused nor bounded."""
    with throwaway_stack("threats") as stack, tempfile.TemporaryDirectory() as mounted:
        passed = _without_webhook(stack)
        return 0 if _with_webhook(stack, Path(mounted)) and passed else 1


def _without_webhook(stack: Stack) -> bool:
    running = Running(stack)
    before = running.processes()
    running.renders()
    memory = Memory(before)
    verdicts = [
        verdict
        for corpus, values in CORPORA
        for name, content in corpus.items()
        for verdict in running.try_out({name: content}, values)
    ]
    verdicts += running.try_values(CONTENT, VALUES_SENT)
    verdicts += [running.try_manifest(name, manifest) for name, manifest in {**VERSIONS, **MANIFESTS}.items()]
    grown = memory.growth()
    alive = running.processes() == before and running.renders()
    return _told("Without the webhook", verdicts, grown, alive)


def _with_webhook(stack: Stack, mounted: Path) -> bool:
    """Apply everything as kubectl does, dry, where the webhook is asked."""
    webhook = prepared(stack.plane, mounted)
    webhook.start()
    running = Running(stack)
    validating, _ = webhook.configurations(stack.sidecar.namespace)
    stack.plane.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(validating))
    broken = version("asked", "1.0.0", "{{ x }}")
    wait_until(lambda: running.try_apply("", broken).gate == WEBHOOK, "the API server asks the webhook")
    before = running.processes()
    memory = Memory(before)
    hostile = {name: content for corpus, _ in CORPORA for name, content in corpus.items()}
    verdicts = [running.try_apply(name, version("threat", "1.0.0", content)) for name, content in hostile.items()]
    verdicts += [running.try_apply(name, manifest) for name, manifest in {**VERSIONS, **MANIFESTS}.items()]
    grown = memory.growth()
    alive = running.processes() == before and running.renders()
    return _told("Applied, the webhook asked", verdicts, grown, alive)


def _told(title: str, verdicts: Sequence[Verdict], grown: dict[str, float], alive: bool) -> bool:
    """Print what became of everything, and say whether it is what it has to be."""
    say = sys.stdout.write
    say(f"{title}: {_numbers({each.name for each in verdicts})}; {'no process died' if alive else 'A PROCESS DIED'}\n")
    for gate, count in Counter(each.gate for each in verdicts).most_common():
        slowest = max((each for each in verdicts if each.gate == gate), key=lambda each: each.seconds)
        say(f"{count:4} by {gate}; the slowest took {slowest.seconds * 1000:.0f} ms: {slowest.name}\n")
    for each in verdicts:
        if each.gate == NOBODY and each.reason:
            say(f"     rendered in {each.seconds * 1000:.0f} ms: {each.name} ({each.reason})\n")
    say("".join(f"     {name} grew by at most {mebibytes:.1f} MiB\n" for name, mebibytes in grown.items()))
    taken = [each.name for each in verdicts if each.gate == NOBODY and each.name in NEVER_TAKEN]
    say("".join(f"     NOBODY REFUSED: {name}\n" for name in taken))
    sys.stdout.flush()
    return alive and not taken


def _numbers(names: Collection[str]) -> str:
    hostile = {name for corpus, _ in CORPORA for name in corpus}
    on_no_list = OTHERS.keys() | UNLISTED_REFUSED.keys() | UNLISTED_BOUNDED.keys()
    manifests = VERSIONS.keys() | MANIFESTS.keys()
    kinds = (
        len(hostile & {*names}),
        len(on_no_list & {*names}),
        len(VALUES_SENT.keys() & {*names}),
        len(manifests & {*names}),
    )
    return "{} contents, {} of them on no list, {} values, {} manifests".format(*kinds)


if __name__ == "__main__":
    sys.exit(main())
