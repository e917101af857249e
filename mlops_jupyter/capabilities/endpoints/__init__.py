"""What an endpoint is told, and where it can be found: read and written by whoever deploys and by the endpoint."""

from __future__ import annotations

from .plan import EndpointPlan, Limits, MonitoringPlan, PlannedVersion

__all__ = ["EndpointPlan", "Limits", "MonitoringPlan", "PlannedVersion"]
