# Who may release, and what a release may do.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name              = "telematics-test"
  environment       = "staging"
  repository        = "owner/telematics"
  account_id        = "123456789012"
  region            = "us-east-1"
  bucket_arns       = { artifacts = "arn:aws:s3:::artifacts", logs = "arn:aws:s3:::logs", lake = "arn:aws:s3:::lake" }
  key_arns          = { data = "arn:aws:kms:us-east-1:123456789012:key/data", audit = "arn:aws:kms:us-east-1:123456789012:key/audit" }
  application_arn   = "arn:aws:emr-serverless:us-east-1:123456789012:/applications/00app"
  night_role_arn    = "arn:aws:iam::123456789012:role/telematics-test-night"
  machine_arns      = ["arn:aws:states:us-east-1:123456789012:stateMachine:telematics-test-night"]
  machine_role_arns = ["arn:aws:iam::123456789012:role/telematics-test-machine-night"]
  state             = { bucket = "org-telematics-test-state", key = "telematics/staging.tfstate" }
}

run "roles" {
  command = apply
  module {
    source = "./modules/pipeline"
  }

  assert {
    condition = { for what, r in aws_iam_role.pipeline : what => jsondecode(r.assume_role_policy).Statement[0].Condition } == {
      for what, environment in { release = "staging", images = "images" } : what => {
        StringEquals = {
          "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
          "token.actions.githubusercontent.com:sub" = "repo:owner/telematics:environment:${environment}"
        }
      }
    }
    error_message = "Another repository, branch or environment could take a role."
  }
  assert {
    condition = alltrue(flatten([
      for policy in aws_iam_role_policy.pipeline : [
        for s in jsondecode(policy.policy).Statement : [for a in flatten([s.Action]) : !strcontains(a, "*")]
      ]
    ]))
    error_message = "An action with a wildcard."
  }
  assert {
    condition = toset(flatten([
      for policy in aws_iam_role_policy.pipeline : [
        for s in jsondecode(policy.policy).Statement : s.Action if contains(flatten([s.Resource]), "*")
      ]
    ])) == toset(["states:ValidateStateMachineDefinition", "ecr:GetAuthorizationToken"])
    error_message = "An allowance on everything, but for the two that name nothing."
  }
  # a release makes no rights: neither roles nor policies, and hands on those that are there to one service each
  assert {
    condition = toset(flatten([
      for s in jsondecode(aws_iam_role_policy.pipeline["release"].policy).Statement : [
        for a in flatten([s.Action]) : "${a} ${s.Condition.StringEquals["iam:PassedToService"]}" if startswith(a, "iam:")
      ]
    ])) == toset(["iam:PassRole emr-serverless.amazonaws.com", "iam:PassRole states.amazonaws.com"])
    error_message = "A release could give itself rights."
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.pipeline["release"].policy, "s3:::lake")
    error_message = "A release reads the lake by runs on EMR, never by itself."
  }
  # but for the lock of the state
  assert {
    condition = flatten([
      for s in jsondecode(aws_iam_role_policy.pipeline["release"].policy).Statement : s.Resource if contains(flatten([s.Action]), "s3:DeleteObject")
    ]) == ["arn:aws:s3:::org-telematics-test-state/telematics/staging.tfstate.tflock"]
    error_message = "A release could delete more than its lock."
  }
  assert {
    condition     = length(jsondecode(aws_iam_role_policy.pipeline["images"].policy).Statement) == 2
    error_message = "A job that pushes images may do more than that."
  }
}
