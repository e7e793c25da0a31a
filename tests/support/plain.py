"""What clients of plain HTTP are given instead of the certificates of the whole world, which take 40 ms to be read, each time."""

from __future__ import annotations

import ssl

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Believes nobody."""
