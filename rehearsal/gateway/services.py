"""The roll-out of ECS services: their deployments and the health of their targets."""

import time

import durations
import markup
from resources import Resources

# The faults of a service whose tasks do not become healthy.
UNHEALTHY = ("never-healthy", "tasks-die")


class Services(Resources):
    def service_of(self, target_group_arn):
        for service in self.backend("ecs").services.values():
            groups = [balancer.get("targetGroupArn") for balancer in service.load_balancers or []]
            if target_group_arn in groups and service.status == "ACTIVE":
                return service
        return None

    def sick(self, service):
        """Whether the tasks of a service without an earlier revision do not become healthy."""
        return service.arn not in self.rolled_back and self.fault_of(service.task_definition) in UNHEALTHY

    def fault_of(self, revision):
        """The fault of a task definition's revision. Another revision, such as one with another image, does not have it."""
        if self.faults.condition("ecs:service", ("healthy",)):
            self.broken.pop(("revision", revision), None)
        broken = self.broken.get(("revision", revision))
        return broken and broken["value"]

    def deploy(self, revision, among):
        """A revision that is deployed while a fault is ordered has that fault until another one is deployed."""
        order = self.faults.armed("ecs:service", among)
        if order:
            self.broken[("revision", revision)] = order

    def rolled_out(self, service):
        return self.age("service", service.arn) >= durations.SERVICE_ROLLOUT

    def application_is_healthy(self):
        services = self.backend("ecs").services.values()
        return any(service.status == "ACTIVE" and self.rolled_out(service) and not self.sick(service) for service in services)

    def elbv2_DescribeTargetHealth(self, call, *answer):
        service = self.service_of(call.parameters.get("TargetGroupArn"))

        def edit(root):
            for list_ in [e for e in root.iter() if markup.local(e) == "TargetHealthDescriptions"]:
                for item in list(list_):
                    list_.remove(item)
                for number in range(service.desired_count if service else 0):
                    healthy = self.rolled_out(service) and not self.sick(service)
                    self.add_target(list_, number, healthy)

        return self.edit_xml(*answer, edit)

    def add_target(self, list_, number, healthy):
        member = markup.add(list_, "member")
        target = markup.add(member, "Target")
        markup.add(target, "Id", f"10.100.10.{number + 5}")
        markup.add(target, "Port", "8080")
        markup.add(member, "HealthCheckPort", "8080")
        health = markup.add(member, "TargetHealth")
        markup.add(health, "State", "healthy" if healthy else "initial")
        if not healthy:
            markup.add(health, "Reason", "Elb.RegistrationInProgress")
            markup.add(health, "Description", "Target registration is in progress")

    def services(self, call, *answer):
        def edit(answer):
            listed = answer.get("services") or [answer["service"]] if answer.get("services") or "service" in answer else []
            for service in listed:
                self.edit_service(service)

        return self.edit_json(*answer, edit)

    def edit_service(self, service):
        arn, desired = service["serviceArn"], service.get("desiredCount", 0)
        name = service.get("serviceName")
        if service.get("status") == "INACTIVE":
            if self.age("drained", arn) < durations.SERVICE_DRAINING:
                service["status"] = "DRAINING"
            return
        for deployment in service.get("deployments", [])[:1]:
            # moto keeps the revision with which the service was created.
            deployment["taskDefinition"] = service.get("taskDefinition")
        if self.fails(service):
            return
        done = self.age("service", arn) >= durations.SERVICE_ROLLOUT or desired == 0
        service["runningCount"], service["pendingCount"] = (desired, 0) if done else (0, desired)
        service["events"] = [{"id": "rehearsal-1", "createdAt": self.born[("service", arn)],
                              "message": f"(service {name}) has started {desired} tasks."}]
        if done:
            service["events"].insert(0, {"id": "rehearsal-2", "createdAt": time.time(),
                                         "message": f"(service {name}) has reached a steady state."})
        for deployment in service.get("deployments", [])[:1]:
            deployment["rolloutState"] = "COMPLETED" if done else "IN_PROGRESS"
            deployment["runningCount"], deployment["pendingCount"] = service["runningCount"], service["pendingCount"]
            deployment["failedTasks"] = 0
        if done:
            service["deployments"] = service.get("deployments", [])[:1]

    def fails(self, service):
        """Makes the roll-out of a service fail, if that fault is ordered."""
        arn, age = service["serviceArn"], self.age("service", service["serviceArn"])
        reason = "ECS deployment circuit breaker: tasks failed to start."
        primary = (service.get("deployments") or [{}])[0]
        if arn in self.rolled_back:
            going = age < durations.ROLLBACK
            if not going:
                service["taskDefinition"] = primary["taskDefinition"] = self.rolled_back[arn]
            self.show(service, "IN_PROGRESS" if going else "COMPLETED", "tasks failed to start" if going else "rolled back", 1)
            return True
        condition = self.fault_of(service.get("taskDefinition"))
        if condition == "never-healthy":
            self.show(service, "IN_PROGRESS", "is unhealthy in its target group", 0)
            return True
        if condition == "tasks-die":
            failed = age >= durations.ROLLBACK
            self.show(service, "FAILED" if failed else "IN_PROGRESS", "deployment failed: " + reason, 0)
            primary["rolloutStateReason"] = reason
            return True
        return False

    def show(self, service, state, event, running):
        desired = service.get("desiredCount", 0)
        service["runningCount"], service["pendingCount"] = (desired, 0) if running else (0, desired)
        service["events"] = [{"id": "rehearsal-3", "createdAt": time.time(), "message": f"(service {service.get('serviceName')}) {event}."}]
        for deployment in service.get("deployments", [])[:1]:
            deployment["rolloutState"], deployment["failedTasks"] = state, 0 if running else 3
            deployment["runningCount"], deployment["pendingCount"] = service["runningCount"], service["pendingCount"]
        service["deployments"] = service.get("deployments", [])[:1]

    ecs_DescribeServices = ecs_DeleteService = services

    def ecs_CreateService(self, call, *answer):
        if answer[0] == 200:
            self.deploy(call.parameters.get("taskDefinition"), UNHEALTHY)
        return self.services(call, *answer)

    def ecs_ListTaskDefinitions(self, call, *answer):
        """Sorts the answer: moto ignores the requested order."""
        if call.parameters.get("sort") != "DESC":
            return answer
        family_and_revision = lambda arn: (arn.rsplit(":", 1)[0], int(arn.rsplit(":", 1)[1]))
        return self.edit_json(*answer, lambda found: found["taskDefinitionArns"].sort(key=family_and_revision, reverse=True))

    def earlier_revision(self, call):
        """The revision of a service preceding an update, read before moto applies it."""
        name = call.parameters.get("service", "").rsplit("/", 1)[-1]
        for service in self.backend("ecs").services.values():
            if service.name == name:
                self.earlier = (service.arn, self.rolled_back.get(service.arn, service.task_definition))

    def ecs_UpdateService(self, call, status, content_type, out):
        if status == 200 and call.parameters.get("desiredCount") != 0:
            arn, earlier = self.earlier
            self.renew("service", arn)
            revision = call.parameters.get("taskDefinition")
            changed = revision not in (None, earlier)
            if changed:
                self.deploy(revision, ("rollback", *UNHEALTHY))
            if changed and self.fault_of(revision) == "rollback":
                self.rolled_back[arn] = earlier
            else:
                self.rolled_back.pop(arn, None)
        return self.services(call, status, content_type, out)
