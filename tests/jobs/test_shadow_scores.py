"""Challengers score what the champion scores, in the same pass, and no price hangs on them."""

import datetime as dt
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from jobs.explaining import Asked, explain
from jobs.nights import Attempt, record
from jobs.score import run
from lake.conf import Conf, load_conf
from lake.delta import Lake
from lake.errors import InputError, LakeError, ModelRefused
from registry.challengers import end_challenger, set_challenger
from registry.log import register
from registry.store import connect
from registry.versions import choose
from tests.jobs.test_score_job import NEXT, OBSERVED, D, append, book, context, feature_row, scores
from tests.registry.given import AUTHOR, LINEAGE, MODEL, conf_with_champion, store
from tests.training.given import SPEC, the_frame
from training.evidence import Evidence
from training.pipeline import train

__all__ = ["book"]
SHADOWS = ("challenger", "challenger-b")


@pytest.fixture(scope="module")
def other() -> Evidence:
    """A pair with other boosters than the champion's."""
    return train(the_frame(), SPEC.model_copy(update={"seed": 7}))


@pytest.fixture
def both(conf: Conf, tmp_path: Path, other: Evidence) -> Conf:
    """A store with the champion, a challenger, and one whose features are of a version that no night has."""
    root = tmp_path / "registry"
    shutil.copytree(store()[0], root)
    own = load_conf("local", lake=str(root))
    of_v2 = replace(other.scorer, spec=other.scorer.spec.model_copy(update={"feature_version": "v2"}))
    for evidence in (other, replace(other, scorer=of_v2)):
        register(own, evidence, LINEAGE, AUTHOR)
    for alias, version in zip(SHADOWS, ("2", "3"), strict=True):
        set_challenger(own, choose(own, MODEL, version), alias)
    mine = conf_with_champion(conf)
    history = mine.registry.model_copy(update={"history": own.registry_history})
    return mine.model_copy(update={"mlflow_tracking_uri": own.tracking_uri, "registry": history})


def by_role(lake: Lake, date: dt.date, role: str) -> pd.DataFrame:
    found = scores(lake, date)
    return found[found["role"] == role]


def test_a_challenger_scores_every_cover_in_the_same_pass_and_states_no_reasons(book: Lake, both: Conf, other: Evidence) -> None:
    result = run(context(book, both, D))
    champion, challenger = (by_role(book, D, r) for r in ("champion", "challenger"))
    assert result.rows == len(champion) == 4
    assert challenger.index.tolist() == champion.index.tolist()
    assert challenger["fallback_reason"].tolist() == champion["fallback_reason"].tolist()
    alone = other.scorer.predict(pd.DataFrame([OBSERVED])).iloc[0]
    for name in ("frequency", "severity", "pure_premium", "relativity"):
        assert challenger.loc["p1", name] == pytest.approx(alone[name], rel=1e-9)
    spec = other.scorer.spec
    assert challenger.loc["p2", "pure_premium"] == pytest.approx(spec.fallback_frequency * spec.fallback_severity)
    assert challenger.loc["p1", "pure_premium"] != champion.loc["p1", "pure_premium"]
    assert champion.loc["p1", "reasons"] is not None
    assert challenger[["reasons", "others", "change", "change_reason", "previous_pure_premium"]].isna().all(axis=None)
    assert challenger.loc["p1", "lineage"]["model_version"] == "2"
    assert champion.loc["p1", "lineage"]["model_version"] == "1"


def test_one_without_its_features_is_left_out_and_said(book: Lake, both: Conf) -> None:
    result = run(context(book, both, D))
    assert by_role(book, D, "challenger-b").empty
    [[alias, model, version, why]] = result.detail["unscored"]["liability"]
    assert (alias, model, version) == ("challenger-b", MODEL, "3")
    assert "no rows of version v2" in why
    assert result.detail["challengers"] == {
        "liability": {"challenger": [MODEL, "2", result.detail["challengers"]["liability"]["challenger"][2]]}
    }


def test_one_of_another_feature_version_sees_its_own_features(book: Lake, both: Conf, other: Evidence) -> None:
    # the same columns, driven harder in v2 than in v1
    harder = dict.fromkeys(("brake_per_100km_90", "brake_per_100km_365"), 9.0)
    append(book, "gold.policy_features", [feature_row(1, D, feature_version="v2", **harder)], "v2")
    run(context(book, both, D))
    second = by_role(book, D, "challenger-b")
    alone = other.scorer.predict(pd.DataFrame([OBSERVED | harder])).iloc[0]
    assert second.loc["p1", "pure_premium"] == pytest.approx(alone["pure_premium"], rel=1e-9)
    assert second.loc["p1", "pure_premium"] > by_role(book, D, "challenger").loc["p1", "pure_premium"]
    # p5 has no row of v2
    assert second.loc["p5", "fallback_reason"] == "no_trips"
    assert by_role(book, D, "champion").loc["p5", "fallback_reason"] is None


def test_fault_25_one_that_fails_in_a_worker_stops_nothing(book: Lake, both: Conf) -> None:
    append(book, "gold.policy_features", [feature_row(1, D, feature_version="v2", km_90=math.inf)], "infinite")
    result = run(context(book, both, D))
    assert len(by_role(book, D, "champion")) == len(by_role(book, D, "challenger")) == result.rows == 4
    assert by_role(book, D, "challenger-b").empty
    assert result.detail["unscored"]["liability"] == [["challenger-b", MODEL, "3", "features with infinite values: km_90"]]


def test_one_whose_files_are_not_those_registered_is_left_out(book: Lake, both: Conf) -> None:
    connect(both).set_model_version_tag(MODEL, "2", "artefact_digest", "0" * 64)
    result = run(context(book, both, D))
    assert by_role(book, D, "challenger").empty and len(by_role(book, D, "champion")) == 4
    assert "not 000000000000 as registered" in result.detail["unscored"]["liability"][0][3]


def test_a_rerun_uses_the_challengers_of_then(book: Lake, both: Conf) -> None:
    result = run(context(book, both, D))
    first = scores(book, D)
    at = dt.datetime(2026, 3, 3, 1, tzinfo=dt.UTC)
    record(book, Attempt(D, "score", "test", at, at), "finished", result)
    end_challenger(both, MODEL, "challenger")
    again = run(context(book, both, D))
    key = ["policy_id", "role"]
    pd.testing.assert_frame_equal(*(x.reset_index().sort_values(key).reset_index(drop=True) for x in (scores(book, D), first)))
    assert again.detail == result.detail
    run(context(book, both, NEXT, previous=D))
    assert set(scores(book, NEXT)["role"]) == {"champion"}


def test_aliases_that_are_no_challengers_are_refused(both: Conf) -> None:
    with pytest.raises(InputError, match="a challenger's begins with 'challenger'"):
        set_challenger(both, choose(both, MODEL, "2"), "champion")
    with pytest.raises(ModelRefused, match="another version as champion"):
        set_challenger(both, choose(both, MODEL, "1"), "challenger")
    with pytest.raises(InputError, match="no version of pure-premium-liability is challenger-c"):
        end_challenger(both, MODEL, "challenger-c")


def test_a_challengers_price_is_not_explained_for_it_has_no_reasons(book: Lake, both: Conf) -> None:
    run(context(book, both, D))
    with pytest.raises(LakeError, match="challenger scored in shadow, without reasons"):
        explain(book, both, Asked("p1", D, role="challenger"))
