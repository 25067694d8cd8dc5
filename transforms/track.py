"""Points of one source as arrays: device after device, each in order of time, one point an instant."""

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Small = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius of WGS 84: great-circle steps then err by +0.56 % (equator, north-south) to -0.36 % (60 degrees, east-west)."""
UNKNOWN = -1
"""Of phone, ignition and firmware: the source does not say."""
US_PER_MS = 1000


@dataclass(frozen=True)
class Track:
    """n points. Measurements are NaN where unknown; phone and ignition 1, 0 or UNKNOWN; `device` and `firmware` are numbers."""

    device: Ints
    us: Ints
    received_us: Ints
    lat: Floats
    lon: Floats
    speed_mps: Floats
    accel_lon_mps2: Floats
    accel_lat_mps2: Floats
    limit_mps: Floats
    phone: Small
    ignition: Small
    inaccurate: Flags
    firmware: Ints

    def __len__(self) -> int:
        """Number of points."""
        return len(self.us)

    @property
    def ms(self) -> Ints:
        """Whole milliseconds since 1970, UTC: differences of consecutive points telescope exactly."""
        return self.us // US_PER_MS

    @property
    def has_position(self) -> Flags:
        """Whether both coordinates are known."""
        return ~(np.isnan(self.lat) | np.isnan(self.lon))

    def take(self, rows: Ints | Flags) -> "Track":
        """The points of these rows."""
        return Track(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def without(self, rows: Flags, *columns: str) -> "Track":
        """The same points, with these measurements unknown in these rows."""
        return replace(self, **{name: np.where(rows, np.nan, getattr(self, name)) for name in columns})


def begins(*keys: npt.NDArray[np.generic]) -> Flags:
    """Whether a row is the first, or differs in a key from the row before."""
    first = np.zeros(len(keys[0]), bool)
    first[:1] = True
    for key in keys:
        first[1:] |= key[1:] != key[:-1]
    return first


def before(values: Floats, starts: Flags) -> Floats:
    """The value of the row before; NaN at a start."""
    shifted = np.full(len(values), np.nan)
    shifted[1:] = values[:-1]
    shifted[starts] = np.nan
    return shifted


def runs_of(flags: Flags, starts: Flags) -> tuple[Ints, Ints]:
    """First and last row of each maximal run of true rows that no start cuts."""
    opens = flags & (starts | ~np.r_[False, flags[:-1]])
    closes = flags & np.r_[(starts | ~flags)[1:], True]
    return np.flatnonzero(opens), np.flatnonzero(closes)


def between(first: Ints, last: Ints, n: int) -> Flags:
    """Of n rows, those from each first to its last; none where first lies behind last."""
    edges = np.zeros(n + 1, np.int64)
    some = first <= last
    np.add.at(edges, first[some], 1)
    np.add.at(edges, last[some] + 1, -1)
    inside: Flags = np.cumsum(edges)[:-1] > 0
    return inside


def great_circle_m(lat1: Floats, lon1: Floats, lat2: Floats, lon2: Floats) -> Floats:
    """Haversine distance in metres between positions in degrees."""
    north, east = np.radians(lat2 - lat1) / 2, np.radians(lon2 - lon1) / 2
    half_chord = np.sin(north) ** 2 + np.cos(np.radians(lat1)) * np.cos(np.radians(lat2)) * np.sin(east) ** 2
    metres: Floats = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(half_chord))
    return metres


def whole(values: Floats) -> Floats:
    """Rounded half up, so that sums are of whole numbers and do not depend on partitioning; NaN stays."""
    rounded: Floats = np.floor(values + 0.5)
    return rounded
