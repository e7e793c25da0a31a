"""A worker process: there while there is work, gone otherwise, and no loss when it dies over a piece of it."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator

import msgspec
import psutil
import pytest

from promptops.domain.content.assessment import assess_spec, look_at_spec
from promptops.domain.content.sourcing import SourceText, judge
from promptops.trials.labour import CPU_SECONDS, MEMORY_BYTES
from promptops.trials.process import WorkerProcess, WorkFailed
from promptops.trials.work import SourceWork, VersionWork, answer_of, request
from tests.support.waiting import until

SPEC = b'{"promptRef":{"name":"a"},"version":"1.0.0","content":{"text":"Hello"}}'
TESTED = (
    SPEC[:-1] + b',"tests":[{"name":"a","expect":[{"contains":"Hello"}]},{"name":"b","expect":[{"contains":"Bye"}]}]}'
)
BOMB = "text: x\nparameters:\n  extra: [" + "a," * 200_000 + "a]\n"


@pytest.fixture
async def worker() -> AsyncIterator[WorkerProcess]:
    made = WorkerProcess()
    yield made
    await made.close()


async def test_it_answers_what_would_be_answered_here(worker: WorkerProcess) -> None:
    version = answer_of(await worker.carry_out(request(VersionWork(SPEC))))
    source = answer_of(await worker.carry_out(request(SourceWork("yaml", "text: Hello", None))))

    assert version == look_at_spec(msgspec.json.decode(SPEC))
    assert source == judge(SourceText("yaml", "text: Hello", None))


async def test_it_is_started_for_work_and_kept_for_the_next(worker: WorkerProcess) -> None:
    before = worker.pid
    await worker.carry_out(request(VersionWork(SPEC)))
    first = worker.pid
    await worker.carry_out(request(VersionWork(SPEC)))

    assert (before, worker.pid) == (None, first)


async def test_it_ends_when_nothing_is_left_to_do() -> None:
    worker = WorkerProcess(idle_seconds=0.05)
    await worker.carry_out(request(VersionWork(SPEC)))
    pid = worker.pid
    assert pid is not None

    await until(lambda: worker.pid is None)
    await until(lambda: not _is_running(pid))


async def test_it_dies_over_one_piece_of_work_and_does_the_next(worker: WorkerProcess) -> None:
    await worker.carry_out(request(VersionWork(SPEC)))
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(WorkFailed):
        await worker.carry_out(request(VersionWork(SPEC)))

    assert answer_of(await worker.carry_out(request(VersionWork(SPEC)))).digest is not None


async def test_it_runs_the_tests_of_a_version(worker: WorkerProcess) -> None:
    found = answer_of(await worker.carry_out(request(VersionWork(TESTED))))

    assert found == assess_spec(msgspec.json.decode(TESTED))
    assert found.failure is not None


async def test_what_takes_too_much_of_the_processor_is_ended_by_the_system(worker: WorkerProcess) -> None:
    await worker.carry_out(request(VersionWork(SPEC)))
    assert worker.pid is not None
    process = psutil.Process(worker.pid)
    soft, _ = process.rlimit(psutil.RLIMIT_CPU)
    process.send_signal(signal.SIGXCPU)

    with pytest.raises(WorkFailed) as failed:
        await worker.carry_out(request(VersionWork(SPEC)))

    assert (failed.value.took_too_long, 0 < soft <= CPU_SECONDS + 5) == (True, True)


async def test_its_memory_is_bounded(worker: WorkerProcess) -> None:
    await worker.carry_out(request(VersionWork(SPEC)))

    assert psutil.Process(worker.pid).rlimit(psutil.RLIMIT_AS) == (MEMORY_BYTES, MEMORY_BYTES)


async def test_what_takes_too_long_is_given_up_and_its_process_with_it() -> None:
    worker = WorkerProcess(work_seconds=0.01)

    with pytest.raises(WorkFailed, match="too long"):
        await worker.carry_out(request(SourceWork("yaml", BOMB, None)))

    assert worker.pid is None


def _is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
