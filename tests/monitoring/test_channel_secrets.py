"""The address of a webhook and the key of PagerDuty are in no complaint and no error, however they are mistyped."""

import traceback

import pytest
from pydantic import ValidationError

from lake.conf import load_conf
from lake.conf_sections import Alerting, Channels
from lake.errors import ConfigError
from lake.masking import MASK, without_secrets
from tests.monitoring.test_channels import Listener, listening, message, sent

SECRET = "SECRETPART"
UNSENT = (
    f"hooks.slack.com/services/T0/B0/{SECRET}",
    f"htps://hooks.slack.com/{SECRET}",
    f"http:///{SECRET}",
    f"https://hooks.slack.com:{SECRET}/x",
    f"https://[::1/{SECRET}",
)
"""What fails before anybody is asked."""
WEBHOOK = "TELEMATICS_ALERTS__CHANNELS__WEBHOOK"


@pytest.mark.parametrize("address", [*UNSENT, f"https://hooks.slack.com/services {SECRET}"])
def test_a_webhook_that_is_no_address_is_refused_and_not_quoted(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError) as refused:
        Channels(webhook=address)
    monkeypatch.setenv(WEBHOOK, address)
    with pytest.raises(ConfigError, match=r"alerts\.channels\.webhook: .*https://, then a host") as failed:
        load_conf("local")
    # with --debug its cause is written as well
    for error in (refused.value, failed.value):
        assert SECRET not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize("address", ["https://hooks.slack.com/services/T0/B0/x", "http://u:p@127.0.0.1:8080", "HTTPS://[::1]/x"])
def test_the_address_of_a_webhook(address: str) -> None:
    assert Channels(webhook=address).webhook == address


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WEBHOOK", "PAGERDUTY_KEY"):
        monkeypatch.setenv(f"TELEMATICS_ALERTS__CHANNELS__{name}", "")
    channels = load_conf("local").alerts.channels
    assert (channels.webhook, channels.pagerduty_key) == (None, None)


def test_a_gateway_has_no_name_and_password_and_what_was_given_is_not_quoted() -> None:
    for address in (f"u:{SECRET}@gateway:9091", f"http://u:{SECRET}@gateway:9091"):
        with pytest.raises(ValidationError, match="prometheus_push") as refused:
            Alerting(prometheus_push=address)
        assert SECRET not in str(refused.value)


@pytest.mark.parametrize("address", UNSENT)
def test_what_keeps_a_message_from_being_sent_is_told_by_its_kind(address: str) -> None:
    (complaint,) = sent(message(), Channels.model_construct(webhook=address))
    assert complaint.exit_code == 5 and complaint.what.startswith("2 alert(s) did not reach the webhook: EnvironmentProblem: ")
    assert complaint.what.endswith(("MissingSchema", "InvalidSchema", "InvalidURL")), complaint.what


def test_an_answer_that_quotes_what_it_was_asked_is_told_without_it() -> None:
    with listening() as server:
        server.quote = f"no /services/SECRET of {server.address} for KEY-OF-PAGERDUTY"
        server.answers = [404, 400]
        complaints = sent(message(), channels_of(server))
    assert [c.what.partition(": ")[2] for c in complaints] == [
        f"Refused: HTTP 404: no {MASK} of {MASK} for KEY-OF-PAGERDUTY",
        f"Refused: HTTP 400: no {MASK} of {MASK} for {MASK}",
    ]


def channels_of(server: Listener) -> Channels:
    return Channels(webhook=server.address, pagerduty_key="KEY-OF-PAGERDUTY", pagerduty=server.address)


def test_secrets_of_alerts_are_in_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WEBHOOK, f"hooks.slack.com/{SECRET}")
    monkeypatch.setenv("TELEMATICS_ALERTS__CHANNELS__PAGERDUTY_KEY", SECRET * 2)
    assert without_secrets(f"No scheme: 'hooks.slack.com/{SECRET}', {SECRET * 2}") == f"No scheme: '{MASK}', {MASK}"
