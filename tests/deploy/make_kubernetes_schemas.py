#!/usr/bin/env python3
"""Writes kubernetes_schemas.json: of Kubernetes' OpenAPI v3, the schemas of the kinds that deploy/kubernetes uses, with
all that they refer to, without the descriptions.

usage: make_kubernetes_schemas.py KUBECTL [ARGUMENT...]

They are asked from a server of that version, such as ./dev k8s-test --keep leaves running, with this kubectl; that test
checks that they are still its. Kubernetes has the licence Apache-2.0.
"""
import json
import pathlib
import subprocess
import sys

FILE = pathlib.Path(__file__).resolve().parent / "kubernetes_schemas.json"
KINDS = ("v1/ConfigMap", "v1/Namespace", "v1/Service", "v1/ServiceAccount", "apps/v1/Deployment",
         "autoscaling/v2/HorizontalPodAutoscaler", "policy/v1/PodDisruptionBudget", "networking.k8s.io/v1/Ingress",
         "networking.k8s.io/v1/NetworkPolicy", "rbac.authorization.k8s.io/v1/Role",
         "rbac.authorization.k8s.io/v1/RoleBinding", "rbac.authorization.k8s.io/v1/ClusterRole",
         "rbac.authorization.k8s.io/v1/ClusterRoleBinding", "apiregistration.k8s.io/v1/APIService")
LICENSE = "From Kubernetes v1.32.0, Apache-2.0, by make_kubernetes_schemas.py"


def documents():
    """Of the API that the kinds are in: such as api/v1 and apis/apps/v1."""
    return sorted({("apis/" if kind.count("/") == 2 else "api/") + kind.rsplit("/", 1)[0] for kind in KINDS})


def select(kubectl):
    """The content of FILE, from the server that the command `kubectl` talks to."""
    kinds, definitions = {}, {}
    for document in documents():
        text = subprocess.run([*kubectl, "get", "--raw", f"/openapi/v3/{document}"], stdout=subprocess.PIPE, check=True).stdout
        schemas = json.loads(text)["components"]["schemas"]
        for name, schema in schemas.items():
            for kind in schema.get("x-kubernetes-group-version-kind", []):
                path = "/".join(part for part in (kind["group"], kind["version"], kind["kind"]) if part)
                if path in KINDS:
                    kinds[path] = name
                    take(name, schemas, definitions)
    assert sorted(kinds) == sorted(KINDS), sorted(set(KINDS) - set(kinds))
    return {"comment": LICENSE, "kinds": dict(sorted(kinds.items())), "definitions": dict(sorted(definitions.items()))}


def take(name, schemas, definitions):
    if name in definitions:
        return
    definitions[name] = plain(schemas[name])
    for other in references(schemas[name]):
        take(other, schemas, definitions)


def plain(schema):
    """Without descriptions, extensions and defaults; references to where the definitions are here."""
    if isinstance(schema, list):
        return [plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema.replace("#/components/schemas/", "#/definitions/") if isinstance(schema, str) else schema
    # Of `properties` the keys are names of fields, any of which is kept.
    return {key: {field: plain(value) for field, value in part.items()} if key == "properties" else plain(part)
            for key, part in sorted(schema.items())
            if key not in ("description", "default") and not key.startswith("x-kubernetes")}


def references(schema):
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref":
                yield value.rsplit("/", 1)[1]
            else:
                yield from references(value)
    elif isinstance(schema, list):
        for part in schema:
            yield from references(part)


def main():
    content = select(sys.argv[1:])
    lines = [f"    {json.dumps(name)}: {json.dumps(schema)}" for name, schema in content["definitions"].items()]
    kinds = [f"    {json.dumps(kind)}: {json.dumps(name)}" for kind, name in content["kinds"].items()]
    FILE.write_text(f'{{\n  "comment": {json.dumps(content["comment"])},\n  "kinds": {{\n' + ",\n".join(kinds)
                    + '\n  },\n  "definitions": {\n' + ",\n".join(lines) + "\n  }\n}\n")


if __name__ == "__main__":
    main()
