"""The model card: what a version is for, what it was made from, how good it is and where it must not be used."""

from training.evidence import Evidence
from training.table import CLAIMS
from training.table import VERSION as TABLE_VERSION

INTENDED_USE = "Price cover of a vehicle whose driver consents to telematics, beside the rating factors of the tariff."
PROHIBITED_USE = "Claims handling, cancellation, employment decisions, or any use of a driver's positions."
USE_OF_TABLE = "Price risks like those of the table that it was made from, by the columns named in its features."
INDEPENDENT = "Frequency and severity are independent given the features."
ASSUMPTIONS = (
    INDEPENDENT,
    "What was observed of a driver before a date says of the horizon after it what it said in the frame.",
    "The book that is priced is like the frame's; drift reports say each night whether it is.",
)
ASSUMPTIONS_OF_TABLE = (INDEPENDENT, "What is priced is like the table's rows; nothing watches whether it is.")
INTERVAL = "An interval covers the fit and what is not yet known of the driver, not the randomness of claims."
DEVELOPED = "Amounts are developed to ultimate by the factors above; no interval covers the error of these."
UNDEVELOPED = "Amounts are taken as known at the valuation, without development to ultimate."
CAPPED = "The cap applies to the mean amount of a row's claims, for a row holds their sum."


def intended_use(feature_version: str) -> str:
    """What a version may be used for: one of the lake's frames, or one of any table."""
    return USE_OF_TABLE if feature_version == TABLE_VERSION else INTENDED_USE


def _limits(currency: str, notes: tuple[str, ...]) -> list[str]:
    """What is true of this version."""
    if currency == CLAIMS:
        return [INTERVAL]
    developed = any(n.startswith("amounts developed") for n in notes)
    return [INTERVAL, DEVELOPED if developed else UNDEVELOPED, *([CAPPED] if any("capped" in n for n in notes) else [])]


def model_card(evidence: Evidence, lineage: dict[str, str]) -> str:
    """Markdown of about a page."""
    spec, facts = evidence.scorer.spec, evidence.facts
    assumed = ASSUMPTIONS_OF_TABLE if spec.feature_version == TABLE_VERSION else ASSUMPTIONS
    dates = ", ".join(map(str, facts.as_of_dates))
    parts = [
        f"# Pure premium of {spec.coverage}",
        f"Claim frequency x severity, feature catalogue {spec.feature_version}.",
        _table("Use", {
            "intended": intended_use(spec.feature_version),
            "prohibited": PROHIBITED_USE,
            "owner": lineage.get("author", "not stated"),
            "scope": f"cover {spec.coverage}, amounts in {spec.currency}",
        }),
        _table("Made from", lineage),
        _table("Frame", {
            "rows": f"{facts.rows:,} (and {facts.without_trips:,} without trips, left out)",
            "policies": f"{facts.policies:,}, of which {facts.test_policies:,} never trained on",
            "exposure": f"{facts.exposure_years:,.1f} car-years",
            "claims": f"{facts.claims:,}",
            "incurred": f"{facts.incurred:,.0f} {spec.currency}",
            "as-of dates": dates or "not stated",
            "maturity": "not stated" if facts.maturity_days is None
            else f"{facts.maturity_days} days from the last horizon's end to the valuation date",
        }),
        _table("Measured, 95 % intervals from a bootstrap of policies", {k: str(v) for k, v in evidence.metrics.items()}),
        _table("Balance", {"alpha, frequency": f"{spec.alpha_frequency:.4f}", "alpha, severity": f"{spec.alpha_severity:.4f}"}),
        _table("Credibility: k, in km", {
            f.name: f"{f.shrinkage.k_km:,.0f}" for f in spec.features if f.shrinkage
        }),
        "## Assumptions\n\n" + "\n".join(f"- {x}" for x in (*assumed, *facts.notes)),
        "## Limits\n\n" + "\n".join(f"- {x}" for x in _limits(spec.currency, facts.notes)),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _table(title: str, rows: dict[str, str]) -> str:
    body = "\n".join(f"| {k} | {v} |" for k, v in rows.items())
    return f"## {title}\n\n| | |\n| --- | --- |\n{body}"
