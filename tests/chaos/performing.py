"""Operations on the real components, which the model records."""

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping

from chaos.argocd_edits import ConfigMapEdits, line_of, policy
from chaos.faults import Fault
from chaos.grant_edits import GrantEdits, instant, record_of
from chaos.model import (
    API_PAUSED,
    API_STOPPED,
    CONFIG_MAP_MISSING,
    OPERATOR_DOWN,
    Model,
    Pair,
)
from chaos.operations import Do, Operation, Value
from chaos.process import OperatorProcess
from chaos.proxy import Proxy
from controlplane import ControlPlane
from controlplane.errors import ArgoCDBroken, ArgoCDError
from controlplane.people import NOBODY

SETTLE_SECONDS = 60.0
WATCH_SECONDS = 15.0
"""Seconds for argocd-server's watch after a restart of the API server, if it cannot be
observed."""

Args = Mapping[str, Value]


class Performer:
    """Performs operations; one that is not possible does nothing.

    The model records operations that give access before they run, and operations that
    end access after they ran; the lock prevents reads in between.
    """

    def __init__(
        self,
        plane: ControlPlane,
        proxy: Proxy,
        operator: OperatorProcess,
        *,
        model: Model,
        lock: threading.Lock,
    ) -> None:
        self._plane = plane
        self._proxy = proxy
        self._operator = operator
        self._model = model
        self._lock = lock
        self._config_map = ConfigMapEdits(plane)
        self._grants = GrantEdits(plane)
        self._fault: Fault | None = None
        self._over: set[str] = set()
        self._absolute: set[str] = set()
        self._copies: defaultdict[str, list[str]] = defaultdict(list)
        """Copies by the name of their original, of which they carry the record."""
        self._revoked: set[str] = set()
        self._actions: Mapping[Do, Callable[[Args], None]] = {
            Do.KILL: self._kill,
            Do.START: self._start,
            Do.STOP_API: self._stop_api,
            Do.START_API: self._start_api,
            Do.PAUSE_API: self._pause_api,
            Do.RESUME_API: self._resume_api,
            Do.FAULT: self._begin_fault,
            Do.CALM: self._calm,
            Do.WAIT: lambda args: time.sleep(float(args["seconds"])),
        }
        self._edits: Mapping[Do, Callable[[Args], None]] = {
            Do.CREATE: self._create,
            Do.COPY: self._copy,
            Do.DELETE: self._delete,
            Do.REVOKE: self._revoke,
            Do.SHORTEN: self._shorten,
        }
        self._config_map_edits: Mapping[Do, Callable[[Args], None]] = {
            Do.REMOVE_ROLE: self._remove_role,
            Do.RESTORE_ROLE: self._restore_role,
            Do.BREAK_LINE: lambda _: self._set_line(is_broken=True),
            Do.MEND_LINE: lambda _: self._set_line(is_broken=False),
            Do.DROP_KEY: lambda _: self._config_map.drop_key(),
            Do.SCRIBBLE: self._scribble,
            Do.SPOIL_KEY: lambda _: self._config_map.append("g, what is this\n"),
            Do.DELETE_CONFIG_MAP: self._delete_config_map,
        }

    def perform(self, operation: Operation) -> bool:
        """Perform an operation; return whether it was possible."""
        do, args = operation.do, operation.args
        if do in self._actions:
            self._actions[do](args)
            return True
        if {API_STOPPED, API_PAUSED} & self._model.obstacles:
            return False
        if do in self._edits:
            return self._edit_grant(do, args)
        is_missing = CONFIG_MAP_MISSING in self._model.obstacles
        if do is Do.RESTORE_CONFIG_MAP and is_missing:
            self._restore_config_map(args)
            return True
        if do in self._config_map_edits and not is_missing:
            self._config_map_edits[do](args)
            return True
        return False

    def settle(self) -> None:
        """Wait until argocd-server has seen all writes."""
        if CONFIG_MAP_MISSING in self._model.obstacles:
            return
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            try:
                self._plane.argocd.settle()
            except ArgoCDError:
                if time.monotonic() > deadline:
                    raise
            else:
                return

    def being_deleted(self) -> list[str]:
        """Return the names of the grants that are being deleted."""
        return self._grants.being_deleted()

    def _edit_grant(self, do: Do, args: Args) -> bool:
        known = str(args["name"]) in self._model.grants
        if (do in {Do.CREATE, Do.COPY}) == known or str(args["name"]) in self._over:
            return False
        self._edits[do](args)
        return True

    def _create(self, args: Args) -> None:
        name, now = str(args["name"]), time.time()
        pair = Pair(str(args["subject"]), str(args["role"]))
        delay, seconds = float(args.get("delay", 0)), float(args["seconds"])
        spec = {"notBefore": instant(now + delay)} if delay else {}
        if args["absolute"]:
            self._absolute.add(name)
            spec["expiresAt"] = instant(now + delay + seconds + 1)
        else:
            spec["duration"] = f"{seconds:.0f}s"
        with self._lock:
            self._model.create(name, pair, start=now, end=now + delay + seconds + 60)
        grant = self._grants.create(name, pair, spec)
        with self._lock:
            self._model.create(name, pair, start=grant.start, end=grant.end)

    def _copy(self, args: Args) -> None:
        """Create a copy, which ends with its original, and when that is revoked."""
        name, original = str(args["name"]), str(args["of"])
        body = self._grants.read(original) if original in self._model.grants else None
        if body is None:
            return
        earlier = self._model.grants[original]
        now, length = time.time(), earlier.end - earlier.start
        with self._lock:
            self._model.create(
                name, earlier.pair, start=now, end=max(earlier.end, now + length) + 60
            )
        grant = self._grants.copy(name, earlier.pair, body)
        if record_of(body) is not None:
            self._copies[original].append(name)
        with self._lock:
            self._model.create(name, grant.pair, start=grant.start, end=grant.end)
        if original in self._revoked:
            self._end(name)

    def _delete(self, args: Args) -> None:
        self._grants.delete(str(args["name"]))
        self._end(str(args["name"]))

    def _revoke(self, args: Args) -> None:
        names = [str(args["name"])]
        self._grants.change(names[0], {"revoked": True})
        for name in names:
            self._end(name)
            self._revoked.add(name)
            names += self._copies[name]

    def _end(self, name: str) -> None:
        self._over.add(name)
        with self._lock:
            self._model.end(name, time.time())

    def _shorten(self, args: Args) -> None:
        name = str(args["name"])
        grant = self._model.grants[name]
        end = float(int(time.time() + float(args["seconds"])))
        if end >= grant.end or end <= grant.start or name not in self._absolute:
            return
        self._grants.change(name, {"expiresAt": instant(end)})
        with self._lock:
            self._model.shorten(name, end, time.time())

    def _remove_role(self, args: Args) -> None:
        self._set_roles(self._model.roles - {str(args["role"])})

    def _restore_role(self, args: Args) -> None:
        self._set_roles(self._model.roles | {str(args["role"])})

    def _set_roles(self, roles: set[str]) -> None:
        with self._lock:
            self._model.roles = roles
        self._set_policy()

    def _set_line(self, *, is_broken: bool) -> None:
        with self._lock:
            self._model.line_is_broken = is_broken
        self._set_policy()

    def _set_policy(self) -> None:
        self._config_map.set_policy(self._policy())

    def _policy(self) -> str:
        model = self._model
        return policy(model.roles, line_is_broken=model.line_is_broken)

    def _scribble(self, args: Args) -> None:
        pair = Pair(str(args["subject"]), str(args["role"]))
        with self._lock:
            self._model.scribble(pair, time.time() + 1)
        self._config_map.append(line_of(pair))
        with self._lock:
            self._model.scribble(pair, time.time())

    def _delete_config_map(self, _: Args) -> None:
        self._obstruct(CONFIG_MAP_MISSING)
        self._config_map.delete()

    def _restore_config_map(self, args: Args) -> None:
        self._config_map.restore(
            self._policy(), with_old_key=bool(args["with_old_key"])
        )
        self._clear(CONFIG_MAP_MISSING)

    def _kill(self, _: Args) -> None:
        self._obstruct(OPERATOR_DOWN)
        self._operator.kill()

    def _start(self, _: Args) -> None:
        if not self._operator.is_wanted:
            self._operator.start()
            self._clear(OPERATOR_DOWN)

    def _stop_api(self, _: Args) -> None:
        if not {API_STOPPED, API_PAUSED} & self._model.obstacles:
            self._obstruct(API_STOPPED)
            self._plane.stop("kube-apiserver")

    def _start_api(self, _: Args) -> None:
        if API_STOPPED in self._model.obstacles:
            self._plane.start("kube-apiserver")
            self._await_argocd()
            self._clear(API_STOPPED)

    def _pause_api(self, _: Args) -> None:
        if not {API_STOPPED, API_PAUSED} & self._model.obstacles:
            self._obstruct(API_PAUSED)
            self._plane.pause("kube-apiserver")

    def _resume_api(self, _: Args) -> None:
        if API_PAUSED in self._model.obstacles:
            self._plane.resume("kube-apiserver")
            self._await_argocd()
            self._clear(API_PAUSED)

    def _await_argocd(self) -> None:
        """Wait for argocd-server's own watch."""
        if CONFIG_MAP_MISSING not in self._model.obstacles:
            self.settle()
            with contextlib.suppress(ArgoCDBroken):
                self._plane.argocd.can_i(NOBODY, "applications", "sync", "shop/web")
                return
        time.sleep(WATCH_SECONDS)

    def _begin_fault(self, args: Args) -> None:
        self._calm(args)
        self._fault = Fault(str(args["kind"]))
        self._obstruct(self._fault)
        self._proxy.begin(self._fault, float(args["share"]))

    def _calm(self, _: Args) -> None:
        self._proxy.calm()
        if self._fault is not None:
            self._clear(self._fault)
        self._fault = None

    def _obstruct(self, obstacle: str) -> None:
        with self._lock:
            self._model.obstruct(obstacle)

    def _clear(self, obstacle: str) -> None:
        with self._lock:
            self._model.clear(obstacle, time.time())
