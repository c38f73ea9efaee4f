"""How our metrics are made: by one registry, labelled with an instance as a rule."""

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

Labels = tuple[str, str]
LABELS: Final = ("namespace", "instance")


class Group:
    """Metrics about one thing, in the registry of their process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def forget(self, labels: Labels, *, but: Gauge | None = None) -> None:
        """Take the gauges of an instance away that is gone.

        Args:
            labels: Of the instance.
            but: One that has a label beside it.
        """
        for gauge in vars(self).values():
            if isinstance(gauge, Gauge) and gauge is not but:
                gauge.remove(*labels)

    def _gauge(self, name: str, text: str, labels: Iterable[str] = LABELS) -> Gauge:
        return Gauge(name, text, labels, registry=self._registry)

    def _counter(self, name: str, text: str, labels: Iterable[str] = LABELS) -> Counter:
        return Counter(name, text, labels, registry=self._registry)

    def _histogram(self, name: str, text: str, buckets: Iterable[float]) -> Histogram:
        return Histogram(
            name, text, LABELS, registry=self._registry, buckets=tuple(buckets)
        )
