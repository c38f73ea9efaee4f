-- A condition that is False is Degraded: its message says how to fix the cause.
if obj.status == nil or obj.status.conditions == nil
    or obj.status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "The operator has not processed it yet."}
end
for _, one in ipairs(obj.status.conditions) do
  if one.type == "Ready" then
    if one.status == "False" then
      return {status = "Degraded", message = one.message}
    end
    return {status = "Healthy", message = one.message}
  end
end
return {status = "Progressing", message = "The operator has not processed it yet."}
