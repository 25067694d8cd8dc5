# What .github/workflows/release.yml is in this account: GitHub says who asks, and no key of AWS is kept anywhere. A role is for
# jobs of one environment of one repository, for only there do reviewers and tags decide (docs/release.md).

locals {
  issuer = "token.actions.githubusercontent.com"
  # what -> the environment of GitHub whose jobs take the role
  roles = { release = var.environment, images = "images" }
}

resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "pipeline" {
  for_each = local.roles

  name        = "${var.name}-pipeline-${each.key}"
  description = "jobs of the environment ${each.value} of ${var.repository}"
  # a job of the workflow takes six hours at most
  max_session_duration = 6 * 3600

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = aws_iam_openid_connect_provider.github.arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "${local.issuer}:aud" = "sts.amazonaws.com"
          "${local.issuer}:sub" = "repo:${var.repository}:environment:${each.value}"
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "pipeline" {
  for_each = local.roles

  name   = "what-it-needs"
  role   = aws_iam_role.pipeline[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements[each.key] })
}

# the job's own image, for whoever runs one instead of the archive
resource "aws_ecr_repository" "job" {
  name                 = "${var.name}/job"
  image_tag_mutability = "IMMUTABLE"

  image_scanning_configuration {
    scan_on_push = true
  }
  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = var.key_arns["data"]
  }
}
