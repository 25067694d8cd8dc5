# The whole account, planned and made against a provider that answers in AWS's forms. Run once per environment:
#   terraform test -var-file=envs/production.tfvars

mock_provider "aws" {
  source = "./tests/mocks"
}
mock_provider "aws" {
  alias  = "replica"
  source = "./tests/mocks"
}

variables {
  repository         = "owner/telematics"
  oidc_client_secret = "not-a-secret"
  pagerduty_endpoint = "https://events.pagerduty.com/integration/0000/enqueue"
}

run "plan" {
  command = plan

  # outputs hold conf/<environment>.yml to what is made; here is what they say
  assert {
    condition     = output.lake == "s3://insurityai-telematics-${var.environment}/lake"
    error_message = "lake: ${output.lake}"
  }
  assert {
    condition     = output.lock_table == "insurityai-telematics-${var.environment}-delta-log"
    error_message = "lock_table: ${output.lock_table}"
  }
  assert {
    condition     = output.anchor == "s3://insurityai-telematics-${var.environment}-anchor/registry"
    error_message = "anchor: ${output.anchor}"
  }
  assert {
    condition     = output.log_uri == "s3://insurityai-telematics-${var.environment}-logs/emr/"
    error_message = "log_uri: ${output.log_uri}"
  }
  assert {
    condition     = output.cluster_id == null
    error_message = "A cluster would be made that nobody asked for."
  }
}

run "apply" {
  command = apply

  assert {
    condition     = can(regex("^[0-9a-z]{1,64}$", output.application_id))
    error_message = "application_id is not one that conf takes: ${output.application_id}"
  }
  assert {
    condition     = keys(output.role_arns) == ["maintain", "night", "replay", "train"]
    error_message = "role_arns: ${jsonencode(output.role_arns)}"
  }
  assert {
    condition     = output.tracking_uri == "https://mlflow.${var.domain}:5000"
    error_message = "tracking_uri: ${output.tracking_uri}"
  }
}
