"""v2_definitions.py - check resources against the specification's own definitions.

Reads StructureDefinition, ValueSet and CodeSystem from the FHIR package
($FIREDOOR_PACKAGE_DIR), not from the compiled pack, so that what is checked
does not depend on the program: elements that are not known, that must be there
and are not, that stand too often; codes that a required binding does not have;
references to a type of resource that the element does not allow.
"""
import functools
import json
import os

FOLDER = os.environ.get("FIREDOOR_PACKAGE_DIR", "")


def available():
    return os.path.exists(os.path.join(FOLDER, "StructureDefinition-Patient.json"))


@functools.lru_cache(maxsize=None)
def load(kind, name):
    path = os.path.join(FOLDER, "%s-%s.json" % (kind, name))
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as f:
        return json.load(f)


@functools.lru_cache(maxsize=None)
def elements(kind):
    """{path: definition} of a type, and {parent path: [child names]}."""
    d = load("StructureDefinition", kind)
    if d is None:
        return None
    paths, children = {}, {}
    for e in d["snapshot"]["element"]:
        path = e["path"]
        paths[path] = e
        if "." in path:
            parent, name = path.rsplit(".", 1)
            children.setdefault(parent, []).append(name)
    return paths, children


def last(url):
    return url.split("|")[0].rstrip("/").split("/")[-1]


@functools.lru_cache(maxsize=None)
def all_codes(system):
    d = load("CodeSystem", last(system))
    if d is None or d.get("url") != system or d.get("content") != "complete":
        return None
    out = set()

    def walk(concepts):
        for c in concepts:
            out.add(c["code"])
            walk(c.get("concept", []))

    walk(d.get("concept", []))
    return out


@functools.lru_cache(maxsize=None)
def codes(value_set):
    """{(system, code)} of a value set; None if it cannot be listed."""
    d = load("ValueSet", last(value_set))
    if d is None or d.get("url") != value_set.split("|")[0]:
        return None
    out = set()
    for i in d.get("compose", {}).get("include", []):
        if i.get("filter"):
            return None
        for v in i.get("valueSet", []):
            inner = codes(v)
            if inner is None:
                return None
            out |= inner
        if "system" not in i:
            continue
        if "concept" in i:
            out |= {(i["system"], c["code"]) for c in i["concept"]}
            continue
        own = all_codes(i["system"])
        if own is None:
            return None
        out |= {(i["system"], c) for c in own}
    return out


def check_binding(e, value, place, out):
    b = e.get("binding", {})
    if b.get("strength") != "required" or "valueSet" not in b:
        return
    known = codes(b["valueSet"])
    if known is None:
        return
    if isinstance(value, str):
        if value not in {c for _, c in known}:
            out.append("%s: '%s' is not in %s" % (place, value, b["valueSet"]))
    elif isinstance(value, dict):
        codings = value.get("coding", [value] if "code" in value or "system" in value else [])
        if codings and not any((c.get("system"), c.get("code")) in known for c in codings):
            out.append("%s: %s is not in %s" % (place, codings, b["valueSet"]))


def check_reference(e, value, place, target, out):
    if not isinstance(value, dict) or "reference" not in value or target is None:
        return
    kind = target(value["reference"])
    allowed = [last(p) for t in e.get("type", []) if t["code"] == "Reference"
               for p in t.get("targetProfile", [])]
    if kind and allowed and "Resource" not in allowed and kind not in allowed:
        out.append("%s: refers to a %s" % (place, kind))


def find(children, parent, name):
    """The child's name as defined (value[x] for valueString) and its type, if a choice."""
    for c in children.get(parent, []):
        if c == name:
            return c, None
        if c.endswith("[x]") and name.startswith(c[:-3]) and name[len(c) - 3:len(c) - 2].isupper():
            return c, name[len(c) - 3:]
    return None, None


def check_object(kind, path, value, place, target, out):
    defined = elements(kind)
    if defined is None or not isinstance(value, dict):
        return
    paths, children = defined
    reference = paths[path].get("contentReference")
    if reference:
        path = reference.lstrip("#")
    have = set()
    for name, v in value.items():
        if name in ("resourceType", "$entry"):
            continue
        plain = name.lstrip("_")
        c, choice = find(children, path, plain)
        if c is None:
            out.append("%s.%s: there is no such element" % (place, name))
            continue
        have.add(c)
        if name.startswith("_"):
            continue
        check_element(kind, path + "." + c, choice, v, place + "." + name, target, out)
    for c in children.get(path, []):
        if paths[path + "." + c]["min"] > 0 and c not in have:
            out.append("%s.%s is missing" % (place, c))


def check_element(kind, path, choice, value, place, target, out):
    e = elements(kind)[0][path]
    if isinstance(value, list):
        if e["max"] == "1":
            out.append("%s: stands %d times" % (place, len(value)))
        items = value
    else:
        if e["max"] not in ("0", "1"):
            out.append("%s: is no list" % place)
        items = [value]
    types = [t["code"] for t in e.get("type", [])]
    if choice:
        types = [t for t in types if t[0].upper() + t[1:] == choice]
        if not types:
            out.append("%s: not a type of the choice" % place)
    for i, v in enumerate(items):
        at = "%s[%d]" % (place, i) if isinstance(value, list) else place
        check_binding(e, v, at, out)
        check_reference(e, v, at, target, out)
        if path in elements(kind)[1] or e.get("contentReference"):
            check_object(kind, path, v, at, target, out)
        elif types and types[0] == "Resource":
            continue
        elif types and types[0][0].isupper():
            check_object(types[0], types[0], v, at, target, out)


def faults(resource, target=None):
    """What is wrong with a resource. target(reference) gives the type referred to."""
    out = []
    kind = resource["resourceType"]
    check_object(kind, kind, resource, kind, target, out)
    return out
