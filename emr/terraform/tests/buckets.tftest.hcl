# What every bucket is, and what becomes of objects by age. Runs with any environment's variables.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name       = "acme-telematics-test"
  account_id = "123456789012"
  region     = "us-east-1"
  key_arns = {
    data   = "arn:aws:kms:us-east-1:123456789012:key/data"
    models = "arn:aws:kms:us-east-1:123456789012:key/models"
    audit  = "arn:aws:kms:us-east-1:123456789012:key/audit"
  }
  replica_arns    = { lake = "arn:aws:s3:::lake-replica", models = "arn:aws:s3:::models-replica" }
  replica_key_arn = "arn:aws:kms:us-west-2:123456789012:key/replica"
  anchor_lock     = { mode = "COMPLIANCE", days = 2555 }
  force_destroy   = false
  raw_expire_days = 730
}

run "a_lake_has_no_rule_for_current_objects" {
  command = plan
  module {
    source = "./modules/bucket"
  }
  variables {
    name    = "acme-telematics-test"
    key_arn = "arn:aws:kms:us-east-1:123456789012:key/data"
  }

  assert {
    condition     = length(aws_s3_bucket_lifecycle_configuration.this.rule) == 1
    error_message = "A bucket without rules of its own has the one for what is no longer current."
  }
  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_lifecycle_configuration.this.rule : length(rule.expiration) + length(rule.transition) == 0
    ])
    error_message = "A current object would move or go."
  }
  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "Not versioned."
  }
  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.this.rule).bucket_key_enabled
    error_message = "No bucket key: each object would be a call to KMS."
  }
  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms"
    error_message = "Not encrypted by KMS."
  }
}

run "a_policy_refuses_plain_http_and_other_keys" {
  command = apply
  module {
    source = "./modules/bucket"
  }
  variables {
    name    = "acme-telematics-test"
    key_arn = "arn:aws:kms:us-east-1:123456789012:key/data"
  }

  assert {
    condition = toset([
      for s in jsondecode(aws_s3_bucket_policy.this.policy).Statement : s.Sid if s.Effect == "Deny" && s.Principal == "*"
    ]) == toset(["RefusePlainHttp", "RefuseOldTls", "RefuseOtherEncryption", "RefuseKeysOfCustomers", "RefuseOtherKeys"])
    error_message = "Refusals of a bucket: ${aws_s3_bucket_policy.this.policy}"
  }
  assert {
    condition     = aws_s3_bucket_public_access_block.this.restrict_public_buckets && aws_s3_bucket_public_access_block.this.block_public_policy
    error_message = "A bucket could be made public."
  }
}

run "raw_files_get_cheaper_and_go_by_retention" {
  command = plan
  module {
    source = "./modules/storage"
  }

  assert {
    condition     = output.rules["lake"] == []
    error_message = "A lifecycle on live Delta tables breaks them: ${jsonencode(output.rules["lake"])}"
  }
  assert {
    condition     = [for t in output.rules["landing"][0].tiers : "${t.days} ${t.class}"] == ["30 STANDARD_IA", "90 GLACIER_IR"]
    error_message = "Raw files: 30 days Standard, then infrequent access, then Glacier instant."
  }
  assert {
    condition     = output.rules["landing"][0].expire_days == 730
    error_message = "Raw files do not go by retention."
  }
  # lake, landing, artifacts, logs, anchor have the names of conf/<environment>.yml
  assert {
    condition     = output.buckets["lake"] == "acme-telematics-test" && output.buckets["anchor"] == "acme-telematics-test-anchor"
    error_message = "Names: ${jsonencode(output.buckets)}"
  }
}

run "raw_files_outlive_what_is_quarantined_of_them" {
  command = plan
  module {
    source = "./modules/storage"
  }
  variables {
    raw_expire_days = 90
  }
  expect_failures = [var.raw_expire_days]
}

run "replicas_get_models_gold_and_histories" {
  command = plan
  module {
    source = "./modules/storage"
  }

  # everything S3 may read in order to copy it: models as a whole, of the lake gold, the histories and its format
  assert {
    condition = {
      for what, policy in aws_iam_role_policy.replication : what => flatten([
        for s in jsondecode(policy.policy).Statement : s.Resource if contains(flatten([s.Action]), "s3:GetObjectVersionForReplication")
      ])
      } == {
      lake = [
        "arn:aws:s3:::acme-telematics-test/lake/gold/*", "arn:aws:s3:::acme-telematics-test/lake/_registry/*",
        "arn:aws:s3:::acme-telematics-test/lake/_format.json*",
      ]
      models = ["arn:aws:s3:::acme-telematics-test-models/*"]
    }
    error_message = "Replicated: ${jsonencode(keys(aws_iam_role.replication))}"
  }
}

run "a_lock_is_by_default_on_every_version" {
  command = plan
  module {
    source = "./modules/bucket"
  }
  variables {
    name        = "acme-telematics-test-anchor"
    key_arn     = "arn:aws:kms:us-east-1:123456789012:key/models"
    object_lock = { mode = "COMPLIANCE", days = 2555 }
  }

  assert {
    condition     = aws_s3_bucket.this.object_lock_enabled
    error_message = "Object Lock is off."
  }
  assert {
    condition     = one(one(aws_s3_bucket_object_lock_configuration.this[0].rule).default_retention).mode == "COMPLIANCE"
    error_message = "A head could be deleted by whoever may bypass governance."
  }
}
