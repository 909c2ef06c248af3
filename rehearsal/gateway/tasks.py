"""The tasks of a service that died, and their log."""

import json
import re
import time

from services import Services

# The log stream of a task that died.
DEAD_STREAM = "endpoints/endpoints/00000000000000000000000000000001"


class Tasks(Services):
    def dead_tasks(self, call):
        """The ARNs of the stopped tasks of a service whose tasks die."""
        wanted = call.parameters.get("serviceName") or call.parameters.get("service") or ""
        for service in self.backend("ecs").services.values():
            if service.name == wanted.rsplit("/", 1)[-1] and self.fault_of(service.task_definition) == "tasks-die":
                start, cluster = service.arn.split(":service/")[0], service.cluster_name
                return [f"{start}:task/{cluster}/{number:032x}" for number in (1, 2, 3)]
        return []

    def ecs_ListTasks(self, call, *answer):
        if call.parameters.get("desiredStatus") != "STOPPED":
            return answer
        return self.edit_json(*answer, lambda found: found.update(taskArns=found.get("taskArns", []) + self.dead_tasks(call)))

    def ecs_DescribeTasks(self, call, *answer):
        """Adds the stopped tasks, which moto does not have."""
        def edit(answer):
            known = [task["taskArn"] for task in answer.get("tasks", [])]
            dead = [arn for arn in call.parameters.get("tasks", []) if re.search(r"/0{31}[123]$", arn) and arn not in known]
            answer["tasks"] = answer.get("tasks", []) + [{
                "taskArn": arn, "lastStatus": "STOPPED", "desiredStatus": "STOPPED", "stopCode": "EssentialContainerExited",
                "stoppedReason": "Essential container in task exited",
                "containers": [{"name": "endpoints", "lastStatus": "STOPPED", "exitCode": 1}],
            } for arn in dead]
            answer["failures"] = [failed for failed in answer.get("failures", []) if failed.get("arn") not in dead]

        return self.edit_json(*answer, edit)

    def has_dead_tasks(self):
        services = self.backend("ecs").services.values()
        return any(service.status == "ACTIVE" and self.fault_of(service.task_definition) == "tasks-die" for service in services)

    def logs_DescribeLogStreams(self, call, *answer):
        """A task that dies has written why."""
        if not self.has_dead_tasks():
            return answer
        stream = {"logStreamName": DEAD_STREAM, "creationTime": int(time.time() * 1000), "storedBytes": 0}
        return self.edit_json(*answer, lambda found: found.update(logStreams=[stream] + found.get("logStreams", [])))

    def logs_GetLogEvents(self, call, *answer):
        if call.parameters.get("logStreamName") != DEAD_STREAM:
            return answer
        now = int(time.time() * 1000)
        lines = ["Starting the application", "java.lang.IllegalStateException: this image is broken (ordered by the rehearsal)"]
        events = [{"timestamp": now, "message": line, "ingestionTime": now} for line in lines]
        return 200, "application/x-amz-json-1.1", json.dumps({"events": events}).encode()
