obj.spec.revoked = true
return obj
