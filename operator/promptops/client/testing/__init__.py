"""For the tests of applications: a sidecar that is none, with the clients' own codec and the product's own renderer."""

from promptops.client.testing.fake import FakeSidecar, SeenRender

__all__ = ["FakeSidecar", "SeenRender"]
