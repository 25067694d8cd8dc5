"""Reference: policies, devices, claims and consents, bitemporal."""

from lake import columns as c
from lake.columns import Column
from lake.table import VERSIONED, Table

POLICIES = Table(
    "reference.policies",
    "a policy's cover of a vehicle for a validity interval",
    (
        c.POLICY_ID.required(),
        c.VEHICLE_ID.required(),
        c.COVERAGE.required(),
        c.VALID_FROM.required(),
        c.VALID_TO,
        Column("jurisdiction", "string", "", "ISO 3166-2 code"),
        c.CURRENCY.required(),
        Column("base_premium_minor", "bigint", "minor units a year", "annual premium before telematics"),
        Column("driver_age_band", "string", "", "rating factor, as a band"),
        Column("vehicle_group_band", "string", "", "rating factor, as a band"),
        Column("territory_band", "string", "", "rating factor, as a band"),
        *VERSIONED,
        c.STATED_TS,
    ),
    key=("policy_id", "vehicle_id", "coverage", "valid_from"),
    bitemporal=True,
)

DEVICES = Table(
    "reference.devices",
    "which vehicle a device sits in, by time",
    (c.DEVICE_ID.required(), c.VEHICLE_ID.required(), c.VALID_FROM.required(), c.VALID_TO, *VERSIONED, c.STATED_TS),
    key=("device_id", "valid_from"),
    bitemporal=True,
)

CLAIMS = Table(
    "reference.claims",
    "the state of a claim from known_from on",
    (
        Column("claim_id", "string", "", "pseudonymous claim", nullable=False),
        c.POLICY_ID.required(),
        c.VEHICLE_ID.required(),
        c.COVERAGE.required(),
        Column("occurred_ts", "timestamp", "UTC", "when the loss occurred", nullable=False),
        Column("reported_ts", "timestamp", "UTC", "when it was reported", nullable=False),
        Column("status", "string", "", "open, closed or reopened"),
        Column("incurred_minor", "bigint", "minor units", "paid plus outstanding; negative for recourse"),
        c.CURRENCY.required(),
        *VERSIONED,
        c.STATED_TS,
    ),
    key=("claim_id",),
    bitemporal=True,
)

FAIRNESS_GROUPS = Table(
    "reference.fairness_groups",
    "a group that a policy's holder belongs to, for the fairness of prices alone: no transform and no model reads it",
    (
        c.POLICY_ID.required(),
        Column("group_name", "string", "", "name of the group", nullable=False),
        Column("probability", "double", "share", "that the holder belongs to it; 1 where it is known", nullable=False),
        Column("group_source", "string", "", "who states it", nullable=False),
        Column("method", "string", "", "how it was found, for instance stated or BIFSG", nullable=False),
        *VERSIONED,
        c.STATED_TS,
    ),
    key=("policy_id", "group_name"),
    bitemporal=True,
)

CONSENTS = Table(
    "reference.consents",
    "consent of a policy for a purpose, by interval",
    (
        c.POLICY_ID.required(),
        Column("purpose", "string", "", "what the data may be used for: pricing", nullable=False),
        c.VALID_FROM.required(),
        c.VALID_TO,
        *VERSIONED,
        c.STATED_TS,
    ),
    key=("policy_id", "purpose", "valid_from"),
    bitemporal=True,
)
