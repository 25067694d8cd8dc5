"""One text for a value, whatever type of column held it: levels of categories and ids of policies are compared as text."""

import pandas as pd

LARGEST_EXACT = 2.0**53
"""Beyond it a double does not hold every whole number."""


def as_text(values: pd.Series) -> pd.Series:
    """Text (rows), missing where the value is. 1.0 is "1": a null among whole numbers makes floats of them all."""
    return values.astype(object).map(text_of, na_action="ignore").astype("string")


def text_of(value: object) -> str:
    """Of one value."""
    whole = isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_EXACT
    return str(int(value)) if whole else str(value)  # type: ignore[call-overload]
