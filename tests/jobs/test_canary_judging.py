"""A canary is judged by the claims of its policies: by planted experience, and on a lake by the figures it rests on."""

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jobs.canary_judging import FEWEST_CLAIMS, experience, judge
from lake.clock import cutoff
from lake.conf import Conf
from lake.delta import Lake
from lake.errors import InputError
from registry.champion import champion
from tests.jobs.test_score_job import LOADED, D, append, consent, feature_row, policy
from tests.registry.given import MODEL, conf_with_champion

NIGHTS = [D + dt.timedelta(days=n) for n in range(3)]


def book(right: str, policies: int = 40_000, seed: int = 1) -> tuple[pd.DataFrame, int]:
    """A month of policies whose true rates one of the two knows, and the other sees as all the same."""
    random = np.random.default_rng(seed)
    e = np.full(policies, 30 / 365.25)
    rate = 0.1 * random.gamma(2.0, 0.5, policies)
    flat = np.full(policies, rate.mean())
    known = {"canary": (rate, flat), "champion": (flat, rate), "neither": (flat, flat * 1.0001)}[right]
    claims = random.poisson(rate * e)
    columns = {"exposure_years": e, "claims": claims, "canary": known[0] * e, "champion": known[1] * e}
    return pd.DataFrame(columns), 30


@pytest.mark.parametrize(("right", "said"), [("canary", "widen"), ("champion", "withdraw"), ("neither", "hold")])
def test_planted_experience(right: str, said: str) -> None:
    found = judge(*book(right), 1)
    assert found.verdict == said, found.describe()
    assert found.describe().startswith(f"{said}: ")


def test_few_claims_say_nothing_however_one_sided() -> None:
    rows, nights = book("canary")
    few = rows.assign(
        claims=np.where(rows["claims"].cumsum() < FEWEST_CLAIMS, rows["claims"], 0), champion=rows["champion"] * 1e4
    )
    found = judge(few, nights, 1)
    assert found.verdict == "hold" and 0 < found.claims < FEWEST_CLAIMS
    assert "say nothing" in found.describe()


def score(n: int, date: dt.date, version: str, frequency: float) -> dict[str, Any]:
    return {
        "policy_id": f"p{n}", "vehicle_id": f"v{n}", "coverage": "liability", "score_date": date, "role": "champion",
        "frequency": frequency, "pure_premium": 100.0, "currency": "EUR", "fallback": False,
        "lineage": (MODEL, version, "run", "v1", "ab" * 8, cutoff(date)),
    }  # fmt: skip


def test_experience_is_what_the_canary_published_and_the_next_night_closed(lake: Lake, conf: Conf) -> None:
    conf = conf_with_champion(conf)
    first = champion(conf, "liability")
    another = replace(first, version="9")
    append(lake, "reference.policies", [policy(1), policy(2), policy(3)], "policies")
    append(lake, "reference.consents", [consent(n) for n in (1, 2, 3)], "consents")
    append(lake, "gold.policy_features", [feature_row(n, d) for n in (1, 2, 3) for d in NIGHTS], "features")
    # p3 is the champion's; the night in the middle did not run, so the first earns two days
    rows = [score(n, d, "9" if n < 3 else first.version, 0.2) for n in (1, 2, 3) for d in (NIGHTS[0], NIGHTS[2])]
    append(lake, "gold.policy_scores", rows, "scores")
    inside, after = cutoff(NIGHTS[0]) + dt.timedelta(hours=30), cutoff(NIGHTS[2]) + dt.timedelta(hours=1)
    append(lake, "reference.claims", [
        {"claim_id": f"c{n}-{at:%d}", "policy_id": f"p{n}", "vehicle_id": f"v{n}", "coverage": "liability", "occurred_ts": at,
         "reported_ts": at, "status": "open", "incurred_minor": 10_000, "currency": "EUR", "known_from": LOADED}
        for n, at in ((1, inside), (3, inside), (2, after))
    ], "claims")  # fmt: skip
    found, nights = experience(lake, another, first)
    years = 2 / 365.25
    assert nights == 1
    assert found["policy_id"].tolist() == ["p1", "p2"]
    assert found["claims"].tolist() == [1, 0]
    assert found["exposure_years"].tolist() == pytest.approx([years, years])
    assert found["canary"].tolist() == pytest.approx([0.2 * years] * 2)
    alone = first.scorer.predict(lake.read("gold.policy_features").limit(1).toPandas())["frequency"].iloc[0]
    assert found["champion"].tolist() == pytest.approx([alone * years] * 2)


def test_one_night_is_nothing_to_judge_by(lake: Lake, conf: Conf) -> None:
    conf = conf_with_champion(conf)
    first = champion(conf, "liability")
    append(lake, "gold.policy_scores", [score(1, D, "9", 0.2)], "scores")
    with pytest.raises(InputError, match=r"version 9 has scored 1 night\(s\): two are the least"):
        experience(lake, replace(first, version="9"), first)
