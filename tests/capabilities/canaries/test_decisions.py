"""Healthy canaries are promoted however noisy they are, and those that are not are rolled back with a reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from mlops_jupyter.capabilities.canaries import seeing
from mlops_jupyter.capabilities.canaries.decisions import Outcome, begun, decide
from mlops_jupyter.capabilities.canaries.evidence import Evidence, Window, of_means
from mlops_jupyter.capabilities.canaries.windows import RolloutState, Seen, quantile
from mlops_jupyter.capabilities.quality.intervals import Interval, mean_absolute
from mlops_jupyter.records import Distribution, DriftReport, FeatureDrift, Quality, QualityMetric, RolloutPolicy
from mlops_jupyter.serving.telemetry import DURATION_BOUNDS

POLICY = RolloutPolicy("2", window_s=10, step_s=100, min_requests=200, windows=3, cooldown_s=20)


@dataclass
class Version:
    """What a version does: how often it fails, how fast it is, how it drifts, how often it is wrong, or how far off."""

    failing: float = 0.005
    seconds: float = 0.012
    spread: float = 0.5
    drift: float = 0.03
    wrong: float = 0.1
    off: float = 1.0


class Traffic:
    """An endpoint under load, with what makes real ones noisy: pauses, bursts, tides, labels by the batch.

    Parameters
    ----------
    tide
        Whether the world changes, so that both are wrong more often, or further off, than before.
    numbers
        Whether they answer numbers, not classes.
    """

    def __init__(
        self,
        seed: int,
        main: Version,
        canary: Version,
        requests: int = 600,
        *,
        labels: bool = True,
        tide: bool = False,
        numbers: bool = False,
    ) -> None:
        self.random = np.random.default_rng(seed)
        self.versions = {"main": main, "canary": canary}
        self.requests, self.labels, self.numbers = requests, labels, numbers
        self.turns = sorted(self.random.integers(0, 60, 2).tolist()) if tide else []
        self.windows = 0
        self.percent = 0.0
        self.seen = {
            name: Seen(bounds=DURATION_BOUNDS, counts=(0,) * (len(DURATION_BOUNDS) + 1)) for name in self.versions
        }
        self.told: dict[str, list[NDArray[np.float64]]] = {name: [] for name in self.versions}
        self.noise = dict.fromkeys(self.versions, 0.0)

    def window(self, percent: float) -> dict[str, Seen]:
        """Let a window pass, in which the canary has this share."""
        random = self.random
        self.windows += 1
        if percent != self.percent:
            self.percent = percent
            for told in self.told.values():
                told.append(np.zeros(3))
        tide = self.requests * (1 + 0.6 * np.sin(self.windows / 9)) * random.gamma(8, 1 / 8)
        slower = random.lognormal(0, 0.15)
        outage = 0.2 if random.random() < 0.03 else 0.0
        labelled = random.uniform(0.2, 1) if self.labels and random.random() < 0.3 else 0.0
        for name, share in (("main", 100 - percent), ("canary", percent)):
            count = int(random.poisson(max(tide, 1) * share / 100))
            self.seen[name] = self._more(name, count, slower, outage, labelled)
        return self.seen

    def _more(self, name: str, count: int, slower: float, outage: float, labelled: float) -> Seen:
        random, version, before = self.random, self.versions[name], self.seen[name]
        seconds = version.seconds * slower * random.lognormal(0, version.spread, count)
        for _ in range(random.poisson(0.3)):
            # A pause: what arrives within it waits together.
            seconds[: random.integers(0, max(1, count // 12))] += random.exponential(0.15)
            random.shuffle(seconds)
        failed = int(random.binomial(count, min(1.0, version.failing + outage)))
        if random.random() < 0.1 and count:
            # A caller that sends nonsense for a while.
            failed = min(count, failed + int(random.integers(0, max(2, count // 50))))
        places = np.bincount(np.searchsorted(DURATION_BOUNDS, seconds), minlength=len(DURATION_BOUNDS) + 1)
        self._label(name, int(count * labelled))
        return Seen(
            before.requests + count,
            before.failed + failed,
            DURATION_BOUNDS,
            tuple((np.array(before.counts) + places).tolist()),
            self._drift(name),
            tuple(self._quality(name, told) for told in self.told[name]),
            watched=True,
        )

    def _label(self, name: str, count: int) -> None:
        """Let labels of this window come."""
        version, turned = self.versions[name], sum(self.windows > turn for turn in self.turns)
        if self.numbers:
            errors = self.random.exponential(version.off * (1, 3, 0.7)[turned], count)
            self.told[name][-1] += (count, errors.sum(), (errors**2).sum())
        else:
            wrong = int(self.random.binomial(count, min(0.9, version.wrong * (1, 3, 0.7)[turned])))
            self.told[name][-1] += (count, wrong, 0)

    def _quality(self, name: str, told: NDArray[np.float64]) -> Quality | None:
        """Return what a version's labels of a share say."""
        count, total, squares = told.tolist()
        if not count:
            return None
        found = mean_absolute(int(count), total, squares) if self.numbers else Interval(1 - total / count, 0, 1)
        kind = "mae" if self.numbers else "accuracy"
        return Quality(name, int(count), int(count), (QualityMetric(kind, *found, int(count)),))

    def _drift(self, name: str) -> DriftReport:
        """Return a report of a window that slides: its noise of now is for the most part that of before."""
        self.noise[name] = 0.9 * self.noise[name] + 0.1 * float(self.random.normal())
        score = max(0.0, self.versions[name].drift + 0.08 * self.noise[name])
        one = FeatureDrift("prediction", "number", "psi", score, 0.1, score > 0.1)
        until = datetime.fromtimestamp(self.windows, UTC)
        return DriftReport("churn", "baseline", 10_000, 5_000, (), (one,), name, until=until)


