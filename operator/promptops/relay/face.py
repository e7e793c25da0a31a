"""A relay's face: the feed, as the operators serve it, for the namespace that a caller's token names."""

from __future__ import annotations

from promptops.feed.serve import FeedApp
from promptops.relay.above import Above
from promptops.relay.process import Face
from promptops.telemetry.relay import RelayMetrics


def feed_face(above: Above, metrics: RelayMetrics) -> Face:
    """Serve what is held. Nobody below a relay is a relay: each follows the operators."""
    app = FeedApp(
        above.relay.store,
        above.authenticate,
        above.relay.reported,
        above.relay.shown,
        verifier=above.verifier,
        refusals=metrics.feed.refused,
    )
    above.announced = app.streams.announce

    async def close() -> None:
        app.streams.close("Stopping")

    return Face("feed", app, observe=lambda: metrics.feed.subscribed(app.streams.subscribers), close=close)
