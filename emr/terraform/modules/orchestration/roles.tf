# What each machine may do: look for runs, start and stop those of its own role, tell people, write its log.

locals {
  runs = "${var.application.arn}/jobruns/*"

  logs_and_keys = [
    {
      # Step Functions asks for these on everything; they name log deliveries, not logs
      Effect = "Allow"
      Action = [
        "logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery",
        "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups",
      ]
      Resource = "*"
    },
    {
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = var.key_arn
    },
    {
      Effect   = "Allow"
      Action   = "sns:Publish"
      Resource = values(var.topics)
    },
  ]

  start_runs = {
    for machine, m in local.machines : machine => [
      {
        Effect   = "Allow"
        Action   = ["emr-serverless:StartJobRun", "emr-serverless:TagResource"]
        Resource = [var.application.arn, local.runs]
      },
      {
        Effect   = "Allow"
        Action   = ["emr-serverless:GetJobRun", "emr-serverless:CancelJobRun"]
        Resource = local.runs
      },
      {
        Effect    = "Allow"
        Action    = "iam:PassRole"
        Resource  = var.role_arns[m.role]
        Condition = { StringEquals = { "iam:PassedToService" = "emr-serverless.amazonaws.com" } }
      },
      {
        # by this rule Step Functions learns that a run has ended
        Effect   = "Allow"
        Action   = ["events:PutRule", "events:PutTargets", "events:DescribeRule"]
        Resource = "arn:aws:events:${var.region}:${var.account_id}:rule/StepFunctionsGetEventsForEMRServerlessJobRule"
      },
    ]
  }

  list_runs = [{
    Effect   = "Allow"
    Action   = "emr-serverless:ListJobRuns"
    Resource = var.application.arn
  }]

  machine_statements = {
    night = concat(local.logs_and_keys, local.list_runs, local.start_runs["night"])
    train = concat(local.logs_and_keys, local.list_runs, local.start_runs["train"])
    watch = concat(local.logs_and_keys, local.list_runs)
  }
}

resource "aws_iam_role" "machine" {
  for_each = local.machine_statements

  name = "${var.name}-machine-${each.key}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "machine" {
  for_each = local.machine_statements

  name   = "what-it-needs"
  role   = aws_iam_role.machine[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = each.value })
}
