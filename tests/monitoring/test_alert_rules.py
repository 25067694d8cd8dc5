"""A file of rules that is wrong says so."""

from pathlib import Path

import pytest

from lake.errors import ConfigError
from monitoring.rules import load_rules

RULE = "{measure: late, owner: o, severity: info, runbook: x, %s}"
VOLUME = RULE.replace("late", "volume")
PLAIN = VOLUME % "of: 1"
LIMITS = "{bad_records: 0.01, volume: 0.5, fallback: 0.5, mean_change: 0.05}"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("rules: [", "is not YAML"),
        ("rules: {}", "limits"),
        (f"limits: {LIMITS}\nrules: {{a: {{measure: lat, owner: o, severity: info, runbook: x}}}}", "unknown measure 'lat'"),
        (f"limits: {LIMITS}\nrules: {{a: {RULE % 'nights: 3'}}}", "nights is 3 of 1: it would never be told"),
        (
            f"limits: {LIMITS}\nrules: {{a: {RULE % 'suppressed_by: [a]'}}}",
            "rules.a.suppressed_by: a is no rule of volume or bad",
        ),
        (f"limits: {LIMITS}\nrules: {{a: {RULE % 'suppressed_by: [b]'}, b: {RULE % 'of: 1'}}}", "suppressed_by: b is no rule of"),
        (
            f"limits: {LIMITS}\nrules: {{a: {RULE.replace('info', 'critical') % 'suppressed_by: [b]'}}}",
            "is told whatever explains it",
        ),
        (
            f"limits: {LIMITS}\nrules: {{a: {RULE % 'suppressed_by: [b]'}, b: {VOLUME % 'suppressed_by: [c]'}, c: {PLAIN}}}",
            "suppressed_by: b is no rule of volume or bad_records that nothing suppresses",
        ),
        (f"limits: {LIMITS}\nrules: {{a: {RULE % 'nigths: 3'}}}", "nigths"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path: Path, text: str, wrong: str) -> None:
    path = tmp_path / "alerts.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as e:
        load_rules(path)
    assert wrong in str(e.value) and str(path) in str(e.value)
