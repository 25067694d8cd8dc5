"""Principal components of acceleration given speed, as shipped: fitted once, never again for the same feature version."""

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict

FILE = Path(__file__).parent / "va_loadings_v2.json"


class Loadings(BaseModel):
    """`mean` has the mean share of each place of va_ms in its speed bucket, `components` the loadings of each component on
    them; `explained` is each component's share of the variance. A bucket driven in for less than `min_bucket_ms`
    counts as the mean does. `made_by` is the command that fitted them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    made_by: str
    cars: int
    trips: int
    min_bucket_ms: int
    explained: tuple[float, ...]
    mean: tuple[float, ...]
    components: tuple[tuple[float, ...], ...]


LOADINGS = Loadings(**json.loads(FILE.read_text()))
