"""Bootstrap intervals, paired differences, slices by activity."""

import numpy as np
import pytest

from recsmith.evaluation import intervals
from recsmith.evaluation.intervals import bootstrap
from recsmith.evaluation.slices import slice_names, slice_of, slice_rows


def two_models(shift: float, n: int = 400) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    base = random.random(n)
    return {"one": base + shift + random.normal(0, 0.1, n), "two": base}


def test_the_interval_of_a_mean_is_about_two_standard_errors_either_side() -> None:
    values = two_models(0)
    low, high = bootstrap(values, 4000, 0.95, seed=1).interval("two")
    error = values["two"].std() / np.sqrt(400)
    assert values["two"].mean() - low == pytest.approx(1.96 * error, rel=0.1)
    assert high - values["two"].mean() == pytest.approx(1.96 * error, rel=0.1)


def test_a_paired_difference_is_surer_than_two_intervals_apart() -> None:
    sure = bootstrap(two_models(0.03), 1000, 0.95, seed=1)
    paired = sure.paired("one", "two")
    assert paired["interval"][0] > 0
    assert sure.interval("one")[0] < sure.interval("two")[1]
    assert paired["p"] == pytest.approx(2 / 1001)


def test_equal_models_differ_by_nothing_and_p_is_one() -> None:
    values = {"one": np.arange(9.0), "two": np.arange(9.0)}
    assert bootstrap(values, 100, 0.95, seed=0).paired("one", "two") == {
        "difference": 0.0,
        "interval": [0.0, 0.0],
        "p": 1.0,
    }


def test_a_difference_of_noise_is_seldom_called_sure() -> None:
    random = np.random.default_rng(2)
    small = [
        bootstrap({"one": random.normal(size=100), "two": random.normal(size=100)}, 200, 0.95, seed).paired(
            "one", "two"
        )["p"]
        < 0.05
        for seed in range(200)
    ]
    assert np.mean(small) < 0.11


def test_a_block_size_does_not_change_how_many_resamples_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "BLOCK", 1000)
    sure = bootstrap(two_models(0), 107, 0.9, seed=1)
    assert sure.resampled.shape == (107, 2)


def test_one_user_has_an_interval_of_no_width() -> None:
    assert bootstrap({"one": np.array([0.25])}, 100, 0.95, seed=0).interval("one") == [0.25, 0.25]


def test_slices_are_named_by_their_edges_and_hold_them() -> None:
    assert slice_names((10, 50, 200)) == ["0", "1-9", "10-49", "50-199", "200+"]
    assert slice_of(np.array([0, 1, 9, 10, 199, 200]), (10, 50, 200)).tolist() == [0, 1, 1, 2, 3, 4]


def test_slices_average_their_own_users_and_empty_ones_are_left_out() -> None:
    values = {"full": {"ndcg@5": np.array([1.0, 0.0, 0.5])}}
    rows = slice_rows(values, np.array([3, 4, 70]), (10, 50))
    assert rows == [
        {"slice": "1-9", "model": "full", "users": 2, "ndcg@5": 0.5},
        {"slice": "50+", "model": "full", "users": 1, "ndcg@5": 0.5},
    ]
