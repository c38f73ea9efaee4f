"""What survives kills, conflicts, outages and hostile edits.

A script of operations, made from a seed, is carried out against a real API server, a
real argocd-server and the operator as a process. The operator reaches the API server
through a proxy that injects faults; nobody else does. A small model says what
argocd-server must answer, and argocd-server is the judge.

Scripts are plain data (JSON), made whole before the first operation runs, rather than
the moves of a Hypothesis state machine: real time passes between operations, so that a
failure is rare and not quite repeatable. A script that is data can be run again as it
is, many times, and dropped piece by piece with a limit in time; Hypothesis would take
the first run that does not fail again for flakiness and give up.

``model`` knows what must be so, ``operations`` makes scripts, ``faults`` and ``proxy``
disturb, ``performing`` acts, ``judging`` asks argocd-server, ``running`` brings them
together, ``shrinking`` makes a failing script small.
"""
