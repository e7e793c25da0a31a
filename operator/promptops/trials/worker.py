"""The process in which prompt tests and the contents of strangers are looked at for the operator."""

from __future__ import annotations

from promptops.trials.labour import work
from promptops.trials.work import carry_out

if __name__ == "__main__":
    work(carry_out)
