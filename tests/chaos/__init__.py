"""Random operations and faults: kills, conflicts, outages and hostile edits.

A script of operations, generated from a seed, runs against a real API server, a real
argocd-server and the operator as a process. Only the operator connects to the API
server through a proxy that injects faults. A small model predicts what argocd-server
must answer, and every answer is compared with it.

Scripts are plain data (JSON), complete before the first operation runs, rather than
the steps of a Hypothesis state machine. Real time passes between operations, hence a
failure is rare and not exactly repeatable. A script can run again many times, and be
minimized within a time limit. Hypothesis would report the first run that does not
fail again as flaky, and stop.

``model`` predicts answers, ``operations`` generates scripts, ``faults`` and ``proxy``
inject faults, ``performing`` runs operations, ``judging`` asks argocd-server,
``running`` combines them, and ``shrinking`` minimizes a failing script.
"""
