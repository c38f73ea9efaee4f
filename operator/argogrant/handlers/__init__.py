"""kopf handlers of the operator: what kopf does here, and what it does not do.

kopf serves the ArgoCDInstances (``instances``). It starts, stops and times the
controller, and it keeps deleted objects until they are clean:

    =====================  =====================================================
    ``kopf.on.startup``    connect, wait for the Lease, then start (``startup``)
    ``kopf.on.login``      the credential of kopf's own requests
    ``kopf.daemon``        ensures that the reconcile loop of an ArgoCDInstance runs
    ``kopf.timer``         the resync: lists everything again once a minute
    ``kopf.on.delete``     the finalizer: an ArgoCDInstance stays until all of its
                           bindings are removed from Argo CD
    ``kopf.on.cleanup``    stop, and release the Lease
    =====================  =====================================================

kopf does not serve the AccessGrants. They have an informer of their own, and one
reconcile loop per ArgoCDInstance revokes them; ``grants`` says why, with measurements.
kopf's peering, diff-base annotation and event posting are switched off in ``startup``:

- Two replicas with peering both act until they notice each other. A Lease has one
  holder (``startup.LeaderElection``).
- The diff-base annotation would store a copy of each object in the object, and double
  the writes. The reconcile loop compares states, so nothing needs a diff.
- Events and audit records are created from changed conditions, once per change
  (``startup.Sinks``).

This package is the only one that imports kopf. It decides nothing about access: every
handler calls ``argogrant.controller``.
"""

from argogrant.handlers import instances, startup

__all__ = ["instances", "startup"]
