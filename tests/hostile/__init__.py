"""Proof that nobody with small rights stops or delays other people's revocations.

A real kube-apiserver and a real argocd-server run, and the operator in the memory that
the chart gives it. An attacker with exactly the rights of one position changes what
this position may change, again and again (``attacks``). Meanwhile other people's grants
end, are revoked and are deleted, and argocd-server is asked until it says no
(``innocents``). What has to hold is in ``verdict``, and the order of a run in
``running``.

``make hostile`` runs every attack for some minutes, ``pytest tests/hostile`` for some
seconds each, and ``make test`` four of them at once (``test_representative.py``).
"""