def rollout(traffic: Traffic, policy: RolloutPolicy = POLICY, most: int = 400) -> tuple[list[Outcome], int]:
    """Decide until it is over; return what was decided, and after how many windows."""
    state, percent, decided = begun(policy, policy.steps[0], 0), policy.steps[0], []
    for number in range(most):
        seen = traffic.window(percent)
        outcome = decide(policy, state, seen["main"], seen["canary"], number * policy.window_s)
        # As the process does that may be started anew.
        state = RolloutState.from_dict(json.loads(json.dumps(asdict(outcome.state))))
        percent = outcome.percent
        decided.append(outcome)
        if outcome.verdict == "roll back" or percent == 100:
            break
    return decided, len(decided)


def test_of_200_healthy_noisy_rollouts_at_most_2_are_rolled_back():
    """In two thirds of them the world changes for both, in one of these of classes and in one of numbers."""
    back, promoted = [], 0
    for seed in range(200):
        decided, _ = rollout(Traffic(seed, Version(), Version(), tide=seed % 3 > 0, numbers=seed % 3 > 1))
        if decided[-1].verdict == "roll back":
            back.append((seed, decided[-1].reason))
        promoted += decided[-1].percent == 100
    assert len(back) <= 2, back
    assert promoted >= 190
    assert [one.percent for one in rollout(Traffic(0, Version(), Version()))[0] if one.verdict == "promote"] == [
        25,
        50,
        100,
    ]


@pytest.mark.parametrize(
    ("fault", "said", "most"),
    [
        ({"failing": 1.0}, "of its requests failed, beside", 8),
        ({"failing": 0.05}, "of its requests failed, beside", 30),
        ({"seconds": 0.06}, "it is slower: p95", 8),
        ({"seconds": 0.025}, "it is slower: p95", 30),
        ({"drift": 0.4}, "prediction has drifted, PSI 0.", 8),
        ({"wrong": 0.3}, "of its answers were wrong, beside", 40),
        ({"off": 1.5}, "its answers are off by", 90),
    ],
)
@pytest.mark.parametrize("tide", [False, True])
def test_each_fault_is_rolled_back_with_its_reason(fault: dict[str, float], said, most, tide):
    for seed in range(10):
        traffic = Traffic(seed, Version(), replace(Version(), **fault), tide=tide, numbers="off" in fault)
        decided, windows = rollout(traffic)
        assert (decided[-1].verdict, decided[-1].percent) == ("roll back", 0), (seed, decided[-1].reason)
        assert said in decided[-1].reason
        assert windows <= most, (seed, windows)


