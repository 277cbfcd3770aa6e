"""v2_bundle.py - what the tests of the v2 maps share: run the converter, find
one's way in a Bundle, check that its resources are whole, speak TAP."""
import json
import os
import re
import subprocess


class Number(str):
    """A number with its digits as written."""


class Run:
    def __init__(self, status, bundle, err, text=b""):
        self.status, self.bundle, self.err, self.text = status, bundle, err, text


class Tap:
    def __init__(self):
        self.count = self.bad = 0

    def case(self, ok, name, fault=""):
        self.count += 1
        self.bad += not ok
        print("%sok %d - %s" % ("" if ok else "not ", self.count, name.replace("#", "\\#")))
        if not ok and fault:
            for line in str(fault).splitlines()[:40]:
                print("# " + line)

    def skip(self, name, why):
        self.count += 1
        print("ok %d - %s # SKIP %s" % (self.count, name.replace("#", "\\#"), why))

    def skip_all(self, name, why):
        self.skip(name, why)

    def end(self):
        print("1..%d" % self.count)
        return 1 if self.bad else 0


def program(build):
    return os.path.join(build, "firedoor")


def cannot_run(build):
    """Why the converter cannot be run here; None if it can."""
    if not os.access(program(build), os.X_OK):
        return "firedoor is not built"
    pack = os.environ.get("FIREDOOR_PACK")
    if not pack or not os.path.exists(pack):
        return "no compiled pack at $FIREDOOR_PACK"
    return None


def convert(src, build, path, coverage=False):
    """Convert one message with the maps of the source tree."""
    args = [program(build), "convert", "--from", "hl7v2", "--to", "json"]
    if coverage:
        args.append("--coverage")
    env = dict(os.environ, FIREDOOR_MAPS=os.path.join(src, "mappers", "maps"))
    p = subprocess.run(args + [path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       timeout=120, check=False, env=env)
    bundle = None
    try:
        bundle = json.loads(p.stdout.decode("utf-8"), parse_float=Number, parse_int=Number)
    except ValueError:
        pass
    return Run(p.returncode, bundle, p.stderr.decode("utf-8", "replace"), p.stdout)


def entries(bundle):
    return [e for e in bundle.get("entry", []) if "resource" in e]


def ids(bundle):
    """What tells the entries apart, in order."""
    if bundle is None:
        return None
    return [(e.get("fullUrl"), e.get("request", {}).get("url")) for e in entries(bundle)]


def resolve(bundle, reference):
    """The entry's resource that a Reference (or its text) points to, or None."""
    url = reference.get("reference") if isinstance(reference, dict) else reference
    for e in entries(bundle):
        r = e["resource"]
        if url and url in (e.get("fullUrl"), "%s/%s" % (r["resourceType"], r.get("id")),
                           e.get("request", {}).get("url")):
            return dict(r, **{"$entry": e})
    return None


def plain(v):
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, str):
        return v
    return json.dumps(v, sort_keys=True)


STEP = re.compile(r"([$\w]+(?:\(\))?)((?:\[\d+\]|\{[^}]*\})*)(?:\.|$)")


def step(bundle, items, name):
    out = []
    for it in items:
        if not isinstance(it, dict):
            continue
        if name == "resolve()":
            r = resolve(bundle, it)
            out += [r] if r else []
        elif name == "$type":
            out += [it["resourceType"]] if "resourceType" in it else []
        elif name == "$request":
            out += [it["$entry"].get("request", {})] if "$entry" in it else []
        elif name in it:
            v = it[name]
            out += [x for x in v if x is not None] if isinstance(v, list) else [v]
    return out


def walk(bundle, items, path):
    at = 0
    while at < len(path):
        m = STEP.match(path, at)
        if not m:
            raise ValueError("bad path: " + path)
        items = narrow(bundle, step(bundle, items, m.group(1)), m.group(2))
        at = m.end()
    return items


def narrow(bundle, items, filters):
    for f in re.findall(r"\[\d+\]|\{[^}]*\}", filters):
        if f[0] == "[":
            n = int(f[1:-1])
            items = items[n:n + 1]
        else:
            path, want = f[1:-1].split("=", 1)
            items = [i for i in items if want in map(plain, walk(bundle, [i], path))]
    return items


def select(bundle, path):
    """All values at the path."""
    m = STEP.match(path)
    if not m:
        raise ValueError("bad path: " + path)
    if m.group(1) == "Bundle":
        items = [bundle]
    else:
        items = [dict(e["resource"], **{"$entry": e}) for e in entries(bundle)
                 if e["resource"]["resourceType"] == m.group(1)]
    return walk(bundle, narrow(bundle, items, m.group(2)), path[m.end():])


