-- Argo CD's health of a Prompt, PromptVersion or Tenant: what kstatus says of the same conditions, and of a Prompt two things more.
-- Not Healthy before every sidecar serves it; Suspended while it is switched off. Argo CD opens no string library for this.
local status = obj.status
if status == nil or status.conditions == nil or status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "the operator has not looked at generation " .. tostring(obj.metadata.generation) .. " yet" }
end

local conditions = {}
for _, condition in ipairs(status.conditions) do
  conditions[condition.type] = condition
end

local function is(kind, value)
  return conditions[kind] ~= nil and conditions[kind].status == value
end

if is("Stalled", "True") then
  return { status = "Degraded", message = conditions.Stalled.message }
end
if is("Reconciling", "True") then
  return { status = "Progressing", message = conditions.Reconciling.message }
end
if not is("Ready", "True") then
  return { status = "Progressing", message = conditions.Ready ~= nil and conditions.Ready.message or "there is no word of Ready yet" }
end
if conditions.Ready.reason == "Disabled" then
  return { status = "Suspended", message = conditions.Ready.message }
end
if is("Converged", "False") and conditions.Converged.reason ~= "NothingServed" then
  return { status = "Progressing", message = conditions.Converged.message }
end
return { status = "Healthy", message = conditions.Ready.message }
