"""One hop for one test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.hop import Hop, hop


@pytest.fixture
async def running() -> AsyncIterator[Hop]:
    """An origin and its server."""
    async with hop() as made:
        yield made
