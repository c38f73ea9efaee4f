"""Stand-in for the kubelet and the controllers of Deployments, Jobs and quotas.

The control plane of the tests has no nodes. This thread runs the Deployments and Jobs
of one namespace as processes, with the arguments and the ServiceAccount of the object
on the API server, and writes their state into its status, for which Argo CD waits.
"""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from controlplane import ControlPlane
from controlplane.api import PATCH_TYPES, RESOURCES, path_of
from controlplane.errors import APIRequestFailed, KubectlFailed
from support import operator_process
from support.chart import container_of

ROUND_SECONDS = 0.3
PORT = "--port=8080"
COUNTED = {f"count/{one.plural}.{one.group}": kind for kind, one in RESOURCES.items()}
"""Kinds by the names that a ResourceQuota has for their numbers."""
logger = logging.getLogger(__name__)

Object = dict[str, Any]
Process = subprocess.Popen[bytes]


class Kubelet:
    """Runs the Deployments and Jobs of one namespace.

    Args:
        plane: Control plane with the objects.
        namespace: Namespace of the objects.
        logs: Folder for the logs of the processes.
    """

    def __init__(self, plane: ControlPlane, namespace: str, logs: Path) -> None:
        self._plane = plane
        self._api = plane.api(namespace)
        self._namespace = namespace
        self._logs = logs
        self._pods: dict[str, dict[int, Process]] = {}
        self._templates: dict[str, Object] = {}
        self._works = {
            "Deployment": self._deploy,
            "Job": self._work,
            "PodDisruptionBudget": self._guard,
            "ResourceQuota": self._limit,
        }
        self._over = threading.Event()
        self.ran: list[str] = []
        """Names of the Jobs that have ended, in order."""

    def run(self) -> None:
        """Process the namespace repeatedly until ``end`` is called."""
        try:
            while not self._over.wait(ROUND_SECONDS):
                try:
                    self._look()
                except (APIRequestFailed, KubectlFailed) as error:
                    # What was changed or deleted in between is seen in the next round.
                    logger.warning("A round of the stand-in kubelet failed: %s", error)
        finally:
            for title in list(self._pods):
                self._stop(title)

    def end(self) -> None:
        """Stop all processes after this round."""
        self._over.set()

    def runs(self, name: str) -> bool:
        """Return whether pods of a Deployment run."""
        found = f"deployment/{name}/"
        return any(pods for title, pods in list(self._pods.items()) if found in title)

    def said(self) -> str:
        """Return the logs of all processes."""
        return "\n".join(one.read_text() for one in sorted(self._logs.glob("*.log")))

    def _look(self) -> None:
        bodies = [
            {**one, "kind": kind}
            for kind in self._works
            for one in self._api.list(kind.lower(), namespace=self._namespace)
        ]
        there = {_title(body): body for body in bodies}
        for title in self._pods.keys() - there.keys():
            self._stop(title)
        for title, body in there.items():
            if "deletionTimestamp" in body["metadata"]:
                self._stop(title)
            else:
                self._works[body["kind"]](body)

    def _deploy(self, body: Object) -> None:
        title = _title(body)
        template = body["spec"]["template"]
        if self._templates.get(title) != template:
            self._stop(title)
            self._templates[title] = template
        count = body["spec"]["replicas"]
        if not count:
            self._stop(title)
        pods = self._pods.setdefault(title, {})
        for number in range(count):
            # An operator that loses its Lease exits, and is started again.
            if number not in pods or pods[number].poll() is not None:
                pods[number] = self._start(body, number=number)
        self._tell(
            body,
            observedGeneration=body["metadata"]["generation"],
            **dict.fromkeys(
                ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"),
                count,
            ),
        )

    def _work(self, body: Object) -> None:
        title = _title(body)
        if body.get("status", {}).get("conditions"):
            return
        if title not in self._pods:
            self._pods[title] = {0: self._start(body, number=0)}
        code = self._pods[title][0].poll()
        if code is None:
            return
        self.ran.append(body["metadata"]["name"])
        now = _now()
        ending = (
            ("SuccessCriteriaMet", "Complete")
            if code == 0
            else ("FailureTarget", "Failed")
        )
        times = {"lastProbeTime": now, "lastTransitionTime": now}
        conditions = [{"type": one, "status": "True", **times} for one in ending]
        self._tell(
            body,
            startTime=now,
            conditions=conditions,
            **({"succeeded": 1, "completionTime": now} if code == 0 else {"failed": 1}),
        )

    def _guard(self, body: Object) -> None:
        """Report a PodDisruptionBudget as met, without counting pods."""
        if body.get("status", {}).get("conditions"):
            return
        now = _now()
        condition = {
            "type": "DisruptionAllowed",
            "status": "True",
            "reason": "SufficientPods",
            "message": "",
            "lastTransitionTime": now,
        }
        counts = ("currentHealthy", "desiredHealthy", "disruptionsAllowed")
        self._tell(
            body,
            conditions=[condition],
            **dict.fromkeys((*counts, "expectedPods"), 1),
        )

    def _limit(self, body: Object) -> None:
        """Begin to count for a ResourceQuota; then the API server goes on alone.

        Until this is done, the API server refuses what the quota names.
        """
        hard = body["spec"]["hard"]
        if body.get("status", {}).get("hard") != hard:
            used = {
                name: str(len(self._api.list(COUNTED[name], namespace=self._namespace)))
                for name in hard
            }
            self._tell(body, hard=hard, used=used)

    def _start(self, body: Object, *, number: int) -> Process:
        name = f"{body['metadata']['name']}-{number}"
        command, environment = container(self._plane, body, self._namespace, name)
        with (self._logs / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                command, env=environment, stdout=log, stderr=subprocess.STDOUT
            )

    def _stop(self, title: str) -> None:
        for process in self._pods.pop(title, {}).values():
            operator_process.stop(process)

    def _tell(self, body: Object, **status: Any) -> None:
        old = body.get("status", {})
        if all(old.get(key, 0) == value for key, value in status.items()):
            return
        path = path_of(body["kind"].lower(), self._namespace, body["metadata"]["name"])
        merge = PATCH_TYPES["merge"]
        self._api.request(
            "PATCH", f"{path}/status", {"status": status}, content_type=merge
        )


@contextmanager
def kubelet(plane: ControlPlane, namespace: str, logs: Path) -> Iterator[Kubelet]:
    """Run the pods of a namespace within a block."""
    one = Kubelet(plane, namespace, logs)
    thread = threading.Thread(target=one.run)
    thread.start()
    try:
        yield one
    finally:
        one.end()
        thread.join()


def container(
    plane: ControlPlane, body: Object, namespace: str, pod: str
) -> tuple[list[str], dict[str, str]]:
    """Return command and environment of a pod of a Deployment or Job.

    They are those of the object with its ServiceAccount, except for a free port.
    """
    args = [
        one.replace("$(POD_NAME)", pod).replace(
            PORT, f"--port={operator_process.free_port()}"
        )
        for one in container_of(body)["args"]
    ]
    account = body["spec"]["template"]["spec"]["serviceAccountName"]
    kubeconfig = plane.service_account_kubeconfig(namespace, account)
    command = [
        *operator_process.bound(),
        sys.executable,
        "-m",
        "argogrant.cli.main",
        *args,
    ]
    return command, {**os.environ, "KUBECONFIG": str(kubeconfig)}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _title(body: Object) -> str:
    """Name an object; one that is created again under the same name is another."""
    metadata = body["metadata"]
    return f"{body['kind'].lower()}/{metadata['name']}/{metadata['uid']}"
