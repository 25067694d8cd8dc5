# One role per application start: a job run on EMR Serverless has one role for all that it does. What a start may read and
# write is a list of prefixes below, and a test holds the lists to what they must not contain.

locals {
  operational = ["_format.json", "_leases/*", "_staging/*", "_reports/*", "_logs/*"]

  # which commands are started with the role; what is read and written below the lake's root; what else
  starts = {
    # telematics nightly: every job, maintenance of what is old among them
    night = {
      reads   = ["*"]
      writes  = concat(local.operational, ["bronze/*", "reference/*", "silver/*", "gold/*", "frames/*"])
      creates = []
      landing = true
      tells   = true
      anchor  = ["s3:GetObject"]
    }
    # telematics train: never sees a position, decides nothing. Frames are all it writes, beside an entry in the history
    train = {
      reads = concat(local.operational, [
        "_registry/*", "reference/*", "silver/*", "gold/*", "frames/*",
        # every command looks at the logs of all tables before it believes any
        "bronze/*/_delta_log/*",
      ])
      writes  = ["_staging/*", "_reports/*", "_logs/*", "frames/*"]
      creates = ["_registry/*"]
      landing = false
      tells   = false
      anchor  = ["s3:GetObject", "s3:PutObject"]
    }
    # telematics maintain: compaction, VACUUM, upgrades of the format
    maintain = {
      reads   = concat(local.operational, ["_registry/*", "bronze/*", "reference/*", "silver/*", "gold/*", "frames/*"])
      writes  = concat(local.operational, ["bronze/*", "reference/*", "silver/*", "gold/*", "frames/*"])
      creates = []
      landing = false
      tells   = false
      anchor  = []
    }
    # telematics quarantine replay: reads raw files again and brings records back to the tables they belong to
    replay = {
      reads = concat(local.operational, [
        "bronze/*", "reference/*", "gold/policy_days/*", "gold/nights/*", "silver/*/_delta_log/*", "gold/*/_delta_log/*",
      ])
      writes  = concat(local.operational, ["bronze/*", "reference/*", "gold/policy_days/*"])
      creates = []
      landing = true
      tells   = false
      anchor  = []
    }
  }

  lake    = "${var.bucket_arns["lake"]}/${var.lake_prefix}"
  context = "arn:aws:emr-serverless:${var.region}:${var.account_id}:/applications/*"
}

resource "aws_iam_role" "start" {
  for_each = local.starts

  name                 = "${var.name}-${each.key}"
  description          = "what a ${each.key} run may do"
  max_session_duration = 12 * 3600

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Effect    = "Allow"
        Principal = { Service = "emr-serverless.amazonaws.com" }
        Action    = "sts:AssumeRole"
        Condition = {
          StringEquals = { "aws:SourceAccount" = var.account_id }
          ArnLike      = { "aws:SourceArn" = local.context }
        }
      }],
      # a step on EC2 runs under the same role as the same start on Serverless
      [for arn in var.cluster_role_arn[*] : {
        Effect    = "Allow"
        Principal = { AWS = arn }
        Action    = ["sts:AssumeRole", "sts:TagSession"]
      }],
    )
  })
}

resource "aws_iam_role_policy" "start" {
  for_each = local.starts

  name   = "what-it-needs"
  role   = aws_iam_role.start[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements[each.key] })
}
