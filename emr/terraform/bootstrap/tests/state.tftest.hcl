# The state's bucket: versioned, encrypted, copied, and a lock beside it.

mock_provider "aws" {
  source = "../tests/mocks"
}
mock_provider "aws" {
  alias  = "replica"
  source = "../tests/mocks"
}

variables {
  environment = "staging"
}

run "state" {
  assert {
    condition     = strcontains(output.backend, "bucket       = \"insurityai-telematics-staging-state\"")
    error_message = "The backend names another bucket than the one made: ${output.backend}"
  }
  assert {
    condition     = strcontains(output.backend, "use_lockfile = true")
    error_message = "Two who apply at once must not both write."
  }
  assert {
    condition = alltrue([
      for s in jsondecode(aws_iam_role_policy.replication.policy).Statement :
      alltrue([for action in flatten([s.Action]) : !strcontains(action, "*")])
    ])
    error_message = "Replication has an action with a wildcard."
  }
}
