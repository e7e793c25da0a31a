"""`make threats`: every hostile template, value and manifest against a control plane of its own; who refused it, the slowest, and
what it cost."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from promptops.dev.stack import Stack
from tests.support.throwaway import throwaway_stack
from tests.threats.listed import BOUNDED, REFUSED, VALUES
from tests.threats.others import HEAVY, OTHERS
from tests.threats.running import NOBODY, Content, Memory, Running
from tests.threats.test_templates import contents
from tests.threats.unlisted_manifests import OTHERS as MANIFESTS
from tests.threats.unlisted_manifests import VERSIONS
from tests.threats.unlisted_templates import BOUNDED as UNLISTED_BOUNDED
from tests.threats.unlisted_templates import REFUSED as UNLISTED_REFUSED
from tests.threats.unlisted_templates import VALUES as UNLISTED_VALUES
from tests.threats.unlisted_values import CONTENT, LITERAL
from tests.threats.unlisted_values import REFUSED as REFUSED_VALUES


def main() -> int:
    """Run it, and say 1 when a process died or something was neither refused nor bounded."""
    with throwaway_stack("threats") as stack:
        return _report(stack)


def _report(stack: Stack) -> int:
    running = Running(stack)
    before = running.processes()
    running.renders()
    memory = Memory(before)
    corpora: tuple[tuple[dict[str, Content], dict[str, Any]], ...] = (
        (contents(REFUSED), {}),
        (contents(BOUNDED), VALUES),
        (OTHERS, HEAVY),
        (UNLISTED_REFUSED, {}),
        (UNLISTED_BOUNDED, UNLISTED_VALUES),
    )
    verdicts = [
        verdict
        for corpus, values in corpora
        for name, content in corpus.items()
        for verdict in running.try_out({name: content}, values)
    ]
    contents_tried = len(verdicts)
    sent = {**REFUSED_VALUES, **{name: values for name, (values, _) in LITERAL.items()}}
    verdicts += running.try_values(CONTENT, sent)
    verdicts += [running.try_manifest(name, manifest) for name, manifest in {**VERSIONS, **MANIFESTS}.items()]
    grown = memory.growth()
    alive = running.processes() == before and running.renders()
    say = sys.stdout.write
    for gate, count in Counter(each.gate for each in verdicts).most_common():
        slowest = max((each for each in verdicts if each.gate == gate), key=lambda each: each.seconds)
        say(f"{count:4} by {gate}; the slowest took {slowest.seconds * 1000:.0f} ms: {slowest.name}\n")
    for each in verdicts:
        if each.gate == NOBODY:
            say(f"     rendered in {each.seconds * 1000:.0f} ms: {each.name} ({each.reason})\n")
    say("".join(f"     {name} grew by at most {mebibytes:.1f} MiB\n" for name, mebibytes in grown.items()))
    say(
        f"{contents_tried} contents, {len(OTHERS) + len(UNLISTED_REFUSED) + len(UNLISTED_BOUNDED)} of them on no list; "
        f"{len(sent)} values, {len(verdicts) - contents_tried - len(sent)} manifests; "
        f"{'no process died' if alive else 'A PROCESS DIED'}\n"
    )
    return 0 if alive else 1


if __name__ == "__main__":
    sys.exit(main())
