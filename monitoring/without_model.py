"""Where the fallback gave every score: what turns the light red and wakes somebody, said in one place."""

from monitoring.night import FEW_COVERS, Night

ALL = "all"


def without_model(night: Night) -> dict[str, str]:
    """What is said, by the night as a whole or by book; empty where the model priced at least one cover of each that counts."""
    if night.scored and night.fallback == night.scored:
        return {ALL: "every score is the fallback's, none the model's"}
    modelled = {b.coverage for b in night.books if b.fallback < b.scored}
    wholly = [b for b in night.books if b.fallback == b.scored and (b.scored >= FEW_COVERS or b.coverage not in modelled)]
    return {
        f"{b.coverage} {b.currency}": f"every score of {b.coverage} in {b.currency} is the fallback's, none the model's"
        for b in wholly
    }
