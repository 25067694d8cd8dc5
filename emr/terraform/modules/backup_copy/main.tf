# Automated backups of a database, copied to the region of this module's provider.

variable "database_arn" {
  description = "the instance whose backups are copied"
  type        = string
}

variable "days" {
  description = "days that copies are kept"
  type        = number
}

variable "key_arn" {
  description = "KMS key of the copies, in their region"
  type        = string
}

resource "aws_db_instance_automated_backups_replication" "this" {
  source_db_instance_arn = var.database_arn
  retention_period       = var.days
  kms_key_id             = var.key_arn
}
