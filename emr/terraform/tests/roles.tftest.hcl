# What a start may and may not do, read off the policies themselves.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name       = "telematics-test"
  account_id = "123456789012"
  region     = "us-east-1"
  bucket_arns = {
    lake      = "arn:aws:s3:::lake"
    landing   = "arn:aws:s3:::landing"
    artifacts = "arn:aws:s3:::artifacts"
    logs      = "arn:aws:s3:::logs"
    anchor    = "arn:aws:s3:::anchor"
  }
  lake_prefix         = "lake/"
  key_arns            = { data = "arn:aws:kms:k:1:key/data", models = "arn:aws:kms:k:1:key/models", audit = "arn:aws:kms:k:1:key/audit" }
  delta_log_table_arn = "arn:aws:dynamodb:us-east-1:123456789012:table/delta-log"
  alerts_topic_arn    = "arn:aws:sns:us-east-1:123456789012:alerts"
}

run "roles" {
  command = plan
  module {
    source = "./modules/roles"
  }

  assert {
    condition     = keys(aws_iam_role.start) == ["maintain", "night", "replay", "train"]
    error_message = "One role per application start."
  }
  assert {
    condition     = aws_iam_role.start["night"].name == "telematics-test-night"
    error_message = "conf/<environment>.yml names the night's role otherwise."
  }
  assert {
    condition = alltrue(flatten([
      for policy in aws_iam_role_policy.start : [
        for s in jsondecode(policy.policy).Statement : [for a in flatten([s.Action]) : !strcontains(a, "*")]
      ]
    ]))
    error_message = "An action with a wildcard."
  }
  assert {
    condition = alltrue(flatten([
      for policy in aws_iam_role_policy.start : [for s in jsondecode(policy.policy).Statement : [for r in flatten([s.Resource]) : r != "*"]]
    ]))
    error_message = "An allowance on everything."
  }
  assert {
    condition = [
      for start, policy in aws_iam_role_policy.start : start if strcontains(policy.policy, "sns:Publish")
    ] == ["night"]
    error_message = "A night tells its alerts, and nothing else does."
  }
  # the log store would make a missing table by itself, without encryption
  assert {
    condition     = alltrue([for policy in aws_iam_role_policy.start : !strcontains(policy.policy, "dynamodb:CreateTable")])
    error_message = "A run could make the lock table."
  }
  assert {
    condition = alltrue(flatten([
      for policy in aws_iam_role_policy.start : [
        for s in jsondecode(policy.policy).Statement : [for r in flatten([s.Resource]) : !strcontains(r, "_registry")]
        if contains(flatten([s.Action]), "s3:DeleteObject")
      ]
    ]))
    error_message = "A run could delete from the registry's histories."
  }
  assert {
    condition = [
      for start, policy in aws_iam_role_policy.start : start
      if anytrue([for s in jsondecode(policy.policy).Statement : s.Sid == "AddToHistory"])
    ] == ["train"]
    error_message = "Only training adds to a history: people decide the rest."
  }
  # silver, gold and frames hold no position; bronze does, and of it training sees the logs alone
  assert {
    condition = alltrue([
      for s in jsondecode(aws_iam_role_policy.start["train"].policy).Statement : alltrue([
        for r in flatten([s.Resource]) : !strcontains(r, "lake/bronze") || endswith(r, "_delta_log/*")
      ])
    ])
    error_message = "Training could read positions."
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.start["train"].policy, "s3:::landing") && !strcontains(aws_iam_role_policy.start["maintain"].policy, "s3:::landing")
    error_message = "Only night and replay read raw files."
  }
  assert {
    condition = alltrue([
      for role in aws_iam_role.start :
      jsondecode(role.assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "123456789012"
    ])
    error_message = "EMR of another account could take a role."
  }
  assert {
    condition     = alltrue([for role in aws_iam_role.start : length(jsondecode(role.assume_role_policy).Statement) == 1])
    error_message = "Without a cluster only EMR Serverless takes these roles."
  }
}
