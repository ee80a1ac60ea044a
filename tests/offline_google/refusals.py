"""What Google's documents say that it refuses: one value each, beside what there is, and the words of the refusal.

The world of these rows is that of `worlds.a_google`, with what `PRESENT` makes first. A row is (what, type, inputs,
words). Add one for each rule that is added.
"""

from __future__ import annotations

from typing import Any

from tests.offline_google.monitoring_refusals import REFUSED_BY_MONITORING
from tests.offline_google.scheduler_refusals import CALLER, REFUSED_BY_SCHEDULER
from tests.offline_google.worlds import (
    BACKEND,
    BUCKET,
    DATABASE,
    DISCUSSION,
    FIREWALL,
    GLOBAL_ADDRESS,
    GROUP,
    KEY,
    KEY_RING,
    LEVEL,
    NAT,
    NETWORK,
    OSAKA,
    PROJECT,
    PROJECT_MEMBER,
    ROUTER,
    SUBNETWORK,
    TOKYO,
    USER,
    database,
)

Inputs = dict[str, Any]
ZONE, RECORD = "gcp:dns/managedZone:ManagedZone", "gcp:dns/recordSet:RecordSet"
RUN, JOB = "gcp:cloudrunv2/service:Service", "gcp:cloudrunv2/job:Job"
SERVICE, IDENTITY = "gcp:projects/service:Service", "gcp:projects/serviceIdentity:ServiceIdentity"
BINDING = "gcp:iap/webBackendServiceIamBinding:WebBackendServiceIamBinding"
KEY_MEMBER = "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember"
BUCKET_MEMBER = "gcp:storage/bucketIAMMember:BucketIAMMember"
CERTIFICATE = "gcp:certificatemanager/certificate:Certificate"
AUTHORISATION = "gcp:certificatemanager/dnsAuthorization:DnsAuthorization"
GROUP_OF_RUN = "gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup"
URL_MAP = "gcp:compute/uRLMap:URLMap"
CERTIFICATE_MAP = "gcp:certificatemanager/certificateMap:CertificateMap"
MAP = f"projects/{PROJECT}/locations/global/certificateMaps/certificates"
PROXY = "gcp:compute/targetHttpsProxy:TargetHttpsProxy"
RULE = "gcp:compute/globalForwardingRule:GlobalForwardingRule"
ARMOR = "gcp:compute/securityPolicy:SecurityPolicy"
COPY = "gcp:storage/transferJob:TransferJob"
SINK = "gcp:logging/projectSink:ProjectSink"
AUDIT = "gcp:projects/iAMAuditConfig:IAMAuditConfig"
POLICY = "accessPolicies/154981567200"
IMAGE = "asia-northeast1-docker.pkg.dev/another/images/affairs"


def present() -> list[tuple[str, Inputs]]:
    """What is there before any row."""
    network = {"name": "main", "autoCreateSubnetworks": False}
    return [
        (NETWORK, network),
        (SUBNETWORK, {"name": "tokyo", "network": "main", "ipCidrRange": "10.0.0.0/20", "region": TOKYO}),
        (SUBNETWORK, {"name": "small", "network": "main", "ipCidrRange": "10.8.0.0/28", "region": TOKYO}),
        (ROUTER, {"name": "router", "network": "main", "region": TOKYO}),
        (NAT, nat("first")),
        (ZONE, {"name": "schools", "dnsName": "schools.example.", "description": "d"}),
        (RECORD, record("affairs.schools.example.", "A", "203.0.113.7")),
        (BACKEND, {"name": "affairs", "loadBalancingScheme": "EXTERNAL_MANAGED"}),
        (URL_MAP, {"name": "urls", "defaultService": "affairs"}),
        (CERTIFICATE_MAP, {"name": "certificates"}),
        (PROXY, {"name": "proxy", "urlMap": "urls", "certificateMap": f"//certificatemanager.googleapis.com/{MAP}"}),
        (
            GLOBAL_ADDRESS,
            {
                "name": "inside",
                "addressType": "INTERNAL",
                "network": "main",
                "purpose": "VPC_PEERING",
                "address": "10.77.0.0",
                "prefixLength": 20,
            },
        ),
        (BUCKET, {"name": "files", "location": "ASIA1"}),
        (KEY_RING, {"name": "ring", "location": TOKYO}),
        (LEVEL, level("japan", 'origin.region_code == "JP"')),
        (DATABASE, database(name="primary")),
        ("gcp:serviceaccount/account:Account", {"accountId": CALLER}),
    ]


