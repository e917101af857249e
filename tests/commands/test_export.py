"""Files for Prometheus and Grafana: what promtool says of them, and what becomes of the user's edits."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml

import mlops_jupyter
from mlops_jupyter.adapters.grafana.panels import COLUMNS
from mlops_jupyter.capabilities.drift import Baseline, Profile
from mlops_jupyter.capabilities.endpoints import EndpointPlan, PlannedVersion
from mlops_jupyter.capabilities.endpoints.folder import endpoint_folder
from mlops_jupyter.capabilities.endpoints.scraping import announce
from mlops_jupyter.errors import CommandError, ConfigurationError, Conflict, NotFound
from tests.fakes.monitoring import promtool

ODD = 'a "b" \\ (c|d) + e$ ü'
SIGNATURE = {
    "inputs": json.dumps([{"name": name, "type": "double"} for name in ("age", ODD)]),
    "outputs": json.dumps([{"name": "churns", "type": "double"}]),
}


def planned(project: Path, name: str, **more: object) -> None:
    """Leave a deployment's files behind, as of one that does not run now."""
    folder = endpoint_folder(project / ".mlops", name)
    folder.make()
    version = PlannedVersion(
        "1", "models:/churn/1", str(project), "module:Runner", model="churn", signature=SIGNATURE, **more
    )
    folder.write_plan(EndpointPlan(name, (version,)))
    announce(folder, "127.0.0.1", 8000)


@pytest.fixture
def deployed(project):
    planned(project, "churn")
    return project


def check(*words: str | Path) -> str:
    done = subprocess.run([promtool(), *map(str, words)], capture_output=True, text=True, check=False, timeout=300)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    # Of duplicate rules and the like promtool only complains.
    assert "FAILED" not in said, said
    return said


def test_promtool_finds_configuration_rules_and_their_tests_in_order(deployed):
    planned(deployed, "bare.2")
    folder = deployed / "prometheus"
    found = mlops_jupyter.export("prometheus", slow=0.3, require=["accuracy >= 0.95 and rmse < 2", "`mae` <= 0.5"])
    assert (found.system, found.folder, found.deployments) == ("Prometheus", "prometheus", ("bare.2", "churn"))
    assert [(one.path, one.outcome) for one in found.files] == [
        ("prometheus.yml", "created"),
        ("bare.2.rules.yml", "created"),
        ("bare.2.test.yml", "created"),
        ("churn.rules.yml", "created"),
        ("churn.test.yml", "created"),
    ]
    said = check("check", "config", folder / "prometheus.yml")
    assert "2 rule files found" in said
    assert "WARNING" not in said
    check("check", "rules", *folder.glob("*.rules.yml"))
    tests = sorted(folder.glob("*.test.yml"))
    assert check("test", "rules", *tests).count("SUCCESS") == len(tests) == 2


