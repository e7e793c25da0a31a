"""One hop for one test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.hop import Hop, hop


@pytest.fixture
async def running() -> AsyncIterator[Hop]:
    """An origin that leads, and its server."""
    async with hop(leads=True) as made:
        yield made
