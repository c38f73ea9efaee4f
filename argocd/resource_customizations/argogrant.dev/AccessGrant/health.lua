-- In force and over are Healthy, waiting is Suspended, and what a person has to mend is
-- Degraded, with the message that says how.
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
  return health("Progressing", "argogrant has not looked at it yet.")
end

local ended, ready = condition("Ended"), condition("Ready")
if ended ~= nil and ended.status == "True" then
  return health("Healthy", ended.message)
end
if ready == nil then
  return health("Progressing", "argogrant has not looked at it yet.")
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
