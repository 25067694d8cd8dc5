# MLflow and the pages on Fargate, two tasks each in two zones at least, more when they are busy.

resource "aws_ecs_cluster" "this" {
  name = var.name
  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = local.fronts

  name              = "/telematics/${var.name}/${each.key}"
  retention_in_days = var.log_days
  kms_key_id        = var.key_arns["audit"]
}

resource "aws_ecs_task_definition" "this" {
  for_each = local.containers

  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = local.sizes[each.key].cpu
  memory                   = local.sizes[each.key].memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task[each.key].arn
  container_definitions    = jsonencode(each.value)

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "ARM64"
  }
  dynamic "volume" {
    for_each = toset(flatten([for c in each.value : [for m in c.mountPoints : m.sourceVolume]]))
    content {
      name = volume.key
    }
  }
}

resource "aws_ecs_service" "this" {
  for_each = local.fronts

  name                          = each.key
  cluster                       = aws_ecs_cluster.this.id
  task_definition               = aws_ecs_task_definition.this[each.key].arn
  launch_type                   = "FARGATE"
  platform_version              = "LATEST"
  desired_count                 = var.tasks.min
  availability_zone_rebalancing = "ENABLED"
  enable_execute_command        = false
  propagate_tags                = "SERVICE"

  health_check_grace_period_seconds = 120
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [var.security_group_id]
    assign_public_ip = false
  }
  load_balancer {
    target_group_arn = var.target_group_arns[each.key]
    container_name   = each.value.container
    container_port   = each.value.port
  }

  lifecycle {
    # autoscaling moves it
    ignore_changes = [desired_count]
  }
}

resource "aws_appautoscaling_target" "this" {
  for_each = local.fronts

  service_namespace  = "ecs"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.this[each.key].name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = var.tasks.min
  max_capacity       = var.tasks.max
}

resource "aws_appautoscaling_policy" "this" {
  for_each = local.fronts

  name               = "${var.name}-${each.key}"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this[each.key].service_namespace
  resource_id        = aws_appautoscaling_target.this[each.key].resource_id
  scalable_dimension = aws_appautoscaling_target.this[each.key].scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value = 60
    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
