variable "name" {
  description = "prefix of the state machines"
  type        = string
}

variable "account_id" {
  description = "account of the state machines"
  type        = string
}

variable "region" {
  description = "region of the state machines"
  type        = string
}

variable "application" {
  description = "the EMR Serverless application"
  type        = object({ id = string, arn = string })
}

variable "role_arns" {
  description = "start -> role that its runs have: night, train"
  type        = map(string)
}

variable "submission" {
  description = "what every request says, from conf/<environment>.yml"
  type = object({
    conf_name               = string
    entry_point             = string
    log_uri                 = string
    timeout_minutes         = number
    spark_submit_parameters = map(string)
  })
}

variable "schedules" {
  description = "cron expressions in UTC of the night, of the moment by which it is to be done, and of the training"
  type        = object({ night = string, deadline = string, train = string })
}

variable "schedules_on" {
  description = "which schedules start something by themselves"
  type        = object({ night = bool, deadline = bool, train = bool })
}

variable "topics" {
  description = "whom to tell -> SNS topic: alerts, reviewers"
  type        = map(string)
}

variable "key_arn" {
  description = "KMS key of the machines, their logs and the topics"
  type        = string
}

variable "log_days" {
  description = "days that execution logs are kept"
  type        = number
}
