"""The states of certificates and of DNS, which validates them."""

import math
import time

import durations
from resources import Resources


class Certificates(Resources):
    def records(self):
        for zone in self.backend("route53").zones.values():
            for record in zone.rrsets:
                yield record

    def validation_age(self, certificate):
        """How long the record that validates the domain has been in DNS, in AWS's seconds; `None` if it is not. An imported certificate
        needs none."""
        if certificate.get("Type") == "IMPORTED":
            return math.inf
        for option in certificate.get("DomainValidationOptions", []):
            wanted = option.get("ResourceRecord")
            if option.get("ValidationMethod") == "EMAIL":
                return self.age("certificate", certificate["CertificateArn"])
            found = wanted and any(r.name.rstrip(".") == wanted["Name"].rstrip(".") for r in self.records())
            if not found:
                return None
        return self.age("validation", certificate["CertificateArn"])

    def acm_DescribeCertificate(self, call, *answer):
        def edit(answer):
            certificate = answer["Certificate"]
            arn = certificate["CertificateArn"]
            if self.break_down("certificate", arn, "acm:certificate", "issued") == "failed":
                certificate.update(Status="FAILED", FailureReason="CAA_ERROR")
                return
            age = self.age("certificate", arn)
            since = self.validation_age(certificate)
            if certificate.get("Status") == "ISSUED" and (since is None or since < durations.CERTIFICATE_VALIDATION):
                certificate["Status"] = "PENDING_VALIDATION"
                for name in ("IssuedAt", "NotAfter", "NotBefore"):
                    certificate.pop(name, None)
                for option in certificate.get("DomainValidationOptions", []):
                    option["ValidationStatus"] = "PENDING_VALIDATION"
            if age < durations.CERTIFICATE_RECORD:
                for option in certificate.get("DomainValidationOptions", []):
                    option.pop("ResourceRecord", None)

        return self.edit_json(*answer, edit)

    def acm_RequestCertificate(self, call, *answer):
        return self.edit_json(*answer, lambda found: self.renew("certificate", found["CertificateArn"]))

    def route53_ChangeResourceRecordSets(self, call, status, content_type, out):
        if status == 200:
            self.last_change = time.time()
        return status, content_type, out.replace(b"INSYNC", b"PENDING")

    def route53_GetChange(self, call, status, content_type, out):
        pending = (time.time() - self.last_change) * self.speed < durations.DNS_CHANGE
        return status, content_type, out.replace(b"INSYNC", b"PENDING") if pending else out

    def resolve(self, name):
        """`A` addresses and the `CNAME`, if any, of a name."""
        zone = next((zone for zone in self.backend("route53").zones.values() if zone.name.rstrip(".").lower() == name.lower()), None)
        if zone is not None and zone.delegation_set:
            delegated = self.faults.condition("route53:zone") != "not-delegated"
            servers = zone.delegation_set.name_servers if delegated else ["ns1.registrar.test", "ns2.registrar.test"]
            return dict(self.resolve_record(name), name_servers=[server.rstrip(".") for server in servers])
        return self.resolve_record(name)

    def resolve_record(self, name):
        if name.endswith(".elb.amazonaws.com"):
            return {"addresses": ["127.0.0.1"], "alias": None}
        for record in self.records():
            if record.name.rstrip(".").lower() != name.lower():
                continue
            if record.alias_target:
                return {"addresses": ["127.0.0.1"], "alias": None}
            if record.type == "CNAME":
                return {"addresses": [], "alias": record.records[0].rstrip(".")}
            if record.type == "A":
                return {"addresses": record.records, "alias": None}
        return {"addresses": [], "alias": None}
