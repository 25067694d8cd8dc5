variable "name" {
  description = "name of the trail"
  type        = string
}

variable "trail_bucket" {
  description = "bucket of the trail's files"
  type        = string
}

variable "key_arn" {
  description = "KMS key of the trail"
  type        = string
}

variable "topic_arn" {
  description = "topic of alerts"
  type        = string
}

variable "data_arns" {
  description = "what -> ARN of its bucket: lake, landing, models, anchor"
  type        = map(string)
}

variable "lake_prefix" {
  description = "key prefix of the lake's root, with its slash"
  type        = string
}

variable "log_days" {
  description = "days that events can be searched in CloudWatch; the bucket keeps them longer"
  type        = number
}
