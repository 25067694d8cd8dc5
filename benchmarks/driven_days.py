"""A book's policy days and the sums of their windows for benchmarks: vectorised, in the lake's own tables, laid out as nights
leave them: a file a day in the current month, and one file in the order of days for a month that was compacted."""

import datetime as dt
from itertools import groupby

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from deltalake import write_deltalake

from lake.clock import cutoff
from lake.delta import Lake
from lake.feature import STARTS, VA
from lake.features import FEATURES, WINDOWS_DAYS, sums_definition, terms_of
from lake.tables import POLICY_DAYS, WINDOW_SUMS
from transforms.arrays import VA_PLACES

Ints = npt.NDArray[np.int64]
FIRST_DAY = dt.date(2025, 1, 1)
EPOCH = dt.date(1970, 1, 1)
DRIVING_SHARE = 0.25
"""Of the policies, on any day."""
RESTATED_SHARE = 0.01
"""Of a night's new days: so many earlier ones come to be known otherwise, which were driven up to LATE_DAYS ago."""
LATE_DAYS = 3
_MS_A_KM = 90_000
_PATTERNS = 256
_COUNTS = {"trips": 5, "speeding_events": 6, "phone_events": 3, **dict.fromkeys(STARTS, 2)}
_SHARES_OF = {
    "distance_mm": ("motorway_mm", "main_mm", "local_mm", "quality_mm"),
    "moving_ms": ("night_ms", "rush_ms", "speeding_ms", "phone_ms", "weekend_ms", "holiday_ms", "wet_ms", "idle_ms"),
}
_SAME_AS = {
    "distance_mm": ("harsh_known_mm", "corner_known_mm", "limit_known_mm", "phone_known_mm", "quality_known_mm"),
    "moving_ms": ("duration_ms", "covered_ms", "limit_known_ms", "phone_known_ms", "weather_known_ms", "weekend_known_ms",
                  "holiday_known_ms", "idle_known_ms"),
}  # fmt: skip
_ARROW = {
    "string": pa.string(), "date": pa.date32(), "bigint": pa.int64(), "timestamp": pa.timestamp("us", "UTC"),
    "array<bigint>": pa.list_(pa.int64()), "array<int>": pa.list_(pa.int32()),
}  # fmt: skip


