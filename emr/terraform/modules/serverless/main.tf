# The application that runs nights. It costs nothing while nothing runs: no workers are kept warm, as one start a night does
# not pay for them.

resource "aws_emrserverless_application" "this" {
  name          = var.name
  release_label = var.release_label
  # releases 8 and later know only this word; the provider's own examples say "spark"
  type         = "SPARK"
  architecture = "ARM64"

  # a run that asks for more than this waits: the ceiling of one night's cost, whatever its settings say
  maximum_capacity {
    cpu    = "${var.max_vcpus} vCPU"
    memory = "${var.max_vcpus * var.memory_per_vcpu_gb} GB"
    disk   = "${var.max_vcpus * 20} GB"
  }

  network_configuration {
    subnet_ids         = var.subnet_ids
    security_group_ids = var.security_group_ids
  }

  auto_start_configuration {
    enabled = true
  }
  auto_stop_configuration {
    enabled              = true
    idle_timeout_minutes = 5
  }

  # nobody works interactively beside the night
  interactive_configuration {
    livy_endpoint_enabled = false
    studio_enabled        = false
  }
}
