"""The suite of the reference tables together, as they stand after a load: keys, intervals that overlap, and what lacks a
partner in another table. `transforms.standing` measures."""

from expectations.checks import NO_ROWS, Check, at_most
from expectations.suites import Suite
from lake.tables import CLAIMS, CONSENTS, DEVICES, POLICIES, Table
from transforms import standing

MAX_UNINSURED = 0.1
"""Share of devices: cars that leave the book send for a while, a tenth of them is a feed of policies that is behind."""
MAX_UNEQUIPPED = 0.5
"""Share of policies: a book of usage-based cover is one of cars with a device."""
MAX_WITHOUT_CONSENT = 0.5
MAX_STRAY_CLAIMS = 0.01
"""Share of claims: each was reported on a policy."""
TABLES = (POLICIES, DEVICES, CLAIMS, CONSENTS)


def standing_suite() -> Suite:
    """The checks, by the names of the measures."""
    return Suite("reference.standing", (), (*(_key(t) for t in TABLES), *_intervals(), *_partners()))


def _key(table: Table) -> Check:
    return at_most(standing.repeated(table), "", NO_ROWS, "of a key one version is known at a time")


def _intervals() -> tuple[Check, ...]:
    why = "of overlapping intervals the one that began last counts"
    return tuple(at_most(standing.overlapping(what), "", NO_ROWS, why, "warn") for what in standing.OVERLAPS)


def _partners() -> tuple[Check, ...]:
    return (
        at_most(standing.UNINSURED, "", MAX_UNINSURED, "their points are held for no_policy", "warn"),
        at_most(standing.UNEQUIPPED, "", MAX_UNEQUIPPED, "they are priced by the fallback", "warn"),
        at_most(standing.WITHOUT_CONSENT, "", MAX_WITHOUT_CONSENT, "they are priced by the fallback", "warn"),
        at_most(standing.STRAY_CLAIMS, "", MAX_STRAY_CLAIMS, "claims of no policy are in no experience", "warn"),
    )
