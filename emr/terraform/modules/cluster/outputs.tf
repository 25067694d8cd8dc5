output "id" {
  description = "id of the cluster"
  value       = aws_emr_cluster.this.id
}
