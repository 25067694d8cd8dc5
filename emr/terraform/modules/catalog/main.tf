# What Athena reads. Tables and views come by `telematics tables --ddl athena`; here are the databases they go into and the
# workgroup that says who pays and where results lie.

resource "aws_glue_catalog_database" "layer" {
  for_each = var.layers

  name         = "${replace(var.name, "-", "_")}_${each.key}"
  description  = each.value
  location_uri = "s3://${var.lake_bucket}/${var.lake_prefix}${each.key}"
}

resource "aws_glue_data_catalog_encryption_settings" "this" {
  data_catalog_encryption_settings {
    encryption_at_rest {
      catalog_encryption_mode = "SSE-KMS"
      sse_aws_kms_key_id      = var.key_arn
    }
    connection_password_encryption {
      return_connection_password_encrypted = true
      aws_kms_key_id                       = var.key_arn
    }
  }
}

resource "aws_athena_workgroup" "this" {
  name          = var.name
  description   = "actuaries' queries on gold"
  force_destroy = var.force_destroy

  configuration {
    # what a client asks for instead, another bucket or no encryption, is not heard
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    # a query without a partition filter stops here, at half a dollar, and not at the end of the lake
    bytes_scanned_cutoff_per_query = var.scan_limit_gb * pow(1024, 3)

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }
    result_configuration {
      output_location       = "s3://${var.result_bucket}/results/"
      expected_bucket_owner = var.account_id
      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = var.key_arn
      }
    }
  }
}
