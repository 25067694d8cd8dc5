output "target_group_arns" {
  description = "service -> its target group, once a listener uses it: before that ECS refuses it"
  value       = { for service, group in aws_lb_target_group.this : service => group.arn }
  depends_on  = [aws_lb_listener_rule.people, aws_lb_listener.jobs]
}

output "suffixes" {
  description = "what metrics are named by"
  value = {
    suffix  = aws_lb.this.arn_suffix
    targets = { for service, group in aws_lb_target_group.this : service => group.arn_suffix }
  }
}

output "hosts" {
  description = "service -> its host name"
  value       = local.hosts
}

output "tracking_uri" {
  description = "MLflow as jobs reach it"
  value       = "https://${local.hosts["mlflow"]}:${aws_lb_listener.jobs.port}"
}
