-- Active and ended grants are Healthy, and waiting grants are Suspended. A grant that
-- needs a correction is Degraded, with the message that contains the remedy.
local function condition(wanted)
  for _, one in ipairs(obj.status.conditions or {}) do
    if one.type == wanted then
      return one
    end
  end
end

local function health(status, message)
  return {status = status, message = message}
end

if obj.status == nil or obj.status.conditions == nil
    or obj.status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", "The operator has not processed it yet.")
end

local ended, ready = condition("Ended"), condition("Ready")
if ended ~= nil and ended.status == "True" then
  return health("Healthy", ended.message)
end
if ready == nil then
  return health("Progressing", "The operator has not processed it yet.")
end
if ready.status == "True" then
  return health("Healthy", ready.message)
end
if ready.reason == "AwaitingApproval" or ready.reason == "Scheduled" then
  return health("Suspended", ready.message)
end
if ready.reason == "Binding" then
  return health("Progressing", ready.message)
end
return health("Degraded", ready.message)
