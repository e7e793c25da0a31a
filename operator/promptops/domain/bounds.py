"""How a text is cut to what a status or an Event may hold: what the API server refuses would say nothing at all."""

MAX_EVENT_BYTES = 1024
"""Longest message of an Event."""
_CUT = "…"


def cut(text: str, characters: int) -> str:
    """Return the text with at most so many characters, all of them such as JSON can carry; a cut one ends in an ellipsis."""
    kept = _encodable(text[: characters + 1])
    return kept if len(kept) <= characters else kept[: characters - 1] + _CUT


def cut_bytes(text: str, count: int) -> str:
    """Do the same for a bound in bytes of UTF-8."""
    kept = _encodable(text[: count + 1])
    encoded = kept.encode()
    if len(encoded) <= count:
        return kept
    return encoded[: count - len(_CUT.encode())].decode(errors="ignore") + _CUT


def _encodable(text: str) -> str:
    return text.encode(errors="replace").decode()
