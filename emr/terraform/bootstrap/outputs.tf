output "backend" {
  description = "what `terraform init` of the account needs, as a file for -backend-config"
  value       = <<-EOT
    bucket       = "${module.state.name}"
    key          = "telematics/${var.environment}.tfstate"
    region       = "${var.region}"
    kms_key_id   = "${module.key.arns["state"]}"
    encrypt      = true
    use_lockfile = true
  EOT
}