class Book:
    """`policies` cars from day 0 on; night n is of day n, and as of it windows hold the days before n."""

    def __init__(self, lake: Lake, policies: int, nights: int) -> None:
        self.lake, self.policies = lake, policies
        self.names = np.array([f"v-{n:07d}" for n in range(policies)])
        patterns = np.random.default_rng(0)
        self.va: Ints = 1000 * patterns.poisson(0.3, (_PATTERNS, VA_PLACES)).astype(np.int64)
        self.drives = np.zeros((nights, policies), bool)
        self.restated: list[tuple[int, int, Ints]] = []
        self.written = 0
        for name in (POLICY_DAYS.name, WINDOW_SUMS.name):
            lake.create(name)

    @staticmethod
    def date(day: int) -> dt.date:
        """The date of a day, and of the night after it."""
        return FIRST_DAY + dt.timedelta(days=day)

    def write_until(self, night: int) -> None:
        """Append the days before `night`, restate some for it, and write the sums as of the night before."""
        for _, days in groupby(range(self.written, night), lambda d: f"{self.date(d):%Y-%m}"):
            month = list(days)
            is_over = self.date(month[-1] + 1).day == 1 and month[-1] < night - 1
            for part in [month] if is_over else [[d] for d in month]:
                self._append(POLICY_DAYS.name, pa.concat_tables([self._table(d) for d in part]))
        self.written = night
        self._append(WINDOW_SUMS.name, self._sums(night - 1))
        self._restate(night)

    def totals(self, night: int, names: tuple[str, ...]) -> tuple[int, ...]:
        """Vehicles, sums of the named columns over all of them, and days driven, as of a night."""
        first = max(night - 365, 0)
        found = []
        for column in names:
            name, window = column.rsplit("_", 1)
            days = range(night - int(window), night)
            found.append(sum(int(self._content(d)[name].sum()) for d in days) + self._learned(night, int(window), name).sum())
        driven = self.drives[first:night]
        return (int(driven.any(axis=0).sum()), *map(int, found), int(driven.sum()))

    def _append(self, name: str, rows: pa.Table) -> None:
        write_deltalake(self.lake.path(name), rows, mode="append")

    def _content(self, day: int) -> dict[str, Ints]:
        """What a day's drivers drove, by column and term, and `row`, who they are."""
        rng = np.random.default_rng([1, day])
        row = np.flatnonzero(rng.random(self.policies) < DRIVING_SHARE)
        self.drives[day, row] = True
        n = len(row)
        distance = rng.integers(1_000, 60_000, n) * 1_000
        found: dict[str, Ints] = {"row": row, "distance_mm": distance, "moving_ms": distance // 1_000_000 * _MS_A_KM}
        for whole, parts in _SHARES_OF.items():
            found |= {name: found[whole] // rng.integers(5, 50, n) for name in parts}
        for whole, parts in _SAME_AS.items():
            found |= dict.fromkeys(parts, found[whole])
        found["road_known_mm"] = found["motorway_mm"] + found["main_mm"] + found["local_mm"]
        ladder = [c.name for c in POLICY_DAYS.columns if c.unit == "events" and c.name not in _COUNTS]
        found |= {name: rng.integers(0, 4, n) for name in ladder}
        found |= {name: rng.integers(1, most, n) for name, most in _COUNTS.items()}
        found["pattern"] = rng.integers(0, _PATTERNS, n)
        return found

    def _table(self, day: int) -> pa.Table:
        content, date = self._content(day), self.date(day)
        n = len(content["row"])
        known = dt.datetime.combine(date + dt.timedelta(days=1), dt.time(12), dt.UTC)
        same = {"local_date": date, "local_month": f"{date:%Y-%m}", "source": "bench", "known_from": known, "known_to": None}
        columns = {name: pa.repeat(pa.scalar(value, _type(name)), n) for name, value in same.items()}
        columns["vehicle_id"] = pa.array(self.names[content["row"]])
        columns[VA] = _lists(self.va[content["pattern"]])
        fields = [pa.field(c.name, _ARROW[c.type], c.nullable) for c in POLICY_DAYS.columns]
        return pa.table([columns[f.name] if f.name in columns else pa.array(content[f.name]) for f in fields], pa.schema(fields))

    def _restate(self, night: int) -> None:
        """A trip more on some of the last days, learned in the night; through the lake's own restatement."""
        day, hour = night - 2, dt.timedelta(hours=1)
        learned = cutoff(self.date(night - 1)) + hour
        rows = self._content(day)["row"]
        some = rows[:: int(1 / RESTATED_SHARE)]
        self.restated.append((night, day, some))
        date = self.date(day)
        days = self.lake.read(POLICY_DAYS.name).where(f"local_month = '{date:%Y-%m}' AND local_date = DATE'{date}'")
        old = days.where(days["vehicle_id"].isin([str(x) for x in self.names[some]])).localCheckpoint()
        closes = old.selectExpr("vehicle_id", "local_date", "local_month", "known_from", f"TIMESTAMP'{learned}' AS known_to")
        adds = old.selectExpr("* EXCEPT (trips, known_from)", "trips + 1 AS trips", f"TIMESTAMP'{learned}' AS known_from")
        self.lake.apply_versions(POLICY_DAYS.name, closes, adds, f"restate-{night}")

    def _learned(self, night: int, window: int, name: str) -> Ints:
        """What restatements up to a night add to a sum of each vehicle."""
        found = np.zeros(self.policies, np.int64)
        for learned, day, rows in self.restated if name == "trips" else []:
            if learned <= night and night - window <= day < night:
                found[rows] += 1
        return found

    def _sums(self, night: int) -> pa.Table:
        """The sums as of a night, of every vehicle with a day in its longest window."""
        terms = terms_of(*FEATURES)
        sums = {term: np.zeros(self.policies, np.int64) for term in terms if term[0] != VA}
        va = np.zeros((self.policies, VA_PLACES), np.int64)
        for day in range(max(night - max(WINDOWS_DAYS), 0), night):
            content = self._content(day)
            va[content["row"]] += self.va[content["pattern"]]
            for (name, window), total in sums.items():
                if night - day <= window:
                    total[content["row"]] += content[name]
        learned = {term: total + self._learned(night, term[1], term[0]) for term, total in sums.items()}
        return self._sums_table(night, learned, va)

    def _sums_table(self, night: int, sums: dict[tuple[str, int], Ints], va: Ints) -> pa.Table:
        first = max(night - 365, 0)
        driven = self.drives[first:night].T
        kept = np.flatnonzero(driven.any(axis=1))
        numbers = (np.nonzero(driven[kept])[1] + first + (FIRST_DAY - EPOCH).days).astype(np.int32)
        ends = np.concatenate([[0], np.cumsum(driven[kept].sum(axis=1))]).astype(np.int32)
        columns = {
            "vehicle_id": pa.array(self.names[kept]),
            "as_of_date": pa.repeat(pa.scalar(self.date(night)), len(kept)),
            "definition": pa.repeat(sums_definition(), len(kept)),
            f"{VA}_{max(WINDOWS_DAYS)}": _lists(va[kept]),
            "driven": pa.ListArray.from_arrays(ends, numbers),
        }
        columns |= {f"{name}_{window}": pa.array(total[kept]) for (name, window), total in sums.items()}
        fields = [pa.field(c.name, _ARROW[c.type], c.nullable) for c in WINDOW_SUMS.columns]
        return pa.table([columns[f.name] for f in fields], pa.schema(fields))


def _type(name: str) -> pa.DataType:
    return next(_ARROW[c.type] for c in POLICY_DAYS.columns if c.name == name)


def _lists(values: Ints) -> pa.ListArray:
    ends = np.arange(0, values.size + 1, values.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(ends, values.ravel())
