"""Why something that was offered is not taken; what is held stays as it is."""


class Refused(Exception):
    """An index, a patch, a blob or a snapshot is not taken. `reason` is a constant of promptops.api.reasons."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
