"""What a command ends with that went on without some of its parts."""

import pytest

from lake.errors import Complaint, EnvironmentProblem, GateFailed, InputError, LakeError, TelematicsError, raise_for

GATE, FILE, PAGE, CHANNEL = (Complaint(code, f"what {code} was") for code in (4, 3, 6, 5))


@pytest.mark.parametrize(
    ("complaints", "kind"),
    [
        ([CHANNEL], EnvironmentProblem),
        ([CHANNEL, PAGE], LakeError),
        ([CHANNEL, FILE, PAGE], InputError),
        ([FILE, GATE, CHANNEL], GateFailed),
    ],
)
def test_it_ends_with_the_gravest_and_says_all(complaints: list[Complaint], kind: type[TelematicsError]) -> None:
    with pytest.raises(kind) as e:
        raise_for([*complaints, *complaints])
    assert type(e.value) is kind
    assert str(e.value) == "; ".join(c.what for c in complaints)


def test_nothing_to_say_is_no_failure() -> None:
    raise_for([])
