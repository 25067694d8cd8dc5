variable "name" {
  description = "prefix of the roles, as conf/<environment>.yml names them"
  type        = string
}

variable "account_id" {
  description = "account of the roles"
  type        = string
}

variable "region" {
  description = "region of the application"
  type        = string
}

variable "bucket_arns" {
  description = "what -> ARN of its bucket: lake, landing, artifacts, logs, anchor"
  type        = map(string)
}

variable "lake_prefix" {
  description = "key prefix of the lake's root, with its slash"
  type        = string
}

variable "log_prefix" {
  description = "key prefix of EMR's logs, with its slash"
  type        = string
  default     = "emr/"
}

variable "key_arns" {
  description = "kind of data -> KMS key: data, models, audit"
  type        = map(string)
}

variable "delta_log_table_arn" {
  description = "table that Delta commits through"
  type        = string
}

variable "alerts_topic_arn" {
  description = "SNS topic that a night tells its alerts"
  type        = string
}

variable "cluster_role_arn" {
  description = "instance profile's role of the EC2 cluster, which takes a job's role for a step; null: no cluster"
  type        = string
  default     = null
}
