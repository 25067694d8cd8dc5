"""Which policies are never trained on: a function of the policy's id alone, so that it survives new frames."""

import hashlib

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.text import text_of

_SPAN = 2.0**64


def share_of(policy_id: object, salt: str) -> float:
    """A uniform number in [0, 1) from sha256 of salt and id, the same for 1 and 1.0."""
    return int.from_bytes(hashlib.sha256(f"{salt}/{text_of(policy_id)}".encode()).digest()[:8], "big") / _SPAN


def held_out(policies: pd.Series, share: float, salt: str) -> npt.NDArray[np.bool_]:
    """True for rows whose policy belongs to the held-out share; all rows of a policy go together."""
    chosen = {p: share_of(p, salt) < share for p in policies.unique()}
    held: npt.NDArray[np.bool_] = policies.map(chosen).to_numpy(dtype=bool)
    return held


def folds_of(policies: pd.Series, count: int, salt: str) -> npt.NDArray[np.int64]:
    """The fold, 0 to count - 1, of each row: a function of its policy's id."""
    chosen = {p: int(share_of(p, salt) * count) for p in policies.unique()}
    found: npt.NDArray[np.int64] = policies.map(chosen).to_numpy(dtype=np.int64)
    return found
