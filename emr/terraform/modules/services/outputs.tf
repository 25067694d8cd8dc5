output "repositories" {
  description = "image -> where it is pushed to"
  value       = local.repository
}
