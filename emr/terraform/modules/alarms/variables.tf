variable "name" {
  description = "prefix of the alarms"
  type        = string
}

variable "topic_arn" {
  description = "topic of alerts"
  type        = string
}

variable "application_id" {
  description = "EMR Serverless application"
  type        = string
}

variable "machines" {
  description = "what -> ARN of its state machine: night, train, watch"
  type        = map(string)
}

variable "undelivered_queue" {
  description = "queue of starts that did not come about"
  type        = string
}

variable "delta_log_table" {
  description = "table that Delta commits through"
  type        = string
}

variable "database_id" {
  description = "MLflow's PostgreSQL"
  type        = string
}

variable "balancer" {
  description = "ARN suffixes of the load balancer and of its target groups by name"
  type        = object({ suffix = string, targets = map(string) })
}

variable "longest_hours" {
  description = "hours that workers may be busy without a pause until somebody looks"
  type        = number
  default     = 8
}

variable "are_nights_watched" {
  description = "whether a day on which nobody looked for a night is an alarm"
  type        = bool
}