def front(**more: Any) -> Inputs:  # noqa: ANN401 JSON
    wanted = {"name": "r", "target": "proxy", "ipProtocol": "TCP", "portRange": "443"}
    return wanted | {"loadBalancingScheme": "EXTERNAL_MANAGED"} | more


def nat(name: str) -> Inputs:
    wanted = {"name": name, "router": "router", "region": TOKYO, "natIpAllocateOption": "AUTO_ONLY"}
    return wanted | {"sourceSubnetworkIpRangesToNat": "ALL_SUBNETWORKS_ALL_IP_RANGES"}


def record(name: str, kind: str, *data: str, ttl: int = 300) -> Inputs:
    return {"name": name, "type": kind, "rrdatas": list(data), "managedZone": "schools", "ttl": ttl}


def level(name: str, expression: str) -> Inputs:
    custom = {"expr": {"expression": expression}}
    return {"parent": POLICY, "name": f"{POLICY}/accessLevels/{name}", "title": name, "custom": custom}


def run(container: Inputs | None = None, **template: Any) -> Inputs:  # noqa: ANN401 JSON
    whole = {"containers": [{"image": IMAGE, **(container or {})}], **template}
    return {"name": "affairs", "location": TOKYO, "deletionProtection": False, "template": whole}


def limits(cpu: str, memory: str) -> Inputs:
    return run({"resources": {"limits": {"cpu": cpu, "memory": memory}}})


def variables(*names: str) -> Inputs:
    return run({"envs": [{"name": name, "value": "x"} for name in names]})


def settings(**more: Any) -> Inputs:  # noqa: ANN401 JSON
    return database(settings={"tier": "db-custom-2-7680", **more})


def firewall(**more: Any) -> Inputs:  # noqa: ANN401 JSON
    wanted: Inputs = {"name": "f", "network": "main", "sourceRanges": ["10.0.0.0/8"]}
    return wanted | {"allows": [{"protocol": "tcp", "ports": ["443"]}]} | more


def binding(expression: str, **more: Any) -> Inputs:  # noqa: ANN401 JSON
    wanted = {
        "webBackendService": "affairs",
        "role": "roles/iap.httpsResourceAccessor",
        "members": ["domain:x.example"],
    }
    return {**wanted, "condition": {"title": "t", "expression": expression}, **more}


def bucket(name: str = "another", **more: Any) -> Inputs:  # noqa: ANN401 JSON
    return {"name": name, "location": TOKYO.upper(), **more}


def group(address: str, **more: Any) -> Inputs:  # noqa: ANN401 JSON
    return {"parent": "customers/C0abc", "groupKey": {"id": address}, "labels": DISCUSSION, **more}


def rule(priority: int, **more: Any) -> Inputs:  # noqa: ANN401 JSON
    match = {"versionedExpr": "SRC_IPS_V1", "config": {"srcIpRanges": ["*"]}}
    return {"priority": priority, "action": "allow", "match": match, **more}


KNOWN = f'"{POLICY}/accessLevels/japan" in request.auth.access_levels'
MANY = "origin.ip in [" + ", ".join(f'"192.0.2.{n % 256}"' for n in range(201)) + "]"
DATABASE_USER = {"instance": "primary", "name": "app@school-lab.iam", "type": "CLOUD_IAM_SERVICE_ACCOUNT"}

