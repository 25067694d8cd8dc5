# One role that starts tasks, and one per service for what its tasks do.

locals {
  assumed_by_tasks = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.account_id }
        ArnLike      = { "aws:SourceArn" = "arn:aws:ecs:${var.region}:${var.account_id}:*" }
      }
    }]
  })

  models = "arn:aws:s3:::${var.models_bucket}"
  lake   = "arn:aws:s3:::${var.lake_bucket}"

  task_statements = {
    # artefacts are added and read, never deleted: a version's evidence outlives its run
    mlflow = [
      { Effect = "Allow", Action = ["s3:ListBucket"], Resource = [local.models] },
      { Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"], Resource = ["${local.models}/mlflow/*"] },
      { Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = [var.key_arns["models"]] },
    ]
    pages = [
      {
        Effect    = "Allow", Action = ["s3:ListBucket"], Resource = [local.lake]
        Condition = { StringLike = { "s3:prefix" = ["${var.reports_prefix}*"] } }
      },
      { Effect = "Allow", Action = ["s3:GetObject"], Resource = ["${local.lake}/${var.reports_prefix}*"] },
      { Effect = "Allow", Action = ["kms:Decrypt"], Resource = [var.key_arns["data"]] },
    ]
  }
}

resource "aws_iam_role" "task" {
  for_each = local.task_statements

  name               = "${var.name}-${each.key}"
  assume_role_policy = local.assumed_by_tasks
}

resource "aws_iam_role_policy" "task" {
  for_each = local.task_statements

  name   = "what-it-needs"
  role   = aws_iam_role.task[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = each.value })
}

resource "aws_iam_role" "execution" {
  name               = "${var.name}-start-tasks"
  assume_role_policy = local.assumed_by_tasks
}

resource "aws_iam_role_policy" "execution" {
  name = "what-it-needs"
  role = aws_iam_role.execution.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # a token names no repository, so AWS allows no other resource here
      { Effect = "Allow", Action = "ecr:GetAuthorizationToken", Resource = "*" },
      {
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = [for repo in aws_ecr_repository.this : repo.arn]
      },
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = [for group in aws_cloudwatch_log_group.this : "${group.arn}:*"]
      },
      { Effect = "Allow", Action = "secretsmanager:GetSecretValue", Resource = var.database.secret_arn },
      { Effect = "Allow", Action = "kms:Decrypt", Resource = var.key_arns["models"] },
    ]
  })
}
