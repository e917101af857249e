"""What a Grafana is told: a dashboard, and two files that provision it and its data source."""

from __future__ import annotations

import json
from typing import Any

import yaml

from ...capabilities.sealed_texts import PLACE
from ...protocols import ExportedText, WatchPlan
from . import concerns
from .panels import DATASOURCE, laid_out

_UID, _SOURCE_UID = "mlops-endpoints", "mlops-prometheus"
_USUAL_URL = "http://localhost:9090"
# Of the classic model, which every Grafana since 8 reads and newer ones migrate.
_SCHEMA = 39
_ALL = "$__all"
_HEAD = f"""\
# Written by mlops export grafana, and renewed by it: what you change here stays.
# {PLACE}
"""


class GrafanaFiles:
    """A dashboard of all endpoints, with a folder that provisions it."""

    title = "Grafana"

    def files(self, plan: WatchPlan) -> tuple[ExportedText, ...]:
        """Return the files; the same plan gives the same texts."""
        source = {
            "name": "mlops",
            "uid": _SOURCE_UID,
            "type": "prometheus",
            "access": "proxy",
            "url": plan.metrics_url or _USUAL_URL,
            "jsonData": {"httpMethod": "POST", "timeInterval": "15s"},
        }
        provider = {
            "name": "mlops",
            "type": "file",
            "folder": "Models",
            "allowUiUpdates": True,
            "options": {"path": str(plan.folder / "dashboards")},
        }
        return (
            ExportedText("dashboards/mlops.json", json.dumps(_dashboard(plan), indent=1, ensure_ascii=False) + "\n"),
            ExportedText("provisioning/datasources/mlops.yml", _yaml({"apiVersion": 1, "datasources": [source]})),
            ExportedText("provisioning/dashboards/mlops.yml", _yaml({"apiVersion": 1, "providers": [provider]})),
        )

    def notes(self, plan: WatchPlan) -> tuple[str, ...]:
        """Say in sentences how the files are used."""
        take_up = (
            f"GF_PATHS_PROVISIONING={plan.folder / 'provisioning'} lets a Grafana take all of it up when it starts"
        )
        return (f"{take_up}; or import {plan.folder / 'dashboards' / 'mlops.json'} in its pages",)


def _yaml(content: dict[str, Any]) -> str:
    return _HEAD + str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def _dashboard(plan: WatchPlan) -> dict[str, Any]:
    first = plan.endpoints[0].name if plan.endpoints else ""
    return {
        "id": None,
        "uid": _UID,
        "title": "Models in use",
        "description": f"Written by mlops export grafana, and renewed by it: what you change here stays. {PLACE}",
        "tags": ["mlops"],
        "schemaVersion": _SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "time": {"from": "now-1h", "to": "now"},
        "refresh": "10s",
        "timezone": "browser",
        "templating": {"list": _variables(first)},
        "annotations": {"list": []},
        "links": [],
        "panels": laid_out(concerns.rows(plan.slow_s)),
    }


def _variables(endpoint: str) -> list[dict[str, Any]]:
    served = 'mlops_model_info{job="mlops",endpoint="$endpoint"'
    return [
        {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "refresh": 1},
        _variable("endpoint", "Endpoint", 'label_values(up{job="mlops"}, endpoint)', endpoint),
        _several("model", "Model", f"label_values({served}}}, model)"),
        _several("version", "Version", f'label_values({served},model=~"$model"}}, version)'),
    ]


def _variable(name: str, label: str, query: str, chosen: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": dict(DATASOURCE),
        "definition": query,
        "query": {"query": query, "refId": name},
        # Anew whenever the time changes: versions come and go.
        "refresh": 2,
        "sort": 1,
        "current": {"text": chosen, "value": chosen} if chosen else {},
    }


def _several(name: str, label: str, query: str) -> dict[str, Any]:
    return {
        **_variable(name, label, query, ""),
        "multi": True,
        "includeAll": True,
        # A model that is not registered has no name, and is one of all.
        "allValue": ".*",
        "current": {"text": "All", "value": _ALL},
    }
