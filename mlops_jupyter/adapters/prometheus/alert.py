"""An alert's rule, and with it an example in which it fires, from which its unit test is made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

_LABEL = re.compile(r"\{\{ \$labels\.(\w+) \}\}")
_VALUE = re.compile(r"\{\{ \$value[^}]*\}\}")


@dataclass(frozen=True)
class Example:
    """A time in which an alert fires.

    Attributes
    ----------
    series
        What differs from a healthy endpoint, by the names of `rule_tests`; ``None`` for a series that is not there.
    value
        The alert's value, as its summary tells it.
    labels
        The alert's labels, besides the endpoint and the severity.
    minutes
        How long after the beginning it fires.
    """

    series: Mapping[str, str | None]
    value: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    minutes: int = 60


@dataclass(frozen=True)
class AlertRule:
    """The rule of an alert.

    Attributes
    ----------
    name
        Its name.
    expression
        The PromQL that gives what it fires for.
    lasts
        For how long that must be so, as Prometheus writes a duration.
    severity
        ``page`` wakes somebody, ``ticket`` waits until the morning.
    summary, advice
        What has happened, and what to do.
    example
        When it fires.
    labels
        Labels of its own, besides the severity; what tells two rules of one name apart.
    """

    name: str
    expression: str
    lasts: str
    severity: Literal["page", "ticket"]
    summary: str
    advice: str
    example: Example
    labels: Mapping[str, str] = field(default_factory=dict)

    def rule(self) -> dict[str, Any]:
        """Return it as a rules file has it."""
        return {
            "alert": self.name,
            "expr": self.expression,
            "for": self.lasts,
            "labels": {"severity": self.severity, **self.labels},
            "annotations": {"summary": self.summary, "description": self.advice},
        }

    def expected(self, endpoint: str) -> dict[str, Any]:
        """Return the alert of the example, as a unit test expects it."""
        labels = {"severity": self.severity, "endpoint": endpoint, **self.example.labels, **self.labels}
        return {
            "exp_labels": labels,
            "exp_annotations": {
                "summary": self._filled(self.summary, labels),
                "description": self._filled(self.advice, labels),
            },
        }

    def _filled(self, text: str, labels: Mapping[str, str]) -> str:
        filled = _LABEL.sub(lambda found: labels.get(found[1], ""), text)
        return _VALUE.sub(lambda _: self.example.value, filled)
