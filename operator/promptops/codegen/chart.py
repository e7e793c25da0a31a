"""The chart's generated templates: what `installation` holds, with the chart's names, labels and switches."""

from __future__ import annotations

from typing import Any

from promptops.codegen import crds, forgery, injection, policies, projections, rbac, webhooks, yaml_text

Manifest = dict[str, Any]

_IN_THE_CHART = rbac.Installation(
    name='{{ include "promptops.fullname" . }}',
    namespace="{{ .Release.Namespace }}",
    service_account='{{ include "promptops.serviceAccountName" . }}',
)
_PARAMETERS = '{{ include "promptops.injectionParameters" . | fromYaml | toJson }}'
_POLICY = '(eq .Values.injection.mode "policy")'
_WEBHOOK = 'admission.enabled (eq .Values.injection.mode "webhook")'
_CERTIFICATE = "rbac.create .Values.admission.enabled"
_RELAYS = "(and .Values.rbac.create (or (gt (int64 .Values.relay.replicas) 0) (gt (int64 .Values.gateway.replicas) 0)))"
_LABELS = "promptops.labels"
_LABEL_LINES = '{{- include "promptops.labels" . | nindent 4 }}'


def templates(header: str) -> dict[str, str]:
    """Return every generated template by its path below the chart's `templates`."""
    opened = f'{{{{- /* {header} */}}}}\n{{{{- include "promptops.defaults" . }}}}\n'
    made = {f"crds/{crd['spec']['names']['plural']}.yaml": _crd(crd) for crd in crds.definitions()}
    made["policies/policies.yaml"] = _switched("policies.enabled", *policies.policies(rbac.releaser(_IN_THE_CHART)))
    namespace = _IN_THE_CHART.namespace
    made["policies/injection-refusals.yaml"] = _switched("policies.enabled", *injection.refusals(namespace))
    made["policies/forgery.yaml"] = _switched("policies.enabled", *forgery.policies(namespace))
    account = _IN_THE_CHART.service_account
    made["policies/own-config-maps.yaml"] = _switched(
        "policies.enabled", *projections.own_config_maps(namespace, account)
    )
    made["policies/injection.yaml"] = _switched(_POLICY, *injection.mutation(namespace, _PARAMETERS))
    made["webhooks/validating.yaml"] = _switched("admission.enabled", webhooks.validating(namespace))
    made["webhooks/mutating.yaml"] = _switched(_WEBHOOK, webhooks.mutating(namespace))
    made["rbac/webhook.yaml"] = _switched(_CERTIFICATE, *rbac.webhook_roles(_IN_THE_CHART))
    made["rbac/relay.yaml"] = _switched(_RELAYS, *rbac.relay_roles(_IN_THE_CHART))
    made["rbac/operator.yaml"] = _switched("rbac.create", *rbac.operator_roles(_IN_THE_CHART))
    made["rbac/people.yaml"] = _switched("rbac.create", *rbac.people_roles(_IN_THE_CHART))
    return {path: opened + text for path, text in made.items()}


def _crd(crd: Manifest) -> str:
    # Descriptions speak of {{ name }}; they are written so that helm gives them back as they are.
    return _guarded("crds.enabled", _with_labels(yaml_text.dump(_labelled(crd)).replace("{{", '{{ "{{" }}')))


def _switched(switch: str, *manifests: Manifest) -> str:
    return _guarded(switch, _with_labels(yaml_text.dump_all(_labelled(manifest) for manifest in manifests)))


def _labelled(manifest: Manifest) -> Manifest:
    metadata = manifest["metadata"]
    labels = {_LABELS: "", **metadata.get("labels", {})}
    return {**manifest, "metadata": {"name": metadata["name"], **metadata, "labels": labels}}


def _with_labels(text: str) -> str:
    return text.replace(f"    {_LABELS}: ''\n", f"    {_LABEL_LINES}\n")


def _guarded(switch: str, text: str) -> str:
    """`switch` is a value, several of which all must be true, or a condition in brackets."""
    condition = switch if switch.startswith("(") else f".Values.{switch}"
    if " " in condition and not switch.startswith("("):
        condition = f"and {condition}"
    return f"{{{{- if {condition} }}}}\n{text}{{{{- end }}}}\n"
