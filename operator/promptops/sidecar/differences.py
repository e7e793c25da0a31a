"""What differs between two versions that are held, in the words of `promptops diff`."""

import msgspec

from promptops.api.http import DiffPiece, DiffText, FieldChange, VersionDetail, VersionDiff
from promptops.workspace.changes import ContentChange
from promptops.workspace.compare import compare


def difference(before: VersionDetail, after: VersionDetail) -> VersionDiff:
    """Return how two versions of a prompt differ, as it is answered over HTTP."""
    found = compare(before.content, after.content)
    return VersionDiff(
        prompt_id=before.prompt_id,
        from_version=before.version,
        to_version=after.version,
        grade=found.grade,
        texts=tuple(
            DiffText(text.path, tuple(DiffPiece(each.kind, each.text) for each in text.pieces)) for text in found.texts
        ),
        fields=tuple(_field(change) for section in found.sections.values() for change in section),
    )


def _field(change: ContentChange) -> FieldChange:
    before, after = msgspec.to_builtins(change.before), msgspec.to_builtins(change.after)
    return FieldChange(change.path, change.kind, before, after)
