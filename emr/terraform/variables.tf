variable "conf_address" {
  description = "configuration that scheduled runs read, as `telematics emr deploy --conf-only` prints it; null: the one in the wheel"
  type        = string
  default     = null

  validation {
    condition     = var.conf_address == null || can(regex("^s3://.+\\.yml$", var.conf_address))
    error_message = "conf_address is s3://…/name.yml, or null."
  }
}

variable "environment" {
  description = "dev, staging or production: an account each, and conf/<environment>.yml"
  type        = string

  validation {
    condition     = contains(["dev", "staging", "production"], var.environment)
    error_message = "environment is dev, staging or production."
  }
}

variable "organisation" {
  description = "first word of every bucket's name: these are unique in all of AWS"
  type        = string
  default     = "insurityai"
}

variable "region" {
  description = "region of everything but the copies"
  type        = string
  default     = "us-east-1"
}

variable "replica_region" {
  description = "region of the copies"
  type        = string
  default     = "us-west-2"

  validation {
    condition     = var.replica_region != var.region
    error_message = "A copy in the same region does not survive it."
  }
}

variable "is_protected" {
  description = "refuse to delete what holds data; false lets `terraform destroy` take everything but anchors"
  type        = bool
  default     = true
}

variable "log_days" {
  description = "days that logs can be searched"
  type        = number
  default     = 400
}

variable "release_label" {
  description = "EMR release of the application and of the cluster"
  type        = string
  default     = "emr-spark-8.1.0"
}

variable "max_vcpus" {
  description = "vCPUs of all running Serverless workers together"
  type        = number
}

variable "cluster" {
  description = "the EC2 cluster for backfills, in units of a vCPU; off it costs nothing"
  type        = object({ is_on = bool, core_units = number, max_units = number })
  default     = { is_on = false, core_units = 16, max_units = 160 }
}

variable "raw_expire_days" {
  description = "days that raw files are kept; null: for ever"
  type        = number
  default     = null
}

variable "anchor_lock" {
  description = "Object Lock of the heads of the registry's histories"
  type        = object({ mode = string, days = number })
}

variable "schedules" {
  description = "cron expressions in UTC"
  type        = object({ night = string, deadline = string, train = string })
  default = {
    # the night of day D may start when D has ended in UTC; an hour is for the last files to land
    night    = "cron(0 1 * * ? *)"
    deadline = "cron(0 6 * * ? *)"
    train    = "cron(0 9 ? * SUN *)"
  }
}

variable "schedules_on" {
  description = "which schedules start something by themselves; with `deadline`, 30 hours without its look are an alarm. Models are trained in production only"
  type        = object({ night = bool, deadline = bool, train = bool })

  validation {
    condition     = var.schedules_on.night || !var.schedules_on.deadline
    error_message = "The watch at the deadline would call somebody every day, as no night starts by itself."
  }
}

variable "budgets" {
  description = "dollars a month by line of the plan"
  type        = map(number)
}

variable "reviewer_emails" {
  description = "who is told that a candidate awaits approval"
  type        = list(string)
  default     = []
}

variable "pagerduty_endpoint" {
  description = "PagerDuty's address for CloudWatch, by TF_VAR_pagerduty_endpoint; null: nobody is called"
  type        = string
  default     = null
  sensitive   = true
}

variable "repository" {
  description = "owner/name of the repository on GitHub whose releases come here; null: none do"
  type        = string
  default     = null

  validation {
    condition     = var.repository == null || can(regex("^[\\w.-]+/[\\w.-]+$", var.repository))
    error_message = "repository is owner/name, or null."
  }
}
