output "workgroup" {
  description = "Athena workgroup"
  value       = aws_athena_workgroup.this.name
}

output "databases" {
  description = "layer -> Glue database"
  value       = { for layer, db in aws_glue_catalog_database.layer : layer => db.name }
}