REFUSED: tuple[tuple[str, str, Inputs, str], ...] = (
    # Access Context Manager: custom access levels, quotas
    ("CEL that is no CEL", LEVEL, level("a", "this is ((( not CEL"), "access level this is refused"),
    ("an attribute that no request has", LEVEL, level("a", "device.is_shiny"), "undeclared reference"),
    ("an expression that is no truth", LEVEL, level("a", "origin.ip"), "no condition"),
    ("a comparison of two kinds", LEVEL, level("a", "origin.ip == 4"), "no matching overload"),
    ("a list of 201 entries", LEVEL, level("a", MANY), "201 entries; 200 is the most"),
    ("a level that asks one that is not there", LEVEL, level("a", "levels.nowhere"), "asks the access level 'nowhere'"),
    ("a range with host bits", LEVEL, level("a", 'inIpRange(origin.ip, ["192.0.2.1/24"])'), "host bits"),
    ("a range that is none", LEVEL, level("a", 'inIpRange(origin.ip, ["300.0.0.0/8"])'), "no range of addresses"),
    ("a level without conditions", LEVEL,
     {"parent": POLICY, "name": f"{POLICY}/accessLevels/a", "title": "a"}, "basic"),
    ("a title that is taken", LEVEL, level("a", "true") | {"title": "japan"}, "has it already"),
    ("a short name of 51 letters", LEVEL, level("a" * 51, "true"), "short name"),
    # IAM: conditions, members, roles, service agents
    ("a condition that is no CEL", BINDING, binding("1 +"), "condition is refused"),
    ("a condition of unknown attributes", BINDING, binding("request.colour == 'red'"), "undeclared reference"),
    ("a condition with 13 operators", BINDING, binding(" && ".join([KNOWN] * 14)), "13 logical operators"),
    ("a condition for everybody", BINDING, binding(KNOWN, members=["allUsers"]), "has no condition"),
    ("a condition title of 101 letters", BINDING,
     binding(KNOWN) | {"condition": {"title": "t" * 101, "expression": KNOWN}},
     "101 letters; 100"),
    ("a role of another service", BINDING, binding(KNOWN, role="roles/run.invoker"), "cannot be granted on"),
    ("a role of a bucket on a key", KEY_MEMBER,
     {"cryptoKeyId": "k", "role": "roles/storage.admin", "member": "domain:x.example"}, "cannot be granted on a key"),
    ("a role of a key on a bucket", BUCKET_MEMBER,
     {"bucket": "files", "role": "roles/cloudkms.admin", "member": "domain:x.example"},
     "cannot be granted on a bucket"),
    ("an organisation's role on a project", PROJECT_MEMBER,
     {"project": PROJECT, "role": "roles/orgpolicy.policyAdmin", "member": "domain:x.example"}, "only above"),
    ("a role that does not exist", PROJECT_MEMBER,
     {"project": PROJECT, "role": "roles/run.emperor", "member": "domain:x.example"}, "not supported"),
    ("a project for everybody", PROJECT_MEMBER,
     {"project": PROJECT, "role": "roles/run.invoker", "member": "allUsers"}, "takes no role for allUsers"),
    ("an owner that is a domain", PROJECT_MEMBER,
     {"project": PROJECT, "role": "roles/owner", "member": "domain:x.example"}, "cannot be an owner"),
    ("settings of a backend that is not there", "gcp:iap/settings:Settings",
     {"name": "projects/1/iap_web/compute/services/4711", "accessSettings": {"reauthSettings": {
         "maxAge": "3600s", "method": "LOGIN", "policyType": "DEFAULT"}}}, "no backend service 4711"),
    ("a session of no length", "gcp:iap/settings:Settings",
     {"name": "projects/1/iap_web", "accessSettings": {"reauthSettings": {
         "maxAge": "an hour", "method": "LOGIN", "policyType": "DEFAULT"}}}, "no time in seconds"),
    ("a basic role with a condition", PROJECT_MEMBER,
     {"project": PROJECT, "role": "roles/viewer", "member": "domain:x.example",
      "condition": {"title": "t", "expression": "resource.name == 'a'"}},
     "the basic role roles/viewer has no condition"),
    ("a member without an address", PROJECT_MEMBER,
     {"project": PROJECT, "role": "roles/viewer", "member": "user:anna"}, "is no member"),
    ("a member of no kind", PROJECT_MEMBER,
     {"project": PROJECT, "role": "roles/viewer", "member": "robot:a@x.example"}, "is no member"),
    ("an agent that is made up", PROJECT_MEMBER,
     {"project": PROJECT, "role": "roles/viewer",
      "member": "serviceAccount:service-1@gcp-sa-banana.iam.gserviceaccount.com"}, "does not exist"),
    ("an API that does not exist", SERVICE, {"service": "banana.googleapis.com"}, "does not exist"),
    ("the identity of such an API", IDENTITY, {"service": "banana.googleapis.com"}, "does not exist"),
    ("audit logs of a kind that is none", AUDIT,
     {"project": PROJECT, "service": "allServices", "auditLogConfigs": [{"logType": "EVERYTHING"}]}, "is none of"),
    # Cloud Identity
    ("a group in gmail.com", GROUP, group("teachers@gmail.com"), "not in gmail.com"),
    ("a group without its label", GROUP, group("t@x.example", labels={"x": ""}), "groups.discussion_forum"),
    ("a group of no customer", GROUP, group("t@x.example", parent="customers/banana"), "is no customer"),
    # Cloud SQL
    ("a tier that does not exist", DATABASE, settings(tier="db-banana"), "no machine type"),
    ("7 CPUs", DATABASE, settings(tier="db-custom-7-26880"), "7 processors"),
    ("memory beyond 6.5 GB a CPU", DATABASE, settings(tier="db-custom-2-15360"), "15360 MB"),
    ("memory that is no multiple of 256 MB", DATABASE, settings(tier="db-custom-2-7681"), "a multiple of 256"),
    ("a tier of the other edition", DATABASE, settings(edition="ENTERPRISE_PLUS"), "ENTERPRISE_PLUS"),
    ("an edition that does not exist", DATABASE, settings(edition="BANANA"), "expected one of"),
    ("a version that the edition has not", DATABASE, settings(edition="ENTERPRISE_PLUS", tier="db-perf-optimized-N-2")
     | {"databaseVersion": "POSTGRES_11"}, "no PostgreSQL"),
    ("neither public nor private", DATABASE, settings(ipConfiguration={"ipv4Enabled": False}), "both are off"),
    ("PITR on a replica", DATABASE, settings(backupConfiguration={"enabled": True, "pointInTimeRecoveryEnabled": True})
     | {"masterInstanceName": "primary"}, "read replica"),
    ("15 days of logs in ENTERPRISE", DATABASE,
     settings(backupConfiguration={"enabled": True, "transactionLogRetentionDays": 15}), "15 is not 1 to 7"),
    ("366 backups", DATABASE, settings(backupConfiguration={
        "enabled": True, "backupRetentionSettings": {"retainedBackups": 366}}), "366 is not 1 to 365"),
    ("a disk of 9 GB", DATABASE, settings(diskSize=9), "9 is not 10 to 65536"),
    ("a hard disk in ENTERPRISE_PLUS", DATABASE,
     settings(edition="ENTERPRISE_PLUS", tier="db-perf-optimized-N-2", diskType="PD_HDD"), "no storage of"),
    ("a flag that does not exist", DATABASE, settings(databaseFlags=[{"name": "log_bananas", "value": "on"}]), "flag"),
    ("a flag's value that is none", DATABASE, settings(databaseFlags=[{"name": "log_connections", "value": "yes"}]),
     "no value of the flag"),
    ("a name with large letters", DATABASE, database(name="Affairs"), "small letters"),
    ("an IAM user by the whole address", USER,
     DATABASE_USER | {"name": "app@school-lab.iam.gserviceaccount.com"}, "without"),
    ("an IAM user with a password", USER, DATABASE_USER | {"password": "x"}, "has none"),
    ("an IAM user where they are off", USER, DATABASE_USER, "takes no IAM users"),
    # Cloud Run
    ("the variable PORT", RUN, variables("PORT"), "the variable PORT is reserved"),
    ("the variable K_SERVICE", RUN, variables("K_SERVICE"), "reserved"),
    ("a variable twice", RUN, variables("A", "A"), "set twice"),
    ("a minimum above the maximum", RUN, run(scaling={"minInstanceCount": 5, "maxInstanceCount": 2}), "more than max"),
    ("7 CPUs of a container", RUN, limits("7", "8Gi"), "is none of"),
    ("1 CPU with 8 GiB", RUN, limits("1", "8Gi"), "outside"),
    ("8 CPUs with 2 GiB", RUN, limits("8", "2Gi"), "outside"),
    ("a timeout of two hours", RUN, run(timeout="7200s"), "outside"),
    ("1,001 requests at once", RUN, run(maxInstanceRequestConcurrency=1001), "outside 1 to 1000"),
    ("a probe longer than its period", RUN,
     run({"startupProbe": {"tcpSocket": {"port": 80}, "periodSeconds": 5, "timeoutSeconds": 6}}), "longer than"),
    ("a subnet too small for containers", RUN,
     run(vpcAccess={"egress": "ALL_TRAFFIC", "networkInterfaces": [{"network": "main", "subnetwork": "small"}]}),
     "needs a /26"),
    ("an image from nowhere", RUN, run({"image": "banana"}), "is no image"),
    ("a name of 50 letters", RUN, run() | {"name": "a" * 50}, "49"),
    # VPC
    ("a subnet that overlaps", SUBNETWORK,
     {"name": "s", "network": "main", "ipCidrRange": "10.0.8.0/24", "region": OSAKA},
     "conflicts with"),
    ("a /30 subnet", SUBNETWORK,
     {"name": "s", "network": "main", "ipCidrRange": "10.9.0.0/30", "region": OSAKA}, "/29"),
    ("a subnet of a forbidden range", SUBNETWORK,
     {"name": "s", "network": "main", "ipCidrRange": "169.254.0.0/24", "region": OSAKA}, "no subnet may have"),
    ("a subnet with host bits", SUBNETWORK,
     {"name": "s", "network": "main", "ipCidrRange": "10.9.0.1/24", "region": OSAKA}, "host bits"),
    ("a region that does not exist", SUBNETWORK,
     {"name": "s", "network": "main", "ipCidrRange": "10.9.0.0/24", "region": "asia-northeast9"}, "no such region"),
    ("a range for services that overlaps", GLOBAL_ADDRESS, {"name": "r", "addressType": "INTERNAL", "network": "main",
     "purpose": "VPC_PEERING", "address": "10.0.0.0", "prefixLength": 16}, "conflicts with 'tokyo'"),
    ("a /30 for services", GLOBAL_ADDRESS, {"name": "r", "addressType": "INTERNAL", "network": "main",
     "purpose": "VPC_PEERING", "address": "10.99.0.0", "prefixLength": 30}, "30 is not 8 to 29"),
    ("an internal IPv6 address", GLOBAL_ADDRESS,
     {"name": "r", "addressType": "INTERNAL", "ipVersion": "IPV6", "purpose": "VPC_PEERING"}, "IPv4"),
    ("ports backwards", FIREWALL, firewall(allows=[{"protocol": "tcp", "ports": ["5432-80"]}]), "ends before"),
    ("port 70000", FIREWALL, firewall(allows=[{"protocol": "tcp", "ports": ["70000"]}]), "above 65535"),
    ("ports of icmp", FIREWALL, firewall(allows=[{"protocol": "icmp", "ports": ["1"]}]), "has no ports"),
    ("a protocol that does not exist", FIREWALL, firewall(allows=[{"protocol": "quic"}]), "no protocol"),
    ("both families in one rule", FIREWALL, firewall(sourceRanges=["10.0.0.0/8", "2001:db8::/32"]), "one rule"),
    ("a priority of 65,536", FIREWALL, firewall(priority=65_536), "expected 0 to 65535"),
    ("a tag with large letters", FIREWALL, firewall(targetTags=["App"]), "small letters"),
    ("a second gateway for one network", NAT, nat("second"), "covers the subnets of 'first'"),
    ("a name that is taken", NETWORK, {"name": "main"}, "already exists"),
    # Load balancing, certificates
    ("IAP and a CDN", BACKEND, {"name": "b", "iap": {"enabled": True}, "enableCdn": True}, "cannot both be on"),
    ("IAP before TCP", BACKEND, {"name": "b", "iap": {"enabled": True}, "protocol": "TCP"}, "IAP does not stand"),
    ("a sample rate of 2", BACKEND, {"name": "b", "logConfig": {"enable": True, "sampleRate": 2}}, "2 is not 0 to 1"),
    ("a header that is none", BACKEND, {"name": "b", "customResponseHeaders": ["banana"]}, "is no header"),
    ("a group that points nowhere", GROUP_OF_RUN, {"name": "g", "region": TOKYO}, "points to one of"),
    ("an external rule on an internal address", RULE, front(ipAddress="inside"), "is an internal address"),
    ("a rule of another scheme than its backends", RULE,
     front(loadBalancingScheme="EXTERNAL"), "and that of 'affairs'"),
    ("a port range", RULE, front(portRange="443-444"), "one port"),
    ("a host in two rules", URL_MAP, {"name": "m", "defaultService": "affairs",
     "hostRules": [{"hosts": ["a.example", "a.example"], "pathMatcher": "p"}],
     "pathMatchers": [{"name": "p", "defaultService": "affairs"}]}, "2 host rules"),
    ("a path matcher that is not there", URL_MAP, {"name": "m", "defaultService": "affairs",
     "hostRules": [{"hosts": ["a.example"], "pathMatcher": "p"}]}, "no path matcher"),
    ("TLS 1.3 without RESTRICTED", "gcp:compute/sSLPolicy:SSLPolicy",
     {"name": "t", "minTlsVersion": "TLS_1_3", "profile": "MODERN"}, "RESTRICTED"),
    ("a certificate for an address", CERTIFICATE,
     {"name": "c", "managed": {"domains": ["a..example"]}}, "no domain name"),
    ("a wildcard without authorisation", CERTIFICATE,
     {"name": "c", "managed": {"domains": ["*.a.example"]}}, "wildcard"),
    ("an authorisation of a wildcard", AUTHORISATION, {"name": "d", "domain": "*.a.example"}, "is no domain name"),
    ("two rules of one priority", ARMOR, {"name": "p", "rules": [rule(1), rule(1)]}, "have the priority 1"),
    ("a policy without its last rule", ARMOR, {"name": "p", "rules": [rule(1)]}, "is missing"),
    # Cloud DNS
    ("an A record with IPv6", RECORD, record("a.schools.example.", "A", "2001:db8::1"), "no IPv4 address"),
    ("an AAAA record with IPv4", RECORD, record("a.schools.example.", "AAAA", "192.0.2.1"), "no IPv6 address"),
    ("a record outside its zone", RECORD, record("a.other.example.", "A", "192.0.2.1"), "not in the zone"),
    ("a CNAME beside another record", RECORD,
     record("affairs.schools.example.", "CNAME", "x.example."), "stands alone"),
    ("a CNAME at the zone's name", RECORD,
     record("schools.example.", "CNAME", "x.example."), "at the name of its zone"),
    ("a CNAME with two targets", RECORD,
     record("a.schools.example.", "CNAME", "x.example.", "y.example."), "one target"),
    ("a CNAME without a dot", RECORD, record("a.schools.example.", "CNAME", "x.example"), "dot at its end"),
    ("a TTL below 0", RECORD, record("a.schools.example.", "A", "192.0.2.1", ttl=-1), "-1 is not 0"),
    ("a type that does not exist", RECORD, record("a.schools.example.", "BANANA", "x"), "'BANANA' is none of"),
    ("a zone of a top-level domain", ZONE, {"name": "z", "dnsName": "example.", "description": "d"}, "top-level"),
    ("DNSSEC of a private zone", ZONE, {"name": "z", "dnsName": "a.example.", "description": "d",
     "visibility": "private", "dnssecConfig": {"state": "on"}}, "has no DNSSEC"),
    # Cloud Storage, Cloud KMS, Cloud Logging
    ("turbo replication in one region", BUCKET, bucket(rpo="ASYNC_TURBO"), "is of dual regions"),
    ("a retention of 101 years", BUCKET, bucket(retentionPolicy={"retentionPeriod": "3187296000"}), "100 years"),
    ("a bucket's name with large letters", BUCKET, bucket("Files"), "other letters"),
    ("a bucket's name that is an address", BUCKET, bucket("192.0.2.1"), "is an address"),
    ("a bucket's name of Google's", BUCKET, bucket("my-google-files"), "google"),
    ("a bucket's name that is taken", BUCKET, bucket("files"), "already exists"),
    ("a storage class that does not exist", BUCKET, bucket(storageClass="FROZEN"), "is none of"),
    ("an action that does not exist", BUCKET,
     bucket(lifecycleRules=[{"action": {"type": "Burn"}, "condition": {"age": 1}}]), "is no action"),
    ("a location that does not exist", BUCKET, {"name": "another", "location": "ASIA9"}, "no such location"),
    ("a rotation below a day", KEY, {"name": "k", "keyRing": "ring", "rotationPeriod": "3600s"}, "at least 86400"),
    ("a rotation of 101 years", KEY, {"name": "k", "keyRing": "ring", "rotationPeriod": "3187296000s"}, "is more than"),
    ("an algorithm of another purpose", KEY,
     {"name": "k", "keyRing": "ring", "versionTemplate": {"algorithm": "RSA_SIGN_PSS_2048_SHA256"}}, "no algorithm of"),
    ("a ring's name with a dot", KEY_RING, {"name": "a.b", "location": TOKYO}, "1 to 63 letters"),
    ("a log filter that is none", SINK,
     {"name": "s", "destination": "storage.googleapis.com/files", "filter": "severity >= ("}, "filter"),
    ("a copy of files with a name of the engine's", COPY,
     {"name": "affairs-copies-d75dc7a", "description": "d", "transferSpec": {
         "gcsDataSource": {"bucketName": "files"}, "gcsDataSink": {"bucketName": "files"}}}, "'transferJobs/' and"),
    # What is not modelled at all
    ("a type that nobody modelled", "gcp:compute/address:Address", {"region": TOKYO}, "does not model the type"),
    ("a type that nobody knows", "gcp:bigtable/instance:Instance", {"name": "n"}, "does not know the resource type"),
    ("a property that nobody modelled", NETWORK, {"name": "n", "mtu": 9000}, "does not model this property"),
    ("a label's key with large letters", GLOBAL_ADDRESS, {"name": "a", "labels": {"City": "x"}}, "small letters"),
    *REFUSED_BY_MONITORING,
    *REFUSED_BY_SCHEDULER,
)  # fmt: skip
