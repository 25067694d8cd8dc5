"""The suite of one load of a source: what no record can say of itself. The loader measures, Great Expectations judges.

Ranges, types and times are held record by record (`expectations/row_rules.py`), required columns by Delta's constraints.
"""

from collections.abc import Iterable

from expectations.checks import NO_ROWS, Check, at_least, at_most
from expectations.suites import Suite
from lake.sources import Source

UNACCOUNTED = "records unaccounted for"
QUARANTINED = "share of records quarantined, of files that bring any"
QUARANTINED_OF_ALL = "share of records quarantined"
WITHHELD = "share of records without a policy or consent"
DUPLICATE = "share of records that are duplicates"
CONFLICT = "share of points whose device had told that time otherwise"
AHEAD = "share of points timed after their receipt"
LATE_DAYS = 7
"""A phone out of coverage delivers within days; what comes a week late was held up."""
LATE = f"share of points received over {LATE_DAYS} days after their time"
OF_USUAL = "records, as a share of the usual night's"
UNMAPPED = "columns read past"


def null_share(column: str) -> str:
    """The name of a column's measure."""
    return f"share of nulls: {column}"


def batch_suite(source: Source, measured: Iterable[str]) -> Suite:
    """The checks of what was measured of a load, under the target's and the source's name."""
    there = set(measured)
    checks = (*_records(source), *_points(source), *(_nulls(source, x) for x in source.columns))
    return Suite(f"{source.target}.{source.name}", (), tuple(c for c in checks if c.name in there))


def _records(source: Source) -> tuple[Check, ...]:
    limits = source.limits
    return (
        at_most(UNACCOUNTED, "", NO_ROWS, "read = accepted + duplicate + quarantined, and staging accepted as many"),
        at_most(QUARANTINED, "", limits.quarantined_stop, "where so much is wrong, what fits the mapping may be misread too"),
        at_most(QUARANTINED_OF_ALL, "", limits.quarantined, "single bad records are everyday life", "warn"),
        at_most(WITHHELD, "", limits.withheld, "a reference feed is missing or behind", "warn"),
        at_most(DUPLICATE, "", limits.duplicate, "single records and files are sent twice, not whole deliveries", "warn"),
        at_least(OF_USUAL, "", limits.of_usual, "a half-empty delivery", "warn"),
        at_most(UNMAPPED, "", NO_ROWS, "the provider has added something: map it, or list it as ignored", "warn"),
    )


def _points(source: Source) -> tuple[Check, ...]:
    limits = source.limits
    return (
        at_most(CONFLICT, "", limits.conflict, "two devices of one name, or a clock that stands still", "warn"),
        at_most(AHEAD, "", limits.ahead, "a device's clock runs ahead", "warn"),
        at_most(LATE, "", limits.late, "a device's clock is behind, or deliveries were held up", "warn"),
    )


def _nulls(source: Source, column: str) -> Check:
    return at_most(null_share(column), "", source.limits.null, "a sensor that stopped, or a field that was renamed", "warn")
