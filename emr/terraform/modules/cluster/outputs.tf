output "id" {
  description = "id of the cluster"
  value       = aws_emr_cluster.this.id
}

output "node_role_arn" {
  description = "role of the nodes, which takes a start's role for a step"
  value       = aws_iam_role.node.arn
}
