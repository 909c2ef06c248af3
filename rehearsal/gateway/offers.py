"""What AWS offers and moto does not have: the quota of VPCs, images of Ubuntu, classes of database instances."""

import re

from resources import Resources

# Canonical's account, and its parameters for the releases with long-term support.
CANONICAL = "099720109477"
UBUNTU_PARAMETER = re.compile(r"/aws/service/canonical/ubuntu/server/(18|20|22|24|26)\.04/stable/current/(amd64|arm64)/hvm/ebs-gp[23]/ami-id")
# The filter that lists the images of an Ubuntu release by name.
UBUNTU_NAMES = re.compile(r"ubuntu/images/hvm-ssd\*-((?:18|20|22|24|26)\.04)-(amd64|arm64)-server-\*")
# The classes of database instances: burstable ones have small sizes, the others start at large.
DATABASE_CLASS = re.compile(r"db\.((t3|t4g)\.(micro|small|medium|large|xlarge|2xlarge)|"
                            r"[mrx][4-8][a-z]*\.(large|xlarge|(2|4|8|12|16|24)xlarge)|x2[a-z]*\.(large|xlarge|(2|4|8|12|16)xlarge))")


class Offers(Resources):
    def servicequotas_GetServiceQuota(self, call, *answer):
        def edit(answer):
            if self.faults.condition("ec2:vpcs") == "at-quota":
                answer["Quota"]["Value"] = float(len(self.backend("ec2").vpcs))

        return self.edit_json(*answer, edit)

    def ssm_GetParameters(self, call, *answer):
        """Canonical's parameters name an image of every release with long-term support. moto has images of old releases only."""
        images = self.ubuntu_images()
        if self.faults.condition("ssm:parameters") == "missing":
            return answer

        def edit(found):
            for name in call.parameters.get("Names", []):
                if UBUNTU_PARAMETER.fullmatch(name) and images:
                    found.setdefault("Parameters", []).append({"Name": name, "Type": "String", "Value": images[0], "Version": 1})
                    found["InvalidParameters"] = [other for other in found.get("InvalidParameters", []) if other != name]

        return self.edit_json(*answer, edit)

    def ubuntu_images(self):
        return sorted(image.id for image in self.backend("ec2").amis.values() if image.owner_id == CANONICAL)

    def ec2_DescribeImages(self, call, status, content_type, out):
        """While Canonical's parameters are missing, its images are listed in two pages: an older image, then the newest one."""
        wanted = next(filter(None, map(UBUNTU_NAMES.fullmatch, call.parameters.values())), None)
        if status != 200 or wanted is None or self.faults.condition("ssm:parameters") != "missing":
            return status, content_type, out
        release, processor = wanted.groups()
        is_last = "NextToken" in call.parameters
        day, image = ("20260201", self.ubuntu_images()[0]) if is_last else ("20260101", self.ubuntu_images()[-1])
        name = f"ubuntu/images/hvm-ssd-gp3/ubuntu-lts-{release}-{processor}-server-{day}"
        created = f"{day[:4]}-{day[4:6]}-{day[6:]}T00:00:00.000Z"
        more = "" if is_last else "<nextToken>2</nextToken>"
        return 200, "text/xml", (
            f'<DescribeImagesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><imagesSet><item><imageId>{image}</imageId>'
            f"<imageState>available</imageState><name>{name}</name><creationDate>{created}</creationDate>"
            f"<rootDeviceName>/dev/sda1</rootDeviceName></item></imagesSet>{more}</DescribeImagesResponse>").encode()

    def rds_DescribeOrderableDBInstanceOptions(self, call, status, content_type, out):
        """RDS offers every class that exists in every zone, in the requested version or in one minor version of each major one."""
        if self.faults.condition("rds:offers") == "none" or not DATABASE_CLASS.fullmatch(call.parameters.get("DBInstanceClass") or ""):
            versions = []
        else:
            wanted = call.parameters.get("EngineVersion")
            versions = [wanted] if wanted else [f"{major}.12" for major in range(11, 19)]
        zones = "".join(f"<AvailabilityZone><Name>{self.region}{letter}</Name></AvailabilityZone>" for letter in "abc")
        options = "".join(
            f"<OrderableDBInstanceOption><Engine>postgres</Engine><EngineVersion>{version}</EngineVersion>"
            f"<DBInstanceClass>{call.parameters.get('DBInstanceClass')}</DBInstanceClass><StorageType>{storage}</StorageType>"
            f"<MultiAZCapable>true</MultiAZCapable><AvailabilityZones>{zones}</AvailabilityZones></OrderableDBInstanceOption>"
            for version in versions for storage in ("gp2", "gp3"))
        name = "DescribeOrderableDBInstanceOptions"
        return 200, "text/xml", (
            f'<{name}Response xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><{name}Result><OrderableDBInstanceOptions>{options}'
            f"</OrderableDBInstanceOptions></{name}Result></{name}Response>").encode()
