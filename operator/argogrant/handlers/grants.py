"""AccessGrants: no kopf handlers, and why.

A kopf user expects ``kopf.on.create`` and ``kopf.timer`` for AccessGrants here. Both
were measured with 10,000 grants, and both revoked too late:

- ``kopf.on.event``: kopf spends about 2 ms on every event, on the event loop that also
  revokes. A burst of events delayed expired grants by seconds.
- ``kopf.daemon`` per grant: an expired grant was revoked up to 5.5 s late.

So a list/watch per namespace (``controller.store``, ``kube.informer``) keeps a typed
copy of all grants. Each event updates the copy and enqueues the ArgoCDInstance of the
grant, and the daemon of this instance (``handlers.instances``) decides about all of its
grants in one reconciliation. It wakes at the next expiry, not at the next event. The
finalizer of a grant is set and removed together with its status, in one queue of
writes (``controller.status.writer``).
"""
