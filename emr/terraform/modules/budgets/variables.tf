variable "name" {
  description = "prefix of the budgets"
  type        = string
}

variable "topic_arn" {
  description = "topic of alerts"
  type        = string
}

variable "limits" {
  description = "line -> dollars a month: compute, storage, emr, monitoring, transfer"
  type        = map(number)

  validation {
    condition     = toset(keys(var.limits)) == toset(["compute", "storage", "emr", "monitoring", "transfer"])
    error_message = "limits has exactly the lines compute, storage, emr, monitoring and transfer."
  }
}