def test_a_rule_that_is_wrong_fails_its_test(deployed):
    folder = deployed / "prometheus"
    mlops_jupyter.export("prometheus", "churn")
    rules = folder / "churn.rules.yml"
    rules.write_text(rules.read_text().replace("== 0", "== 7"))
    done = subprocess.run(
        [promtool(), "test", "rules", str(folder / "churn.test.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "MlopsEndpointDown" in done.stderr + done.stdout


def test_every_alert_says_what_happened_and_what_to_do(deployed):
    mlops_jupyter.export("prometheus", "churn")
    groups = yaml.safe_load((deployed / "prometheus" / "churn.rules.yml").read_text())["groups"]
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    assert len(alerts) > 15
    for one in alerts:
        assert one["labels"]["severity"] in {"page", "ticket"}
        assert "churn" in one["annotations"]["summary"] or "churn" in one["annotations"]["description"]
        assert len(one["annotations"]["summary"]) < 160
    tested = yaml.safe_load((deployed / "prometheus" / "churn.test.yml").read_text())["tests"]
    fires = {part["alertname"] for test in tested for part in test["alert_rule_test"] if part["exp_alerts"]}
    assert fires == {one["alert"] for one in alerts}


def test_the_configuration_moves_with_the_project_and_names_what_the_settings_name(deployed):
    (deployed / "mlops.toml").write_text(
        '[alertmanager]\nurl = "http://me:s3cret@alerts.example:9093/am/"\n[pushgateway]\nurl = "https://push.example"\n'
    )
    found = mlops_jupyter.export("prometheus")
    text = (deployed / "prometheus" / "prometheus.yml").read_text()
    config = yaml.safe_load(text)
    scraped, pushed = config["scrape_configs"]
    assert scraped["file_sd_configs"][0]["files"] == ["../.mlops/scrape/*.json"]
    assert scraped["authorization"] == {"credentials_file": "../.mlops/metrics.token"}
    assert pushed == {
        "job_name": "pushgateway", "honor_labels": True, "scheme": "https",
        "static_configs": [{"targets": ["push.example"]}],
    }  # fmt: skip
    (manager,) = config["alerting"]["alertmanagers"]
    assert manager == {"path_prefix": "/am/", "static_configs": [{"targets": ["alerts.example:9093"]}]}
    assert "s3cret" not in text
    check("check", "config", deployed / "prometheus" / "prometheus.yml")
    assert not any("Alertmanager" in note for note in found.notes)
    elsewhere = deployed.parent / "elsewhere"
    mlops_jupyter.export("prometheus", output=elsewhere)
    config = yaml.safe_load((elsewhere / "prometheus.yml").read_text())
    assert config["scrape_configs"][0]["authorization"]["credentials_file"] == str(deployed / ".mlops/metrics.token")


def test_nothing_deployed_is_a_start_too(project):
    found = mlops_jupyter.export("prometheus")
    assert [one.path for one in found.files] == ["prometheus.yml"]
    assert "nothing is deployed yet" in found.notes[0]
    with pytest.raises(NotFound):
        mlops_jupyter.export("prometheus", "nobody")


@pytest.mark.parametrize(
    "options",
    [
        {"objective": 100},
        {"objective": 0},
        {"slow": 0},
        {"slow": 100},
        {"require": ["accuracy >= champion.accuracy"]},
        {"require": ["fit.accuracy >= 1"]},
        {"require": ["accuracy == 1"]},
        {"require": ["accuracy >= 0.9", "accuracy > 0.8"]},
        {"require": ["accuracy"]},
    ],
)
def test_what_cannot_be_watched_is_refused(options, deployed):
    with pytest.raises(CommandError) as raised:
        mlops_jupyter.export("prometheus", **options)
    assert raised.value.hint
    assert not (deployed / "prometheus").exists()


def test_a_baseline_says_how_many_values_may_be_missing(project):
    baseline = Profile()
    baseline.update({"age": np.array([1.0, np.nan] * 50), ODD: np.arange(100.0)}, 100)
    file = project / "baseline.json"
    file.write_text(Baseline(baseline, made_from="a test").to_json())
    planned(project, "churn", baseline=str(file))
    mlops_jupyter.export("prometheus", "churn")
    groups = yaml.safe_load((project / "prometheus" / "churn.rules.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"] if rule.get("alert") == "MlopsFeatureMissing"]
    assert [rule["labels"]["allowed"] for rule in rules] == ["1%", "66%", "5%, without a baseline"]
    assert 'feature=~"age"' in rules[1]["expr"]
    check("check", "rules", project / "prometheus" / "churn.rules.yml")
    check("test", "rules", project / "prometheus" / "churn.test.yml")
    # One of another version, or damaged, is a note.
    file.write_text("{}")
    found = mlops_jupyter.export("prometheus", "churn")
    assert any(note.startswith("churn: the baseline of version 1 cannot be read") for note in found.notes)


# --- the user's edits --------------------------------------------------------------------------------------------


def outcomes(found):
    return {one.path: (one.outcome, one.edited) for one in found.files}


def test_what_nobody_edited_is_renewed_and_what_did_not_change_is_kept(deployed):
    mlops_jupyter.export("prometheus")
    assert set(outcomes(mlops_jupyter.export("prometheus")).values()) == {("kept", False)}
    again = outcomes(mlops_jupyter.export("prometheus", objective=99.9))
    assert again == {
        "prometheus.yml": ("kept", False),
        "churn.rules.yml": ("updated", False),
        "churn.test.yml": ("updated", False),
    }


def test_edits_stay_when_what_is_generated_changes_elsewhere(deployed):
    mlops_jupyter.export("prometheus")
    file = deployed / "prometheus" / "churn.rules.yml"
    file.write_text(file.read_text().replace("for: 2m", "for: 7m", 1) + "# mine\n")
    for _ in range(2):
        again = outcomes(mlops_jupyter.export("prometheus", objective=99.9))
        assert again["churn.rules.yml"][1]
        text = file.read_text()
        assert "for: 7m" in text
        assert text.endswith("# mine\n")
        assert "> 0.0144" in text
    check("check", "rules", file)


def test_edits_that_clash_leave_everything_as_it_was(deployed):
    mlops_jupyter.export("prometheus")
    folder = deployed / "prometheus"
    file, before = folder / "churn.rules.yml", (folder / "churn.test.yml").read_text()
    mine = file.read_text().replace("> 0.072", "> 0.5")
    file.write_text(mine)
    with pytest.raises(Conflict, match=r"churn\.rules\.yml in .* holds edits of yours") as raised:
        mlops_jupyter.export("prometheus", objective=99.9)
    assert file.read_text() == mine
    assert (folder / "churn.test.yml").read_text() == before
    assert "mlops export prometheus --slow 0.25 --objective 99.9" in raised.value.hint
    new = folder / "churn.rules.yml.new"
    new.replace(file)
    assert set(outcomes(mlops_jupyter.export("prometheus", objective=99.9)).values()) == {
        ("kept", False),
        ("updated", False),
    }


@pytest.mark.parametrize(
    ("gate", "hint"),
    [
        ("acuracy >= 0.9", "did you mean accuracy"),
        ("loss <= 1", "it is one of accuracy, precision, recall, f1, auc, rmse, mae"),
    ],
)
def test_what_no_endpoint_measures_cannot_be_required(deployed, gate, hint):
    with pytest.raises(CommandError, match="no endpoint measures") as refused:
        mlops_jupyter.export("prometheus", require=[gate])
    assert refused.value.hint == hint


def test_what_is_to_be_called_after_a_clash_has_the_gates(deployed):
    gate = "accuracy >= 0.9"
    mlops_jupyter.export("prometheus", require=[gate])
    file = deployed / "prometheus" / "churn.rules.yml"
    file.write_text(file.read_text().replace("> 0.072", "> 0.5"))
    with pytest.raises(Conflict) as raised:
        mlops_jupyter.export("prometheus", objective=99.9, require=[gate])
    assert raised.value.hint.endswith("--objective 99.9 --require 'accuracy >= 0.9'")


def test_edits_without_what_was_generated_once_are_not_lost_either(deployed):
    """As in a fresh clone, where the project's state is missing."""
    mlops_jupyter.export("prometheus")
    file = deployed / "prometheus" / "churn.rules.yml"
    mine = file.read_text() + "# mine\n"
    file.write_text(mine)
    for one in (deployed / ".mlops" / "exports").iterdir():
        one.unlink()
    assert outcomes(mlops_jupyter.export("prometheus"))["churn.rules.yml"] == ("kept", True)
    for one in (deployed / ".mlops" / "exports").iterdir():
        one.unlink()
    with pytest.raises(Conflict):
        mlops_jupyter.export("prometheus", objective=99.9)
    assert file.read_text() == mine


def test_a_file_of_somebody_else_is_left_alone(deployed):
    folder = deployed / "prometheus"
    folder.mkdir()
    (folder / "prometheus.yml").write_text("global: {}\n")
    with pytest.raises(Conflict, match="was not written by mlops export"):
        mlops_jupyter.export("prometheus")
    assert [one.name for one in folder.iterdir()] == ["prometheus.yml"]
    (folder / "prometheus.yml").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="cannot read"):
        mlops_jupyter.export("prometheus")


def test_rules_of_what_is_no_longer_deployed_are_told(deployed):
    planned(deployed, "old")
    mlops_jupyter.export("prometheus")
    endpoint_folder(deployed / ".mlops", "old").remove()
    assert "old.rules.yml is about what is no longer deployed: remove it" in mlops_jupyter.export("prometheus").notes
    assert not any("old.rules" in note for note in mlops_jupyter.export("prometheus", "churn").notes)


# --- the dashboard -----------------------------------------------------------------------------------------------


def dashboard(project: Path) -> dict:
    return json.loads((project / "grafana" / "dashboards" / "mlops.json").read_text())


def test_the_dashboard_has_a_row_for_each_concern_and_its_panels_do_not_overlap(deployed):
    mlops_jupyter.export("grafana", "churn")
    told = dashboard(deployed)
    assert [one["title"] for one in told["panels"] if one["type"] == "row"] == [
        "Now", "Traffic", "Latency", "Errors", "Drift", "Data", "Quality", "Model and workers",
    ]  # fmt: skip
    taken = set()
    for panel in told["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({one["id"] for one in told["panels"]}) == len(told["panels"])
    assert len({one["title"] for one in told["panels"]}) == len(told["panels"])
    assert (told["id"], len(told["uid"]) <= 40) == (None, True)
    assert [one["type"] for one in told["panels"] if one["title"] == "Drift by feature"] == ["status-history"]


def test_every_panel_asks_by_the_dashboard_s_variables(deployed):
    mlops_jupyter.export("grafana", "churn")
    told = dashboard(deployed)
    names = {one["name"] for one in told["templating"]["list"]}
    assert names == {"datasource", "endpoint", "model", "version"}
    for panel in told["panels"]:
        for query in panel.get("targets", ()):
            assert query["datasource"]["uid"] == "${datasource}"
            assert 'endpoint="$endpoint"' in query["expr"]
            used = set(re.findall(r"\$(\w+)", query["expr"])) - {"__rate_interval"}
            assert used <= names
    (endpoint,) = [one for one in told["templating"]["list"] if one["name"] == "endpoint"]
    assert endpoint["current"]["value"] == "churn"


def test_grafana_is_told_where_things_are(deployed):
    assert "mlops export grafana, called again, tells Grafana" in " ".join(mlops_jupyter.export("grafana").notes)
    (deployed / "mlops.toml").write_text('[prometheus]\nurl = "http://me:s3cret@metrics.example:9090/"\n')
    found = mlops_jupyter.export("grafana")
    folder = deployed / "grafana"
    (source,) = yaml.safe_load((folder / "provisioning/datasources/mlops.yml").read_text())["datasources"]
    assert source["url"] == "http://metrics.example:9090"
    (provider,) = yaml.safe_load((folder / "provisioning/dashboards/mlops.yml").read_text())["providers"]
    assert Path(provider["options"]["path"]) == folder / "dashboards"
    assert str(folder / "provisioning") in found.notes[-1]


def test_a_dashboard_that_was_edited_in_grafana_stays_valid(deployed):
    mlops_jupyter.export("grafana", "churn")
    file = deployed / "grafana" / "dashboards" / "mlops.json"
    file.write_text(file.read_text().replace('"title": "Models in use"', '"title": "Ours"'))
    again = outcomes(mlops_jupyter.export("grafana", "churn", slow=1.0))
    assert again["dashboards/mlops.json"] == ("updated", True)
    assert dashboard(deployed)["title"] == "Ours"
