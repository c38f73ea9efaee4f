"""Commands that change a grant: request, approve, deny, extend, revoke."""
