"""The v-a heat map (Wuethrich 2017, Covariate selection from telematics car driving data): edges of its buckets, and as shipped
the principal components of acceleration given speed: fitted once, never again for the same feature version."""

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict

FILE = Path(__file__).parent / "va_loadings_v2.json"
SPEED_EDGES_KMH = (*(10.0 * k for k in range(13)), 200.0)
ACCEL_EDGES_MPS2 = (-4.0, -3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 4.0)
"""Of lake.columns.VA_MS; what lies beyond is in the outer buckets. The components were fitted on these."""


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
