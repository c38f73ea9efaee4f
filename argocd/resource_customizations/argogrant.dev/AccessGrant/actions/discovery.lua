-- Actions only remove access. There is no action to approve: Argo CD sends the change with
-- its own account, and the API server does not see the user. A grant with a duration can be
-- revoked, but has no end that can be moved.
local over = obj.spec.revoked == true
for _, one in ipairs((obj.status or {}).conditions or {}) do
  if one.type == "Ended" and one.status == "True" then
    over = true
  end
end

local function ends_within(seconds)
  local os = require("os")
  return obj.spec.expiresAt == nil
    or obj.spec.expiresAt <= os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() + seconds)
end

return {
  ["revoke"] = {
    ["disabled"] = over,
    ["displayName"] = "Revoke",
    ["iconClass"] = "fa fa-fw fa-ban"
  },
  ["end-in-15-minutes"] = {
    ["disabled"] = over or ends_within(900),
    ["displayName"] = "End in 15 minutes",
    ["iconClass"] = "fa fa-fw fa-clock"
  },
  ["end-in-60-minutes"] = {
    ["disabled"] = over or ends_within(3600),
    ["displayName"] = "End in 60 minutes",
    ["iconClass"] = "fa fa-fw fa-clock"
  }
}
