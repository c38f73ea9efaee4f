local os = require("os")
obj.spec.expiresAt = os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() + 900)
return obj
