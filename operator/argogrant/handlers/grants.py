"""AccessGrants: no kopf handlers, and why.

kopf operators usually define here event handlers, and a daemon or timer that revokes
each grant on expiry. Benchmarks of both showed late revocations:

- Event handlers: kopf spends about 2 ms on every event, on the event loop that also
  revokes. A burst of events delayed the revocation of expired grants by seconds.
- A daemon for each grant: with 10,000 grants, revocations were up to 5.5 s late.

So a list/watch per namespace (``controller.store``, ``kube.informer``) keeps a typed
copy of all grants. Each event updates the copy and enqueues the ArgoCDInstance of the
grant, and the daemon of this instance (``handlers.instances``) evaluates all of its
grants in one reconciliation. It runs after an event and at the next expiry. The
finalizer of a grant is set and removed together with its status, in one queue of
writes (``controller.status.writer``).
"""
