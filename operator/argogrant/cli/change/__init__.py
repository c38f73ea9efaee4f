"""Commands that change grants: request, approve, deny, extend, revoke."""