def counted(main: dict[str, int], canary: dict[str, int]) -> tuple[Seen, Seen]:
    """Return what two versions have done, of what an endpoint has counted by code."""
    told = {"bounds": DURATION_BOUNDS, "sum": 0.0}
    snapshot = {
        "counters": {
            "requests": [
                (("m", version, "main", "mlflow", code), count)
                for version, codes in (("1", main), ("2", canary))
                for code, count in codes.items()
            ]
        },
        "histograms": {
            "durations": [
                (
                    ("m", version, "main", "mlflow"),
                    {**told, "counts": (sum(codes.values()), *(0,) * len(DURATION_BOUNDS))},
                )
                for version, codes in (("1", main), ("2", canary))
            ]
        },
    }
    return seeing.seen(snapshot, {"1"}), seeing.seen(snapshot, {"2"})


def test_a_canary_whose_line_is_full_is_rolled_back():
    """It refuses 99 of 100 requests with 429; beside it callers err, which is nobody's fault here."""
    state, percent = begun(POLICY, 10, 0), 10.0
    for number in range(40):
        main, canary = counted(
            {"200": 500 * number, "404": 100 * number, "429": number}, {"200": number, "429": 99 * number}
        )
        outcome = decide(POLICY, state, main, canary, number * POLICY.window_s)
        state, percent = outcome.state, outcome.percent
        if outcome.verdict != "hold":
            break
    assert (outcome.verdict, percent) == ("roll back", 0)
    assert outcome.reason.startswith("99% of its requests failed, beside 0.166%")


def test_a_fault_that_comes_later_is_found():
    traffic = Traffic(1, Version(), Version())
    decided, _ = rollout(traffic, most=18)
    assert decided[-1].percent == 25
    state, percent = decided[-1].state, decided[-1].percent
    traffic.versions["canary"] = Version(failing=0.2)
    for number in range(18, 40):
        seen = traffic.window(percent)
        outcome = decide(POLICY, state, seen["main"], seen["canary"], number * 10)
        state, percent = outcome.state, outcome.percent
        if outcome.verdict == "roll back":
            break
    assert outcome.verdict == "roll back"
    assert "of its requests failed" in outcome.reason


def test_what_befalls_both_is_no_reason():
    bad = Version(failing=0.3, seconds=0.2, drift=0.5, wrong=0.5)
    decided, _ = rollout(Traffic(3, bad, bad))
    assert decided[-1].percent == 100


def test_a_machine_that_becomes_slow_is_no_fault_of_the_canary():
    """Everything takes ten times as long from the eighth window on, and much of it far longer."""
    for seed in range(20):
        traffic = Traffic(seed, Version(), Version())
        state, percent = begun(POLICY, POLICY.steps[0], 0), POLICY.steps[0]
        for number in range(60):
            if number == 8:
                traffic.versions = dict.fromkeys(traffic.versions, Version(seconds=0.12, spread=1.2))
            seen = traffic.window(percent)
            outcome = decide(POLICY, state, seen["main"], seen["canary"], number * POLICY.window_s)
            state, percent = outcome.state, outcome.percent
            assert outcome.verdict != "roll back", (seed, number, outcome.reason)


def test_a_better_canary_is_promoted():
    decided, _ = rollout(Traffic(4, Version(failing=0.05, seconds=0.05, wrong=0.3), Version()))
    assert decided[-1].percent == 100
    assert "0.428% failed beside 4.78%, p95 46 ms beside 209 ms, 11.3% wrong beside 29.2%" in decided[-1].reason


def test_too_few_requests_decide_nothing():
    decided, windows = rollout(Traffic(5, Version(), Version(), requests=20, labels=False), most=60)
    assert windows == 60
    assert {one.verdict for one in decided} == {"hold"}
    assert "of 200 requests so far" in decided[-1].reason
    assert decided[0].reason == "the cool-down of 20 s after the change of shares"


