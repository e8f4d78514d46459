#!/usr/bin/python3
"""deploy/kubernetes, rendered: each object fits the schemas of Kubernetes v1.32, and all of them keep our own rules.

usage: kubernetes_test.py --kubectl PROGRAM
"""

import argparse
import copy
import json
import pathlib
import re
import subprocess
import unittest

import jsonschema
import yaml

import metrics

HERE = pathlib.Path(__file__).resolve().parent
KUBERNETES = metrics.ROOT / "deploy" / "kubernetes"
OVERLAYS = ("demo", "production", "gpu")
RESERVE_SECONDS = 5  # Of a grace period, beyond the drain (docs/operations.md).
# They ask the API server, so they have an account's token.
WITH_TOKEN = {"prometheus", "prometheus-adapter"}


def strict(schema):
    """The same, but that a field must be known."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: strict(value) for key, value in schema.items()}
    if "properties" in schema and isinstance(schema["properties"], dict) and schema.get("type") == "object":
        result.setdefault("additionalProperties", False)
    return result


class Schemas:
    def __init__(self):
        content = json.loads((HERE / "kubernetes_schemas.json").read_text())
        self.kinds, self.definitions = content["kinds"], strict(content["definitions"])

    def errors(self, item):
        """A line for each thing that the API server would refuse."""
        name = self.kinds.get(f"{item['apiVersion']}/{item['kind']}")
        if name is None:
            return [f"no schema of {item['apiVersion']}/{item['kind']} is kept: see make_kubernetes_schemas.py"]
        validator = jsonschema.Draft7Validator({"definitions": self.definitions, "$ref": f"#/definitions/{name}"})
        return [f"{'.'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in validator.iter_errors(item)]


def seconds(flag, container):
    """Of a duration flag such as --drain_delay=5s."""
    values = [re.fullmatch(rf"--{flag}=(\d+)s", argument) for argument in container["args"]]
    return sum(int(match[1]) for match in values if match)


def pod_faults(kind, labels, pod):
    """What is wrong with a pod by our own rules."""
    faults = []
    security = pod.get("securityContext", {})
    if not security.get("runAsNonRoot") or not security.get("runAsUser"):
        faults.append("may run as root")
    if security.get("seccompProfile") != {"type": "RuntimeDefault"}:
        faults.append("no seccomp profile")
    if labels["app.kubernetes.io/component"] not in WITH_TOKEN and pod.get("automountServiceAccountToken") is not False:
        faults.append("has a service account's token")
    for container in pod["containers"] + pod.get("initContainers", []):
        name = container["name"]
        if container.get("securityContext") != {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                                "capabilities": {"drop": ["ALL"]}}:
            faults.append(f"{name}: may gain privileges or write to its root")
        resources = container.get("resources", {})
        memory = resources.get("limits", {}).get("memory")
        if memory is None or memory != resources.get("requests", {}).get("memory"):
            faults.append(f"{name}: memory's request and limit are not the same: {resources}")
        if "cpu" not in resources.get("requests", {}):
            faults.append(f"{name}: requests no CPU")
        if not re.fullmatch(r".+:[^:/]*\d[^:/]*", container["image"]):
            faults.append(f"{name}: the image is not pinned: {container['image']}")
    for container in pod["containers"]:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            if probe not in container:
                faults.append(f"{container['name']}: no {probe}")
        sleep = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        drain = sleep + seconds("drain_delay", container) + seconds("drain_timeout", container)
        if kind == "chorus" and drain == 0:
            faults.append(f"{container['name']}: does not drain")
        if pod.get("terminationGracePeriodSeconds", 0) < drain + (RESERVE_SECONDS if kind == "chorus" else 1):
            faults.append(f"{container['name']}: is killed before it has drained, for {drain} s")
    if kind == "chorus" and {constraint["topologyKey"] for constraint in pod.get("topologySpreadConstraints", [])} != {
            "kubernetes.io/hostname", "topology.kubernetes.io/zone"}:
        faults.append("is not spread over nodes and zones")
    return faults


def faults_of(deployment):
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    kind = "chorus" if labels["app.kubernetes.io/component"] in ("gateway", "runner") else "other"
    return pod_faults(kind, labels, deployment["spec"]["template"]["spec"])


class KubernetesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.schemas = Schemas()
        cls.overlays = {}
        for name in OVERLAYS:
            done = subprocess.run([kubectl, "kustomize", KUBERNETES / "overlays" / name], capture_output=True, text=True)
            assert (done.returncode, done.stderr) == (0, ""), done.stderr
            cls.overlays[name] = list(yaml.safe_load_all(done.stdout))

    def each(self, kind):
        for overlay, items in self.overlays.items():
            for item in items:
                if item["kind"] == kind:
                    with self.subTest(overlay=overlay, kind=kind, name=item["metadata"]["name"]):
                        yield overlay, item

    def named(self, overlay, kind):
        return {item["metadata"]["name"]: item for item in self.overlays[overlay] if item["kind"] == kind}

    def runners(self, overlay):
        return {name: item for name, item in self.named(overlay, "Deployment").items() if name.startswith("runner-")}

    def test_fits_the_schemas(self):
        for overlay, items in self.overlays.items():
            for item in items:
                with self.subTest(overlay=overlay, kind=item["kind"], name=item["metadata"]["name"]):
                    self.assertEqual(self.schemas.errors(item), [])

    def test_schemas_refuse(self):
        deployment = self.named("demo", "Deployment")["gateway"]
        container = "spec.template.spec.containers.0."
        for change, error in (({"readinesProbe": {}}, r"unexpected"), ({"ports": [{"containerPort": "http"}]}, r"'http' is not of type"),
                              ({"ports": [{}]}, r"'containerPort' is a required property"),
                              ({"livenessProbe": {"grpc": {"port": 1, "servce": "x"}}}, r"'servce' was unexpected")):
            broken = copy.deepcopy(deployment)
            broken["spec"]["template"]["spec"]["containers"][0].update(change)
            with self.subTest(change):
                found = self.schemas.errors(broken)
                self.assertTrue(found)
                self.assertRegex(found[0], rf"^{re.escape(container[:-1])}.*: .*{error}")

    def test_pods_keep_our_rules(self):
        for _, deployment in self.each("Deployment"):
            self.assertEqual(faults_of(deployment), [])

    def test_rules_find_faults(self):
        def pod(deployment):
            return deployment["spec"]["template"]["spec"]
        for change, fault in (
                (lambda d: pod(d)["securityContext"].pop("runAsNonRoot"), "may run as root"),
                (lambda d: pod(d).pop("automountServiceAccountToken"), "has a service account's token"),
                (lambda d: pod(d)["containers"][0]["resources"].pop("limits"), "memory's request and limit"),
                (lambda d: pod(d)["containers"][0].pop("startupProbe"), "no startupProbe"),
                (lambda d: pod(d).update(terminationGracePeriodSeconds=40), "is killed before it has drained, for 40 s"),
                (lambda d: pod(d)["containers"][0]["securityContext"].pop("capabilities"), "may gain privileges"),
                (lambda d: pod(d)["containers"][0].update(image="chorus/api_server"), "not pinned"),
                (lambda d: pod(d)["topologySpreadConstraints"].pop(), "is not spread")):
            broken = copy.deepcopy(self.named("demo", "Deployment")["gateway"])
            change(broken)
            with self.subTest(fault):
                self.assertEqual([fault in found for found in faults_of(broken)], [True])

    def test_runners_are_whole(self):
        for overlay in self.overlays:
            for name, deployment in self.runners(overlay).items():
                with self.subTest(overlay=overlay, runner=name):
                    labels = deployment["spec"]["template"]["metadata"]["labels"]
                    service = self.named(overlay, "Service")[name]
                    self.assertEqual(service["spec"]["clusterIP"], "None")
                    self.assertEqual(service["spec"]["selector"], labels)
                    autoscaler = self.named(overlay, "HorizontalPodAutoscaler")[name]["spec"]
                    self.assertEqual(autoscaler["scaleTargetRef"]["name"], name)
                    self.assertNotIn("replicas", deployment["spec"])
                    budget = self.named(overlay, "PodDisruptionBudget")[name]["spec"]
                    self.assertEqual(budget["selector"]["matchLabels"], labels)
                    # A GPU is rarely free for the new beside the old.
                    surge = {"maxSurge": 0, "maxUnavailable": 1} if overlay == "gpu" else {"maxSurge": 1, "maxUnavailable": 0}
                    self.assertEqual(deployment["spec"]["strategy"]["rollingUpdate"], surge)
                    container = deployment["spec"]["template"]["spec"]["containers"][0]
                    self.assertIn("--threads=$(THREADS)", container["args"])
                    [threads] = [entry["valueFrom"] for entry in container["env"] if entry["name"] == "THREADS"]
                    self.assertEqual(threads, {"resourceFieldRef": {"containerName": "runner", "resource": "requests.cpu", "divisor": "1"}})

    def test_production_has_two_of_each(self):
        for name, autoscaler in self.named("production", "HorizontalPodAutoscaler").items():
            with self.subTest(name):
                self.assertGreaterEqual(autoscaler["spec"]["minReplicas"], 2)
        self.assertGreaterEqual(self.named("production", "Deployment")["gateway"]["spec"]["replicas"], 2)

    def test_production_checks_what_it_fetches(self):
        for name, deployment in self.runners("production").items():
            with self.subTest(name):
                [pull] = deployment["spec"]["template"]["spec"]["initContainers"]
                self.assertEqual(pull["args"][:2], ["models", "pull"])
                values = {entry["name"]: entry.get("value", "") for entry in pull["env"]}
                self.assertRegex(values["FROM"], r"^[\w.-]+/[\w.-]+@([0-9a-f]{40}|refs/pr/\d+)$")
                pins = [argument for argument in pull["args"] if argument.startswith("--sha256")]
                for pin in pins:
                    self.assertRegex(pin, r"^--sha256=model\.safetensors=[0-9a-f]{64}$")
                # Where it is put is where the runner looks.
                runner = {entry["name"]: entry.get("value") for entry in deployment["spec"]["template"]["spec"]["containers"][0]["env"]}
                self.assertEqual(runner["DIRECTORY"], f"{values['CHORUS_HOME']}/models/{runner['NAME']}/{runner['VERSION']}")
                self.assertEqual([values[key] for key in ("NAME", "VERSION")], [runner[key] for key in ("NAME", "VERSION")])

    def test_runners_of_the_gpu_overlay_have_one_each(self):
        for overlay in self.overlays:
            for name, deployment in self.runners(overlay).items():
                with self.subTest(overlay=overlay, runner=name):
                    pod = deployment["spec"]["template"]["spec"]
                    container = pod["containers"][0]
                    image, tolerations, limit = (("runner_server_cuda", ["nvidia.com/gpu"], "1") if overlay == "gpu" else
                                                 ("runner_server", [], None))
                    self.assertEqual(container["resources"]["limits"].get("nvidia.com/gpu"), limit)
                    self.assertEqual("--device=cuda" in container["args"], overlay == "gpu")
                    self.assertRegex(container["image"], rf"^chorus/{image}(_demo)?:")
                    self.assertEqual([each["key"] for each in pod.get("tolerations", [])], tolerations)

    def test_scales_by_metrics_that_are_there(self):
        registered = metrics.find_registered()
        [rule] = yaml.safe_load((KUBERNETES / "metrics/namespaced/config.yaml").read_text())["rules"]
        [served] = re.findall(r'__name__=~"([^"]+)"', rule["seriesQuery"])
        for _, autoscaler in self.each("HorizontalPodAutoscaler"):
            names = [entry["pods"]["metric"]["name"] for entry in autoscaler["spec"]["metrics"]]
            self.assertIn("chorus_runner_queued_tokens", names)
            for name in names:
                self.assertEqual(registered[name].kind, "gauge")
                self.assertRegex(name, f"^({served})$")

    def test_gateway_calls_what_is_there(self):
        for overlay in self.overlays:
            maps = self.named(overlay, "ConfigMap")
            [config] = [yaml.safe_load(item["data"]["gateway.yaml"]) for name, item in maps.items()
                        if re.fullmatch(r"gateway-\w+", name)]
            names = {container["value"]: name for name, deployment in self.runners(overlay).items()
                     for container in deployment["spec"]["template"]["spec"]["containers"][0]["env"] if container["name"] == "NAME"}
            self.assertEqual({runner["name"]: runner["endpoints"] for runner in config["runners"]},
                             {name: [f"{service}:50061"] for name, service in names.items()})
            # Its name has no hash: a change of it is no change of the pods.
            graph = yaml.safe_load(maps["graph"]["data"]["inference_graph.yaml"])
            self.assertEqual(graph, yaml.safe_load((metrics.ROOT / "examples/graphs/inference_graph.yaml").read_text()))

    def test_one_version(self):
        version = re.search(r"project\(chorus VERSION (\S+)", (metrics.ROOT / "CMakeLists.txt").read_text())[1]
        for _, deployment in self.each("Deployment"):
            pod = deployment["spec"]["template"]["spec"]
            for container in pod["containers"] + pod.get("initContainers", []):
                if container["image"].startswith("chorus/"):
                    self.assertEqual(container["image"].rsplit(":", 1)[1], version)

    def test_prometheus_has_the_jobs_of_its_rules(self):
        config = yaml.safe_load((KUBERNETES / "metrics/namespaced/prometheus.yml").read_text())
        ours = yaml.safe_load((metrics.PROMETHEUS / "prometheus.yml").read_text())
        self.assertEqual({job["job_name"] for job in config["scrape_configs"]},
                         {job["job_name"] for job in ours["scrape_configs"]} - {"prometheus"})

    def test_only_named_traffic(self):
        for overlay in self.overlays:
            found = self.named(overlay, "NetworkPolicy")
            self.assertEqual(found["nothing"]["spec"], {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
            callers = {(peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"], port["port"])
                       for rule in found["runner"]["spec"]["ingress"] for peer in rule["from"] for port in rule["ports"]}
            self.assertEqual(callers, {("gateway", 50061), ("prometheus", 9061)})


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--kubectl", type=pathlib.Path, required=True)
    flags, rest = parser.parse_known_args()
    kubectl = flags.kubectl.resolve()
    unittest.main(argv=[__file__, *rest])
