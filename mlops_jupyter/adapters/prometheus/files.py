"""What a Prometheus is told of a project's endpoints: where to scrape them, and by which rules to judge them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import yaml

from ...capabilities.endpoints.scraping import JOB
from ...capabilities.sealed_texts import PLACE
from ...protocols import ExportedText, WatchedEndpoint, WatchPlan
from . import model_alerts, recording, rule_tests, service_alerts

_CONFIG = "prometheus.yml"
_INTERVAL, _REFRESH = "15s", "30s"
_WIDTH = 110
_HEAD = f"""\
# Written by mlops export prometheus, and renewed by it: what you change here stays.
# {PLACE}
"""


class PrometheusFiles:
    """The configuration of a Prometheus, and for each endpoint a file of rules and one of their unit tests."""

    title = "Prometheus"

    def files(self, plan: WatchPlan) -> tuple[ExportedText, ...]:
        """Return the files; the same plan gives the same texts."""
        config = ExportedText(_CONFIG, _written(_config(plan)))
        return (config, *(file for endpoint in plan.endpoints for file in _of_endpoint(endpoint, plan)))

    def notes(self, plan: WatchPlan) -> tuple[str, ...]:
        """Say in sentences how the files are checked and used."""
        folder = plan.folder
        config = folder / _CONFIG
        start = f"prometheus --config.file={config} scrapes and judges them"
        check = f"promtool check config {config} && promtool test rules {folder}/*.test.yml"
        found = [
            f"{start}; for a Prometheus that runs already, copy its scrape_configs and rule_files",
            f"{check} checks all of it",
        ]
        if plan.alerts_url is None:
            found.append("no Alertmanager is named, so nobody is told of alerts: [alertmanager] url in mlops.toml")
        return tuple(found)


def _of_endpoint(endpoint: WatchedEndpoint, plan: WatchPlan) -> tuple[ExportedText, ExportedText]:
    file = f"{endpoint.name}.rules.yml"
    service = tuple(service_alerts.alerts(endpoint.name, plan.slow_s, plan.objective))
    model = tuple(model_alerts.alerts(endpoint))
    groups = {
        f"mlops {endpoint.name}: rates": recording.rules(endpoint.name, plan.slow_s),
        f"mlops {endpoint.name}: answers": [alert.rule() for alert in service],
        f"mlops {endpoint.name}: model": [alert.rule() for alert in model],
    }
    rules = {"groups": [{"name": name, "rules": told} for name, told in groups.items()]}
    tests = rule_tests.tests(endpoint, file, (*service, *model), plan.slow_s)
    return (
        ExportedText(file, _written(rules)),
        ExportedText(f"{endpoint.name}.test.yml", _written(tests)),
    )


def _config(plan: WatchPlan) -> dict[str, Any]:
    scraped: list[dict[str, Any]] = [
        {
            "job_name": JOB,
            "authorization": {"credentials_file": plan.metrics_token},
            "file_sd_configs": [{"files": [f"{plan.targets}/*.json"], "refresh_interval": _REFRESH}],
        }
    ]
    if plan.batches_url is not None:
        # What was pushed says itself which job it was.
        pushed = {
            "job_name": "pushgateway",
            "honor_labels": True,
            **_target(plan.batches_url, "metrics_path", "/metrics"),
        }
        scraped.append(pushed)
    config: dict[str, Any] = {
        "global": {"scrape_interval": _INTERVAL, "evaluation_interval": _INTERVAL},
        "rule_files": ["*.rules.yml"],
        "scrape_configs": scraped,
    }
    if plan.alerts_url is not None:
        config["alerting"] = {"alertmanagers": [_target(plan.alerts_url, "path_prefix", "/")]}
    return config


def _target(url: str, path_key: str, path: str) -> dict[str, Any]:
    parts = urlsplit(url)
    prefix = parts.path.rstrip("/")
    told = {
        "scheme": parts.scheme,
        path_key: f"{prefix}{path}",
        "static_configs": [{"targets": [_place(parts.netloc)]}],
    }
    usual = {"scheme": "http", "path_prefix": "/", "metrics_path": "/metrics"}
    return {name: value for name, value in told.items() if usual.get(name) != value}


def _place(netloc: str) -> str:
    # Credentials of an address do not go into a file that others read.
    return netloc.rpartition("@")[2]


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Writes expressions of several lines as such, and everything out where it stands."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _written(content: Mapping[str, Any]) -> str:
    return _HEAD + str(yaml.dump(dict(content), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH))
