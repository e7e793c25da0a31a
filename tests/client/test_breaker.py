"""The circuit breaker against a model of it, whatever order calls begin and end in, and however much time passes."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from promptops.client import (
    CircuitBreaker,
    CircuitBreakerConfig,
    CircuitOpenError,
    CircuitState,
    NetworkError,
    PromptOpsError,
    ServerError,
    ValidationError,
)
from promptops.client.breaker import Permit

CONFIG = CircuitBreakerConfig()
FAILURES, PAUSE, SUCCESSES = 5, 60.0, 3


@dataclasses.dataclass
class Model:
    """What is promised, said as plainly as can be: the history since the last change of state, and one probe."""

    state: str = "closed"
    failures: int = 0
    successes: int = 0
    since: float = 0.0
    probe: int | None = None
    calls: int = 0
    born: dict[int, int] = dataclasses.field(default_factory=dict)
    """Call → in which closed period it began."""
    period: int = 0

    def begin(self, now: float) -> int | None:
        """Return the call's number, None when it is refused."""
        if self.state == "closed":
            return self.take()
        if self.state == "open" and now - self.since < PAUSE:
            return None
        if self.state == "half_open" and self.probe is not None and now - self.since < PAUSE:
            return None
        if self.state == "open":
            self.successes = 0
        self.state, self.since, self.probe = "half_open", now, self.calls
        return self.take()

    def take(self) -> int:
        self.calls += 1
        self.born[self.calls - 1] = self.period
        return self.calls - 1

    def end(self, call: int, succeeded: bool | None, now: float) -> None:
        if self.state == "half_open" and call == self.probe:
            self.probe = None
            if succeeded is False:
                self.open(now)
            elif succeeded:
                self.successes += 1
                if self.successes == SUCCESSES:
                    self.state, self.failures = "closed", 0
                    self.period += 1
        elif self.state == "closed" and self.born[call] == self.period:
            self.failures = 0 if succeeded else self.failures + (succeeded is False)
            if self.failures == FAILURES:
                self.open(now)

    def open(self, now: float) -> None:
        self.state, self.since, self.probe = "open", now, None
        self.period += 1


class Breaker(RuleBasedStateMachine):
    """Calls begin, end and are given up in any order."""

    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.breaker = CircuitBreaker(CONFIG, lambda: self.now)
        self.model = Model()
        self.permits: dict[int, Permit] = {}

    @rule(target=calls)
    def begin(self) -> int:
        expected = self.model.begin(self.now)
        if expected is None:
            with pytest.raises(CircuitOpenError) as refused:
                self.breaker.enter()
            assert 0 < refused.value.retry_after <= PAUSE
            return -1
        self.permits[expected] = self.breaker.enter()
        return expected

    @rule(call=consumes(calls), succeeded=st.sampled_from([True, False, False, None]))
    def end(self, call: int, succeeded: bool | None) -> None:
        if call in self.permits:
            self.model.end(call, succeeded, self.now)
            self.breaker.leave(self.permits.pop(call), succeeded=succeeded)

    @rule(seconds=st.sampled_from([0.5, 30.0, PAUSE - 0.5, PAUSE, 200.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(times=st.integers(1, FAILURES))
    def fail_in_a_row(self, times: int) -> None:
        for _ in range(times):
            self.end(self.begin(), False)

    @rule()
    def recover(self) -> None:
        for _ in range(SUCCESSES):
            self.end(self.begin(), True)

    @invariant()
    def states_agree(self) -> None:
        assert self.breaker.state == self.model.state


TestBreaker = Breaker.TestCase
TestBreaker.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        pytest.param(NetworkError("x"), CircuitState.OPEN, id="out of reach"),
        pytest.param(ServerError("x", "NotReady", retryable=True), CircuitState.OPEN, id="nothing to answer with yet"),
        pytest.param(ServerError("x", "PromptDisabled"), CircuitState.CLOSED, id="an answer that stays"),
        pytest.param(ValidationError("x", "InvalidVariables"), CircuitState.CLOSED, id="the caller's mistake"),
        pytest.param(KeyboardInterrupt(), CircuitState.CLOSED, id="given up"),
    ],
)
def test_what_counts_as_a_failure(error: BaseException, state: CircuitState) -> None:
    breaker = CircuitBreaker(CONFIG, lambda: 0.0)

    for _ in range(FAILURES):
        with pytest.raises(type(error)), breaker.call():
            raise error

    assert breaker.state is state


def test_what_counts_can_be_chosen() -> None:
    breaker = CircuitBreaker(CircuitBreakerConfig(failure_threshold=1, expected_exception=(ServerError,)), lambda: 0.0)

    with pytest.raises(PromptOpsError), breaker.call():
        raise NetworkError("x")

    assert breaker.state is CircuitState.CLOSED


def test_a_probe_that_is_never_heard_of_again_does_not_keep_it_from_another() -> None:
    now = 0.0
    breaker = CircuitBreaker(CircuitBreakerConfig(failure_threshold=1), lambda: now)
    breaker.leave(breaker.enter(), succeeded=False)
    now = PAUSE
    lost = breaker.enter()
    with pytest.raises(CircuitOpenError):
        breaker.enter()

    now = 2 * PAUSE
    breaker.leave(breaker.enter(), succeeded=True)
    breaker.leave(lost, succeeded=False)

    assert breaker.state is CircuitState.HALF_OPEN
