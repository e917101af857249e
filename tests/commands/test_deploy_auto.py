"""A canary beside a real endpoint under load: promoted by itself, or rolled back with its reason."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

import mlops_jupyter
from mlops_jupyter import settings
from mlops_jupyter.capabilities.canaries.decisions import Outcome
from mlops_jupyter.capabilities.canaries.windows import RolloutState
from mlops_jupyter.commands import attend
from mlops_jupyter.errors import CommandError, ConfigurationError
from mlops_jupyter.faces import render
from mlops_jupyter.records import Deployment, RolloutPolicy
from tests.fakes.models import TRAINING, behaving_model
from tests.fakes.waiting import wait_for

QUICK = '[rollout]\nsteps = "20,50,100"\nwindow_s = 0.5\nstep_s = 2\nmin_requests = 40\ncooldown_s = 0.5\n'
BODY = {"dataframe_split": {"columns": ["a", "b"], "data": [[0.0, 1.0], [3.0, 0.0]]}}


@pytest.fixture
def served(project: Path) -> Iterator[Deployment]:
    """A healthy version, and nobody asks it yet."""
    with (project / "mlops.toml").open("a") as file:
        file.write(QUICK)
    behaving_model(project / "healthy", "time.sleep(0.002)")
    yield mlops_jupyter.deploy("healthy", name="churn", trust=True)
    mlops_jupyter.undeploy("churn", yes=True)


@pytest.fixture
def load(served: Deployment) -> Iterator[None]:
    """Ask it all the time."""
    with asking(served):
        yield


@contextmanager
def asking(served: Deployment) -> Iterator[None]:
    """Ask an endpoint all the time."""
    token, stop = Path(served.token_file).read_text().strip(), threading.Event()

    def ask() -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=30) as client:
            while not stop.wait(0.01):
                client.post(f"{served.url}/invocations", json=BODY)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for one in threads:
        one.start()
    try:
        yield
    finally:
        stop.set()
        for one in threads:
            one.join()


def over() -> Deployment | None:
    """Return the deployment when nothing is to be decided any more, and what was decided is noted."""
    found = mlops_jupyter.deployments("churn")
    decided = found.decisions and found.decisions[-1].percent in {0, 100}
    return found if found.auto is None and len(found.versions) == 1 and decided else None


@pytest.mark.usefixtures("load")
def test_a_healthy_canary_is_promoted_step_by_step(served, project):
    behaving_model(project / "other", "time.sleep(0.002)  # as fast")
    found = mlops_jupyter.deploy("other", name="churn", canary=20, auto=True, trust=True)
    (main, canary) = found.versions
    assert (found.auto.version, found.auto.steps, canary.percent) == (canary.version, (20, 50, 100), 20)
    assert f"version {canary.version} is promoted by itself (20%, 50%, 100%)" in render.text(found)
    ended = wait_for(over, 120)
    assert ended.versions[0].version == canary.version
    promoted = [one for one in ended.decisions if one.verdict == "promote"]
    assert [one.percent for one in promoted] == [50, 100]
    assert all("failed beside 0%, p95" in one.reason for one in promoted)
    assert "promote version" in render.text(ended)
    assert "promote version" in render.mime_bundle(ended)["text/html"]
    lines = (project / ".mlops" / "endpoints" / "churn" / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["who"] for line in lines[-2:]] == ["auto"] * 2
    assert json.loads(lines[-1])["why"].startswith(f"promote version {canary.version} at 100%: ")
    log = "".join(f"{line}\n" for line in mlops_jupyter.logs("churn", lines=200).lines)
    assert f"decides about version {canary.version}" in log
    # By hand one goes back further still.
    assert mlops_jupyter.rollback("churn").versions[0].version == main.version


@pytest.mark.usefixtures("load")
def test_a_canary_that_fails_is_rolled_back(served, project):
    behaving_model(project / "worse", "if model_input['a'].max() > 2: raise ValueError('no')")
    assert "of its requests failed, beside 0%" in rolled_back(project)


@pytest.mark.usefixtures("load")
def test_a_canary_that_is_slower_is_rolled_back(served, project):
    """Slow is what takes several times as long as all else does now, on a machine that may be busy."""
    seconds = max(0.04, 4 * usual_s(served))
    behaving_model(project / "worse", f"time.sleep({seconds:.3f})")
    assert "it is slower: p95" in rolled_back(project)


def rolled_back(project: Path) -> str:
    """Deploy a worse canary, wait until it is rolled back, and return the reason."""
    found = mlops_jupyter.deploy("worse", name="churn", canary=20, auto=True, trust=True)
    main, canary = (one.version for one in found.versions)
    ended = wait_for(over, 120)
    assert [(one.version, one.percent) for one in ended.versions] == [(main, 100)]
    last = ended.decisions[-1]
    assert (last.verdict, last.version, last.percent) == ("roll back", canary, 0)
    line = (project / ".mlops" / "endpoints" / "churn" / "history.jsonl").read_text().splitlines()[-1]
    assert json.loads(line)["why"] == f"roll back version {canary} at 0%: {last.reason}"
    return last.reason


def usual_s(served: Deployment) -> float:
    """Return within how many seconds 95 of 100 requests are answered now."""
    token = Path(served.token_file).read_text().strip()
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=30) as client:
        took = sorted(client.post(f"{served.url}/invocations", json=BODY).elapsed.total_seconds() for _ in range(100))
    return took[94]


def test_a_canary_that_is_wrong_more_often_is_rolled_back_by_its_labels(served, project):
    settings_file = project / "mlops.toml"
    slow = settings_file.read_text().replace("step_s = 2", "step_s = 600")
    settings_file.write_text(f"{slow}[monitoring]\nbase_window_s = 1\n")
    behaving_model(project / "turned", "return pd.Series((model_input['a'] <= 1.5).astype('int64'))")
    found = mlops_jupyter.deploy("turned", name="churn", canary=20, auto=True, trust=True)
    main, canary = (one.version for one in found.versions)
    token = Path(served.token_file).read_text().strip()

    def ask_and_tell(client: httpx.Client) -> Deployment | None:
        ids = [client.post("/invocations", json=BODY).headers["x-request-id"] for _ in range(200)]
        labels = [{"request_id": one, "row": row, "label": row} for one in ids for row in (0, 1)]
        assert client.post("/feedback", json={"labels": labels}).json()["labels"] == 400
        return over()

    with httpx.Client(
        base_url=served.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=60
    ) as client:
        ended = wait_for(lambda: ask_and_tell(client), 180)
    assert [(one.version, one.percent) for one in ended.versions] == [(main, 100)]
    last = ended.decisions[-1]
    assert (last.verdict, last.version) == ("roll back", canary)
    assert last.reason.startswith("100% of its answers were wrong, beside 0% (")


@pytest.fixture
def watched(project: Path) -> Iterator[Deployment]:
    """A healthy version with a baseline that is as what it is asked, and nobody asks it yet."""
    with (project / "mlops.toml").open("a") as file:
        file.write(f"{QUICK}[monitoring]\nbase_window_s = 1\n")
    behaving_model(project / "healthy", "pass")
    yield mlops_jupyter.deploy("healthy", data=TRAINING, name="churn", trust=True)
    mlops_jupyter.undeploy("churn", yes=True)


def test_a_canary_that_alone_has_drifted_is_rolled_back(watched, project):
    """It answered its baseline, of many rows, as it should, and answers small requests always the same."""
    behaving_model(project / "skewed", "if len(model_input) < 100: return pd.Series([1] * len(model_input))")
    # Fewer requests than a drift report needs, and no time: it is held until its drift has been told.
    with (project / "mlops.toml").open("r+") as file:
        told = file.read().replace("min_requests = 40", "min_requests = 5").replace("step_s = 2", "step_s = 0.5")
        file.seek(0)
        file.write(told)
        file.truncate()
    found = mlops_jupyter.deploy("skewed", data=TRAINING, name="churn", canary=20, auto=True, trust=True)
    main, canary = (one.version for one in found.versions)
    with asking(watched):
        ended = wait_for(over, 120)
    assert [(one.version, one.percent) for one in ended.versions] == [(main, 100)]
    last = ended.decisions[-1]
    assert (last.verdict, last.version, last.percent) == ("roll back", canary, 0)
    assert re.fullmatch(r"prediction has drifted, Jensen-Shannon 0\.\d+ over 0\.\d+, and not beside it", last.reason)


def test_a_healthy_canary_with_a_baseline_is_promoted_once_its_drift_was_looked_at(watched, project):
    behaving_model(project / "other", "pass  # as well")
    mlops_jupyter.deploy("other", data=TRAINING, name="churn", canary=20, auto=True, trust=True)
    with asking(watched):
        ended = wait_for(over, 120)
    assert [one.percent for one in ended.decisions if one.verdict == "promote"] == [50, 100]
    assert any("its drift has been looked at" in one.reason for one in ended.decisions)


def test_whoever_shares_the_traffic_out_by_hand_ends_it(served, project):
    behaving_model(project / "other", "time.sleep(0.002)  # as fast")
    found = mlops_jupyter.deploy("other", name="churn", canary=20, auto=True, trust=True)
    waiting: Callable[[], object] = lambda: mlops_jupyter.deployments("churn").decisions  # noqa: E731
    (first, *_) = wait_for(waiting)
    assert (first.verdict, first.percent) == ("hold", 20)
    main, canary = (one.version for one in found.versions)
    mlops_jupyter.traffic("churn", f"{main}=50", f"{canary}=50")
    assert mlops_jupyter.deployments("churn").auto is None
    state = project / ".mlops" / "endpoints" / "churn" / "watch" / "rollout.json"
    # Told once more while it ends, its code may be another.
    gone = re.compile(rf"the process \d+ that decides about version {canary} ")
    wait_for(lambda: gone.search("\n".join(mlops_jupyter.logs("churn").lines)), 60, "it goes on")
    assert not state.exists()


def test_a_shadow_beside_a_canary_leaves_it_to_be_decided_about(served, project):
    behaving_model(project / "other", "time.sleep(0.002)  # as fast")
    behaving_model(project / "third", "time.sleep(0.002)  # as fast as the other")
    auto = mlops_jupyter.deploy("other", name="churn", canary=20, auto=True, trust=True).auto
    wait_for(lambda: mlops_jupyter.deployments("churn").decisions)
    state = project / ".mlops" / "endpoints" / "churn" / "watch" / "rollout.json"
    wait_for(state.exists)
    found = mlops_jupyter.deploy("third", name="churn", shadow=True, trust=True)
    assert (found.auto, [one.shadow for one in found.versions]) == (auto, [False, False, True])
    assert state.exists()
    with asking(served):
        ended = wait_for(lambda: (now := mlops_jupyter.deployments("churn")).auto is None and now, 120)
    assert [(one.version, one.percent) for one in ended.versions] == [
        (auto.version, 100),
        (found.versions[2].version, 0),
    ]


def test_what_somebody_else_has_changed_meanwhile_is_not_noted_as_decided(served, project, monkeypatch):
    behaving_model(project / "other", "time.sleep(0.002)  # as fast")
    main, canary = mlops_jupyter.deploy("other", name="churn", canary=20, auto=True, trust=True).versions

    def decided(policy: RolloutPolicy, state: RolloutState, *_: object) -> Outcome:
        mlops_jupyter.traffic("churn", f"{main.version}=50", f"{canary.version}=50")
        return Outcome("promote", "it is as good", 50, state)

    monkeypatch.setattr(attend, "decide", decided)
    assert attend.Rollout("churn").look()[1] is None
    found = mlops_jupyter.deployments("churn")
    assert {one.verdict for one in found.decisions} <= {"hold"}
    assert [one.percent for one in found.versions] == [50, 50]


def test_options_and_settings_that_cannot_be(project):
    with pytest.raises(CommandError) as caught:
        mlops_jupyter.deploy("models:/churn/1", auto=True)
    assert caught.value.message == "--auto decides about a canary, and there is none"
    for text, said in (
        ('steps = "10,5,100"', "rollout.steps in {} must be shares that grow to 100, not '10,5,100'"),
        ('steps = "10,50"', "rollout.steps in {} must be shares that grow to 100, not '10,50'"),
        ("window_s = 0", "rollout.window_s in {} must be above 0, not 0"),
        ("windows = 2.5", "rollout.windows in {} must be int, not 2.5"),
    ):
        (project / "mlops.toml").write_text(f"[rollout]\n{text}\n")
        with pytest.raises(ConfigurationError) as wrong:
            settings.current()
        assert wrong.value.message == said.format(project / "mlops.toml")
