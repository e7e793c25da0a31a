"""Each file comes to rest for itself; what goes waits for the others."""

from __future__ import annotations

from promptops.workspace.folder import FileState
from promptops.workspace.settle import PATIENCE_SECONDS, QUIET_SECONDS, Settling

NOTHING: frozenset[str] = frozenset()


def state(number: int) -> FileState:
    return FileState(1, 1, number, number, number)


def test_a_file_is_taken_once_it_is_quiet() -> None:
    settling = Settling()

    first = settling.see({"a"}, {"a": state(1)}, NOTHING, 0.0)
    changed = settling.see({"a"}, {"a": state(2)}, NOTHING, 0.08)
    waiting = settling.see({"a"}, {"a": state(2)}, NOTHING, 0.16)
    taken = settling.see({"a"}, {"a": state(2)}, NOTHING, 0.09 + QUIET_SECONDS)

    assert [each.present for each in (first, changed, waiting, taken)] == [NOTHING, NOTHING, NOTHING, {"a"}]


def test_a_file_that_is_touched_and_looks_the_same_is_not_quiet() -> None:
    settling = Settling()
    settling.see({"a"}, {"a": state(1)}, frozenset({"a"}), 0.0)

    touched = settling.see({"a"}, {"a": state(1)}, frozenset({"a"}), QUIET_SECONDS)

    assert touched.present == NOTHING


def test_a_file_that_never_rests_keeps_nobody_waiting() -> None:
    settling, taken = Settling(), list[tuple[float, frozenset[str]]]()

    for step in range(60):
        now = step * 0.05
        states = {"busy": state(step), "a": state(1)}
        names = {"busy", "a"} if not any("a" in present for _, present in taken) else {"busy"}
        taken.append((now, settling.see(names, states, NOTHING, now).present))

    when = {name: next(now for now, present in taken if name in present) for name in ("a", "busy")}
    assert when["a"] <= QUIET_SECONDS + 0.06
    assert PATIENCE_SECONDS <= when["busy"] <= PATIENCE_SECONDS + 0.06


def test_a_file_that_is_gone_waits_for_the_others() -> None:
    settling = Settling()
    settling.see({"old", "new"}, {"new": state(1)}, NOTHING, 0.0)

    during = settling.see({"old", "new"}, {"new": state(2)}, NOTHING, QUIET_SECONDS)
    after = settling.see({"old", "new"}, {"new": state(2)}, NOTHING, 2 * QUIET_SECONDS)

    assert [during.gone, after.gone, after.present] == [NOTHING, {"old"}, {"new"}]


def test_a_file_that_is_gone_waits_no_longer_than_patience_lasts() -> None:
    settling = Settling()

    for step in range(100):
        now = step * 0.05
        gone = settling.see({"old", "busy"}, {"busy": state(step)}, NOTHING, now).gone
        if gone:
            break

    assert gone == {"old"}
    assert PATIENCE_SECONDS <= now <= PATIENCE_SECONDS + 0.06
