variable "name" {
  description = "prefix of the topics"
  type        = string
}

variable "account_id" {
  description = "account whose services may publish"
  type        = string
}

variable "key_arn" {
  description = "KMS key of the topics"
  type        = string
}

variable "has_pagerduty" {
  description = "whether pagerduty_endpoint is given"
  type        = bool
}

variable "pagerduty_endpoint" {
  description = "PagerDuty's address for CloudWatch and SNS"
  type        = string
  sensitive   = true
}

variable "reviewer_emails" {
  description = "who is told that a candidate awaits approval"
  type        = list(string)
}