def test_counters_that_begin_anew_are_no_evidence():
    traffic = Traffic(6, Version(), Version())
    state = begun(POLICY, 10, 0)
    for number in range(8):
        seen = traffic.window(10)
        state = decide(POLICY, state, seen["main"], seen["canary"], number * 10).state
    before, labels = state.step_counts, state.labels
    counts = (5, *(0,) * len(DURATION_BOUNDS))
    # Labels lie in files, and are those of before.
    small = {name: Seen(5, 0, DURATION_BOUNDS, counts, quality=one.quality) for name, one in seen.items()}
    state = decide(POLICY, state, small["main"], small["canary"], 80).state
    after, after_labels = state.step_counts, state.labels
    assert {name: after[name][0] - before[name][0] for name in after} == {"main": 5, "canary": 5}
    assert after_labels == labels
    assert labels["canary"][0][0] > 0


def test_drift_that_cannot_be_compared_makes_one_wait():
    traffic = Traffic(7, Version(), Version(drift=0.5))
    state, percent = begun(POLICY, 10, 0), 10.0
    for number in range(30):
        seen = traffic.window(percent)
        outcome = decide(POLICY, state, seen["main"]._replace(drift=None), seen["canary"], number * 10)
        state, percent = outcome.state, outcome.percent
    assert (outcome.verdict, percent) == ("hold", 10)
    assert outcome.reason.endswith("what it stands beside has no baseline")


def drift(version: str, at: int, rows: int, score: float | None, now: tuple[float, ...] = (0.5, 0.5)) -> DriftReport:
    """Return a report of answers of two classes."""
    baseline = now if score == 0 else (0.5, 0.5)
    picture = Distribution((), ("0", "1"), baseline, now)
    one = FeatureDrift("prediction", "number", "jensen_shannon", score, 0.1, (score or 0) > 0.1, distribution=picture)
    return DriftReport("churn", "baseline", 1_000, rows, (), (one,), version, until=datetime.fromtimestamp(at, UTC))


def looked(policy: RolloutPolicy, canary: Callable[[int], DriftReport | None], windows: int) -> list[Outcome]:
    """Decide about a canary with ten requests a window, beside a main version with as many and no drift."""
    state, decided = begun(policy, 50, 0), []
    for number in range(windows):
        done = 10 * number
        counts = (done, *(0,) * len(DURATION_BOUNDS))
        main = Seen(done, 0, DURATION_BOUNDS, counts, drift("1", number, 1_000, 0.0))
        other = Seen(done, 0, DURATION_BOUNDS, counts, canary(number), watched=True)
        decided.append(decide(policy, state, main, other, number * policy.window_s))
        if decided[-1].verdict != "hold":
            break
        state = decided[-1].state
    return decided


FEW = RolloutPolicy("2", (50, 100), window_s=1, step_s=2, min_requests=10, windows=3, cooldown_s=1)


def test_no_share_is_given_before_drift_could_be_told():
    decided = looked(FEW, lambda number: drift("2", number, 10 * number, None if number < 3 else 0.4, (0, 1)), 20)
    assert (decided[-1].verdict, decided[-1].reason) == (
        "roll back",
        "prediction has drifted, Jensen-Shannon 0.4 over 0.1, and not beside it",
    )
    reasons = [one.reason for one in decided]
    assert "20 of 30 requests so far without which its drift cannot be told" in reasons
    healthy = looked(FEW, lambda number: drift("2", number, 10 * number, None if number < 3 else 0.02), 20)
    assert healthy[-1].verdict == "promote"
    assert "its drift has been looked at 2 of 3 times" in [one.reason for one in healthy]


def test_a_canary_is_not_promoted_while_nobody_tells_its_drift():
    decided = looked(FEW, lambda _: None, 40)
    assert {one.verdict for one in decided} == {"hold"}
    assert decided[-1].reason == "its drift has been looked at 0 of 3 times"


def test_rows_that_come_too_slowly_for_drift_do_not_hold_a_canary_for_ever():
    assert looked(FEW, lambda number: drift("2", number, 5, None), 40)[-1].verdict == "promote"


def test_a_canary_that_answers_always_the_same_waits_for_its_user():
    decided = looked(FEW, lambda number: drift("2", number, 10 * number, 0.0, (0.0, 1.0)), 40)
    assert {one.verdict for one in decided} == {"hold"}
    said = "it answers always the same prediction, as to its baseline, and what it stands beside does not"
    assert decided[-1].reason == said


