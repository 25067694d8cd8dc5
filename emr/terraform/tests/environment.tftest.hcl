# The whole account, planned and made against a provider that answers as AWS would. Run once per environment:
#   terraform test -var-file=envs/production.tfvars

mock_provider "aws" {
  source = "./tests/mocks"
}
mock_provider "aws" {
  alias  = "replica"
  source = "./tests/mocks"
}

variables {
  oidc_client_secret = "not-a-secret"
  pagerduty_endpoint = "https://events.pagerduty.com/integration/0000/enqueue"
}

run "plan" {
  command = plan
}

run "apply" {
  command = apply
}
