"""Training takes two seconds: once for all tests."""

from functools import cache

import pandas as pd

from lake.conf_sections import Training
from tests.training.synthetic import frame
from training.evidence import Evidence
from training.pipeline import train

SPEC = Training(min_claims=400)


@cache
def the_frame() -> pd.DataFrame:
    """3,000 policies, two dates, 547 claims."""
    return frame()


@cache
def trained() -> Evidence:
    """The evidence of training on the_frame()."""
    return train(the_frame(), SPEC)
