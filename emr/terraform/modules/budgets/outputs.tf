output "total" {
  description = "dollars a month of all lines together"
  value       = local.total
}
