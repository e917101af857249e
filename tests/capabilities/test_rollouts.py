"""Which version is the canary, while shares change."""

from __future__ import annotations

from mlops_jupyter.capabilities import rollouts
from mlops_jupyter.capabilities.endpoints import PlannedVersion
from mlops_jupyter.capabilities.monitoring.curves import variants
from mlops_jupyter.records import Deployment, ServedVersion
from mlops_jupyter.serving.telemetry import variant_of


def version(number: str) -> ServedVersion:
    return ServedVersion(number, f"models:/churn/{number}", "churn")


def told(versions: tuple[ServedVersion, ...]) -> dict[str, str]:
    """Return what each is to the dashboard, which is what it is to the endpoint's metrics."""
    found = variants(Deployment("churn", "local", "ready", versions))
    for one in versions:
        planned = PlannedVersion(one.version, "", "", "", percent=one.percent, shadow=one.shadow, canary=one.canary)
        assert variant_of(planned) == found[one.version]
    return found


def test_a_canary_is_one_at_any_share_until_it_is_promoted():
    versions = rollouts.with_canary("churn", rollouts.alone(version("1")), version("2"), 10)
    for share in (25, 50, 90):
        versions = rollouts.with_share(versions, "2", share)
        assert told(versions) == {"1": "main", "2": "canary"}
    by_hand = rollouts.with_shares("churn", versions, {"2": 50.0, "1": 50.0})
    assert told(by_hand) == {"1": "main", "2": "canary"}
    assert told(rollouts.with_share(versions, "2", 100)) == {"2": "main"}
    assert told(rollouts.with_share(versions, "2", 0)) == {"1": "main"}


def test_of_three_that_share_the_traffic_one_is_main():
    two = rollouts.with_canary("churn", rollouts.alone(version("1")), version("2"), 50)
    three = rollouts.with_canary("churn", two, version("3"), 34)
    assert told(three) == {"1": "main", "2": "canary", "3": "canary"}
    # Without the one that they stood beside, the one with the most traffic takes its place.
    assert told(rollouts.with_shares("churn", three, {"2": 60.0, "3": 40.0})) == {"2": "main", "3": "canary"}


def test_a_shadow_that_gets_traffic_becomes_a_canary():
    versions = rollouts.with_shadow(rollouts.alone(version("1")), version("2"))
    assert told(versions) == {"1": "main", "2": "shadow"}
    assert told(rollouts.with_shares("churn", versions, {"1": 80.0, "2": 20.0})) == {"1": "main", "2": "canary"}
    assert told(rollouts.alone(versions[1])) == {"2": "main"}
