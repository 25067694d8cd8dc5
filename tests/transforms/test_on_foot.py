"""Driving told from walking: on tracks with a label at each point, and on made-up ones."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.transforms.driving import rules as shipped
from tests.transforms.tracks import track
from transforms.cleaning import clean, stretches
from transforms.on_foot import on_foot
from transforms.steps import steps_of
from transforms.track import Flags, Track

M_PER_DEG = 111_195.08
GAP_S, STUCK_S = 300, 10


def found(points: Track) -> Flags:
    starts = stretches(points, GAP_S)
    cleaned = clean(points, starts, STUCK_S)
    return on_foot(cleaned.track, starts, steps_of(cleaned, starts, shipped().source))


def moved(metres_a_second: list[float], **given: object) -> Track:
    """Northward, a point a second, without a speed."""
    lat = np.cumsum(metres_a_second) / M_PER_DEG
    return track(np.arange(len(lat)), lat=45.0 + lat, lon=9.0, **given)


@pytest.fixture(scope="module")
def labelled(real_data: Path) -> tuple[Flags, Flags, np.ndarray]:
    """Of every point of GOAL: found on foot, labelled so, and the number of its track."""
    rows = pd.read_parquet(real_data / "goal" / "trajectories_dev.parquet")
    rows["at"] = pd.to_datetime(rows["timestamp"], format="ISO8601")
    rows["number"] = rows["trajectory"].astype(int)
    rows = rows.sort_values(["number", "at"], ignore_index=True)
    seconds = (rows["at"] - rows.groupby("number")["at"].transform("min")).dt.total_seconds()
    points = track(seconds, rows["number"].to_numpy(), lat=rows["y"] / M_PER_DEG, lon=9.0 + rows["x"] / M_PER_DEG)
    return found(points), (rows["groundtruth"] == "OnFoot").to_numpy(), rows["number"].to_numpy()


@pytest.mark.parametrize("half", [0, 1], ids=["tracks that chose the limits", "the other tracks"])
def test_nine_in_ten_labelled_points_are_told_apart(labelled: tuple[Flags, Flags, np.ndarray], half: int) -> None:
    on_foot_, truth, number = labelled
    mine = number % 2 == half
    assert mine.sum() > 20_000
    agreed = (on_foot_ == truth)[mine]
    print(f"{agreed.mean():.4f} of {mine.sum()} points; on foot {truth[mine].mean():.3f}, found {on_foot_[mine].mean():.3f}")
    assert agreed.mean() >= 0.90
    # neither state is bought with the other
    for state in (True, False):
        assert agreed[truth[mine] == state].mean() >= 0.80


def test_a_walk_to_the_car_and_a_drive_are_told_apart() -> None:
    feet = found(moved([1.3] * 200 + [12.0] * 200))
    assert feet[:180].all() and not feet[220:].any()


def test_a_red_light_belongs_to_the_drive_and_a_long_stand_does_not() -> None:
    assert not found(moved([12.0] * 60 + [0.0] * 90 + [12.0] * 60)).any()
    assert found(moved([12.0] * 60 + [0.0] * 200 + [12.0] * 60))[80:240].all()


def test_crawling_between_two_quick_stretches_is_driving() -> None:
    assert not found(moved([12.0] * 60 + [0.8] * 15 + [12.0] * 60)).any()


def test_a_drive_without_positions_is_known_by_its_speed() -> None:
    speed = [0.0] * 8 + [14.0] * 100 + [0.0] * 8
    assert not found(track(np.arange(len(speed)), speed_mps=speed)).any()


def test_devices_do_not_lend_each_other_their_speed() -> None:
    walk, drive = moved([1.0] * 100), moved([12.0] * 100)
    both = track(np.r_[np.arange(100), np.arange(100)], np.repeat([0, 1], 100), lat=np.r_[walk.lat, drive.lat], lon=9.0)
    feet = found(both)
    assert feet[:100].all() and not feet[100:].any()
