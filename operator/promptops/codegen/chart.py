"""The chart's generated templates: what `installation` holds, with the chart's names, labels and switches."""

from __future__ import annotations

import copy
from typing import Any

from promptops.codegen import crds, policies, rbac, yaml_text

Manifest = dict[str, Any]

_IN_THE_CHART = rbac.Installation(
    name='{{ include "promptops.fullname" . }}',
    namespace="{{ .Release.Namespace }}",
    service_account='{{ include "promptops.serviceAccountName" . }}',
)
_LABELS = "promptops.labels"
_LABEL_LINES = '{{- include "promptops.labels" . | nindent 4 }}'


def templates(header: str) -> dict[str, str]:
    """Return every generated template by its path below the chart's `templates`."""
    opened = f"{{{{- /* {header} */}}}}\n"
    made = {f"crds/{crd['spec']['names']['plural']}.yaml": _crd(crd) for crd in crds.definitions()}
    made["policies/policies.yaml"] = _switched("policies.enabled", *policies.policies())
    made["rbac/operator.yaml"] = _switched("rbac.create", *rbac.operator_roles(_IN_THE_CHART))
    made["rbac/people.yaml"] = _switched("rbac.create", *rbac.people_roles(_IN_THE_CHART))
    return {path: opened + text for path, text in made.items()}


def _crd(crd: Manifest) -> str:
    kept = copy.deepcopy(crd)
    # Deleting a CRD deletes every prompt in the cluster: uninstalling a release must not.
    kept["metadata"]["annotations"] = {"helm.sh/resource-policy": "keep"}
    # Descriptions speak of {{ name }}; they are written so that helm gives them back as they are.
    return _guarded("crds.enabled", _with_labels(yaml_text.dump(_labelled(kept)).replace("{{", '{{ "{{" }}')))


def _switched(switch: str, *manifests: Manifest) -> str:
    return _guarded(switch, _with_labels(yaml_text.dump_all(_labelled(manifest) for manifest in manifests)))


def _labelled(manifest: Manifest) -> Manifest:
    metadata = manifest["metadata"]
    labels = {_LABELS: "", **metadata.get("labels", {})}
    return {**manifest, "metadata": {"name": metadata["name"], **metadata, "labels": labels}}


def _with_labels(text: str) -> str:
    return text.replace(f"    {_LABELS}: ''\n", f"    {_LABEL_LINES}\n")


def _guarded(switch: str, text: str) -> str:
    return f"{{{{- if .Values.{switch} }}}}\n{text}{{{{- end }}}}\n"
