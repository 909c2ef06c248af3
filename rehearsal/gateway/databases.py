"""The states of database instances."""

import time

import durations
import markup
from resources import Resources

# The statuses that a database does not leave by itself. Any other one ends with the command that ordered it.
LASTING = ("failed", "inaccessible-encryption-credentials", "inaccessible-encryption-credentials-recoverable", "insufficient-capacity",
           "restore-error", "stopped", "storage-full")


def is_lasting(status):
    return status in LASTING or status.startswith("incompatible-")


class Databases(Resources):
    def databases(self, call, status, content_type, out):
        name = call.parameters.get("DBInstanceIdentifier")
        until, ended = self.deleting.get(name, (0, None))
        if status != 200 and time.time() < until:
            return 200, content_type, ended

        def edit(root):
            for item in markup.having(root, "DBInstanceIdentifier", "DBInstanceStatus"):
                age = self.age("database", markup.text(item, "DBInstanceIdentifier"))
                if age < durations.DATABASE_CREATING:
                    markup.put(item, "creating", "DBInstanceStatus")
                    markup.remove(item, "Endpoint")
                elif self.database_status(markup.text(item, "DBInstanceIdentifier")):
                    markup.put(item, self.database_status(markup.text(item, "DBInstanceIdentifier")), "DBInstanceStatus")
                elif age < durations.DATABASE_CREATING + durations.DATABASE_BACKING_UP:
                    markup.put(item, "backing-up", "DBInstanceStatus")

        return self.edit_xml(status, content_type, out, edit)

    def database_status(self, name):
        """The ordered status of a database. One whose storage is full recovers after it has been given more."""
        ordered = self.break_down("database", name, "rds:database", "available", is_lasting)
        if ordered != "storage-full" or ("grown", name) not in self.born:
            return ordered
        age = self.age("grown", name)
        if age < durations.DATABASE_CHANGE_BEGINS:
            return ordered
        return "modifying" if age < durations.DATABASE_CHANGE_BEGINS + durations.DATABASE_MODIFYING else None

    rds_CreateDBInstance = rds_DescribeDBInstances = databases

    def rds_ModifyDBInstance(self, call, status, content_type, out):
        if status == 200 and call.parameters.get("AllocatedStorage"):
            self.renew("grown", call.parameters.get("DBInstanceIdentifier"))
        return self.databases(call, status, content_type, out)

    def keep_subnet_group(self, call):
        """The subnet group that is about to be modified: moto removes it from its list."""
        name = call.parameters.get("DBSubnetGroupName")
        self.subnet_group = (name, self.backend("rds").subnet_groups.get(name))

    def rds_ModifyDBSubnetGroup(self, call, status, content_type, out):
        name, group = self.subnet_group
        if group is not None:
            self.backend("rds").subnet_groups[name] = group
        return status, content_type, out

    def rds_DeleteDBInstance(self, call, status, content_type, out):
        name = call.parameters.get("DBInstanceIdentifier")
        if status == 200:
            described = out.replace(b"<DBInstance>", b"<DBInstances><DBInstance>").replace(
                b"</DBInstance>", b"</DBInstance></DBInstances>").replace(b"DeleteDBInstance", b"DescribeDBInstances")

            def edit(root):
                for item in markup.having(root, "DBInstanceIdentifier", "DBInstanceStatus"):
                    markup.put(item, "deleting", "DBInstanceStatus")

            until = time.time() + durations.DATABASE_DELETING / self.speed
            self.deleting[name] = (until, markup.change(described, edit))
            self.born.pop(("database", name), None)
            self.broken.pop(("database", name), None)
        return status, content_type, out