# What FHIR R4 requires of the resources that the maps make.
REQUIRED = {
    "Account": ["status"],
    "AllergyIntolerance": ["patient", "reaction.manifestation"],
    "Condition": ["subject"],
    "Coverage": ["status", "beneficiary", "payor"],
    "DiagnosticReport": ["status", "code"],
    "Encounter": ["status", "class", "location.location", "diagnosis.condition"],
    "MessageHeader": ["eventCoding", "source", "source.endpoint", "destination.endpoint"],
    "Observation": ["status", "code", "component.code", "note.text"],
    "Patient": ["communication.language"],
    "Practitioner": ["qualification.code"],
    "Provenance": ["target", "recorded", "agent", "agent.who", "entity.role", "entity.what"],
    "RelatedPerson": ["patient", "communication.language"],
    "ServiceRequest": ["status", "intent", "subject", "note.text"],
}

CODES = {
    "Patient.gender": "male female other unknown",
    "RelatedPerson.gender": "male female other unknown",
    "Patient.contact.gender": "male female other unknown",
    "Account.status": "active inactive entered-in-error on-hold unknown",
    "AllergyIntolerance.category": "food medication environment biologic",
    "AllergyIntolerance.type": "allergy intolerance",
    "AllergyIntolerance.criticality": "low high unable-to-assess",
    "AllergyIntolerance.reaction.severity": "mild moderate severe",
    "DiagnosticReport.status": "registered partial preliminary final amended corrected appended"
                               " cancelled entered-in-error unknown",
    "Encounter.status": "planned arrived triaged in-progress onleave finished cancelled"
                        " entered-in-error unknown",
    "Encounter.location.status": "planned active reserved completed",
    "Location.mode": "instance kind",
    "Location.status": "active suspended inactive",
    "Observation.status": "registered preliminary final amended corrected cancelled"
                          " entered-in-error unknown",
    "Provenance.entity.role": "derivation revision quotation source removal",
    "ServiceRequest.status": "draft active on-hold revoked completed entered-in-error unknown",
    "ServiceRequest.intent": "proposal plan directive order original-order reflex-order"
                             " filler-order instance-order option",
    "ServiceRequest.priority": "routine urgent asap stat",
}

# Elements of data types that are the same wherever they stand.
ANYWHERE = {
    ("name", "use"): "usual official temp nickname anonymous old maiden",
    ("address", "use"): "home work temp old billing",
    ("address", "type"): "postal physical both",
    ("telecom", "use"): "home work temp old mobile",
    ("telecom", "system"): "phone fax email pager url sms other",
    ("identifier", "use"): "usual official temp secondary old",
    ("valueQuantity", "comparator"): "< <= >= >",
}


def places(items, path):
    """Each parent of the last step of path, with that step's name."""
    *front, last = path.split(".")
    for name in front:
        items = [x for i in items if name in i
                 for x in (i[name] if isinstance(i[name], list) else [i[name]])]
    return items, last


def deep(value, parent, out):
    if isinstance(value, list):
        for v in value:
            deep(v, parent, out)
    elif isinstance(value, dict):
        for k, v in value.items():
            if (parent, k) in ANYWHERE and isinstance(v, str) \
                    and v not in ANYWHERE[parent, k].split():
                out.append("%s.%s: %s is not a code there" % (parent, k, v))
            if v in ({}, [], "", None) and not k.startswith("$"):
                out.append("%s.%s is empty" % (parent, k))
            deep(v, k, out)


def faults(bundle):
    """What is wrong with the resources of a transaction Bundle."""
    out = []
    seen = {}
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") != "transaction":
        out.append("not a transaction Bundle")
    for e in entries(bundle):
        r, req = e["resource"], e.get("request", {})
        kind = r["resourceType"]
        if not e.get("fullUrl", "").startswith("urn:uuid:"):
            out.append(kind + ": fullUrl is no urn:uuid")
        if req.get("method") not in ("PUT", "POST"):
            out.append(kind + ": request.method")
        if req.get("method") == "PUT" or req.get("ifNoneExist"):
            key = (kind, req.get("url"), req.get("ifNoneExist"))
            if key in seen:
                out.append("%s: two entries for %s" % (kind, key))
            seen[key] = True
        for path in REQUIRED.get(kind, []):
            items, last = places([r], path)
            out += ["%s.%s is missing" % (kind, path) for i in items
                    if last not in i and "_" + last not in i]
        for path, codes in CODES.items():
            if path.startswith(kind + "."):
                items, last = places([r], path[len(kind) + 1:])
                for i in items:
                    v = i.get(last, [])
                    for c in v if isinstance(v, list) else [v]:
                        if c is not None and c not in codes.split():
                            out.append("%s: %s is not a code there" % (path, c))
        deep(r, kind, out)
        for ref in references(r):
            if ref.startswith("urn:uuid:") and resolve(bundle, ref) is None:
                out.append("%s: reference to nothing in the Bundle" % kind)
    return out


def references(value):
    if isinstance(value, list):
        return [x for v in value for x in references(v)]
    if isinstance(value, dict):
        own = [value["reference"]] if isinstance(value.get("reference"), str) else []
        return own + [x for v in value.values() for x in references(v)]
    return []