def test_a_world_that_changes_for_both_is_no_fault_of_the_canary():
    """Errors are ten times as large in the second share, in which the canary answers half of all."""

    def seen(*shares: tuple[float, int]) -> Seen:
        count = sum(labels for _, labels in shares)
        told = []
        for mae, labels in shares:
            width = 1.96 * mae / np.sqrt(labels)
            told.append(Quality("1", labels, labels, (QualityMetric("mae", mae, mae - width, mae + width, labels),)))
        return Seen(count, 0, DURATION_BOUNDS, (count, *(0,) * len(DURATION_BOUNDS)), None, tuple(told))

    state = decide(POLICY, begun(POLICY, 10, 0), seen((1, 9_000)), seen((1, 1_000)), 0).state.following(100)
    fine = decide(POLICY, state, seen((1, 9_000), (10, 5_000)), seen((1, 1_000), (10, 5_000)), 400)
    assert fine.verdict == "promote"
    worse = decide(POLICY, state, seen((1, 9_000), (10, 5_000)), seen((1, 1_000), (15, 5_000)), 400)
    assert (worse.verdict, worse.reason) == ("roll back", "its answers are off by 12.67, beside 8.5 (6000 labels)")


def test_numbers_that_are_further_off():
    def seen(mae: float, count: int) -> Seen:
        counts = (count, *(0,) * len(DURATION_BOUNDS))
        width = 1.96 * mae / np.sqrt(count)
        quality = Quality("1", count, count, (QualityMetric("mae", mae, mae - width, mae + width, count),))
        return Seen(count, 0, DURATION_BOUNDS, counts, None, (quality,))

    state = decide(POLICY, begun(POLICY, 10, 0), seen(1, 1_000), seen(1, 10), 0).state
    fine = decide(POLICY, state, seen(1, 9_000), seen(1.05, 1_000), 200)
    assert fine.verdict == "promote"
    worse = decide(POLICY, state, seen(1, 9_000), seen(1.5, 1_000), 200)
    assert (worse.verdict, worse.reason) == ("roll back", "its answers are off by 1.5, beside 1 (1000 labels)")


def ever(value: Callable[[np.random.Generator], float], times: int = 400) -> float:
    """Return how often evidence of 20 to 1 was seen although there is nothing."""
    return sum(value(np.random.default_rng(seed)) >= np.log(20) for seed in range(times)) / times


def test_evidence_that_is_looked_at_all_the_time_misleads_no_more_than_it_says():
    def of_shares(random: np.random.Generator) -> float:
        evidence, highest = Evidence(), 0.0
        for _ in range(200):
            window = Window(random.binomial(50, 0.1), 50, random.binomial(450, 0.1), 450)
            evidence = evidence.and_(window, 1.0, np.inf)
            highest = max(highest, evidence.log_value)
        return highest

    def of_numbers(random: np.random.Generator) -> float:
        errors = np.cumsum(random.normal(size=5_000))
        counts = np.arange(1, 5_001)
        return max(of_means(errors[at] / counts[at], 1 / np.sqrt(counts[at]), 0.1) for at in range(99, 5_000, 20))

    assert ever(of_shares) <= 0.05
    assert ever(of_numbers) <= 0.05


def test_an_outage_of_both_does_not_hide_a_canary_that_always_fails():
    evidence = Evidence()
    for window in (Window(135, 135, 6, 1_110), Window(63, 63, 120, 590), *[Window(80, 80, 4, 800)] * 3):
        evidence = evidence.and_(window, 1.0, 3.0)
    assert evidence.log_value > np.log(3_200)


def test_a_quantile_is_interpolated_as_promql_does():
    assert quantile([0, 10, 10, 0], [1.0, 2.0, 4.0], 0.5) == 2.0
    assert quantile([0, 10, 10, 0], [1.0, 2.0, 4.0], 0.75) == 3.0
    assert quantile([0, 0, 0, 5], [1.0, 2.0, 4.0], 0.5) == 4.0
    assert quantile([0, 0, 0, 0], [1.0, 2.0, 4.0], 0.5) is None
