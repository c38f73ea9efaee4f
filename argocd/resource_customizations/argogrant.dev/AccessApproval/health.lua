-- What is as it should be is Healthy, what a person has to mend is Degraded.
if obj.status == nil or obj.status.conditions == nil
    or obj.status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "argogrant has not looked at it yet."}
end
for _, one in ipairs(obj.status.conditions) do
  if one.type == "Counted" then
    if one.status == "False" then
      return {status = "Degraded", message = one.message}
    end
    return {status = "Healthy", message = one.message}
  end
end
return {status = "Progressing", message = "argogrant has not looked at it yet."}
