"""The model card: what a version is for, what it was made from, how good it is and where it must not be used."""

from training.evidence import Evidence

INTENDED_USE = "Price cover of a vehicle whose driver consents to telematics, beside the rating factors of the tariff."
PROHIBITED_USE = "Claims handling, cancellation, employment decisions, or any use of a driver's positions."
ASSUMPTIONS = (
    "Frequency and severity are independent given the features.",
    "What was observed of a driver before a date says of the horizon after it what it said in the frame.",
    "The book that is priced is like the frame's; drift reports say each night whether it is.",
)
LIMITS = (
    "An interval covers the fit and what is not yet known of the driver, not the randomness of claims.",
    "The lake's claims are taken as known at the valuation date, without development to ultimate.",
    "The cap applies to the mean amount of a row's claims, for a frame holds their sum.",
)


def model_card(evidence: Evidence, lineage: dict[str, str]) -> str:
    """Markdown of about a page."""
    spec, facts = evidence.scorer.spec, evidence.facts
    dates = ", ".join(map(str, facts.as_of_dates))
    parts = [
        f"# Pure premium of {spec.coverage}",
        f"Claim frequency x severity, feature catalogue {spec.feature_version}.",
        _table("Use", {
            "intended": INTENDED_USE,
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
        "## Assumptions\n\n" + "\n".join(f"- {x}" for x in (*ASSUMPTIONS, *facts.notes)),
        "## Limits\n\n" + "\n".join(f"- {x}" for x in LIMITS),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _table(title: str, rows: dict[str, str]) -> str:
    body = "\n".join(f"| {k} | {v} |" for k, v in rows.items())
    return f"## {title}\n\n| | |\n| --- | --- |\n{body}"
