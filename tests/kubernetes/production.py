"""The production overlay in place of the demo's: each runner's model comes from a hub, checked, before the runner
starts."""
import hashlib
import json
import time

from cluster import NODE
from docker_test import ROOT, check, say, wait_until
from hub import Hub, commit_of
from service import check_streams, graph_load, objects, replicas, service_address
from streams import Streams

OVERLAY = "tests/kubernetes/overlay"
PIN = "--sha256=model.safetensors="


class Runner:
    """A runner's Deployment, and the demo model that the hub gives in place of its model."""

    def __init__(self, deployment):
        self.name = deployment["metadata"]["name"]
        self.model = self.name.removeprefix("runner-")
        container = deployment["spec"]["template"]["spec"]["initContainers"][0]
        self.repository, revision = {item["name"]: item.get("value") for item in container["env"]}["FROM"].split("@")
        self.commit = commit_of(revision)
        self.args = container["args"]
        self.files = ROOT / "models/demo" / ("bert-sst2" if self.model == "bert" else self.model)

    def is_pinned(self):
        return any(argument.startswith(PIN) for argument in self.args)

    def pin_stand_in(self, cluster):
        digest = hashlib.sha256((self.files / "model.safetensors").read_bytes()).hexdigest()
        args = [PIN + digest if argument.startswith(PIN) else argument for argument in self.args]
        cluster.kubectl("patch", f"deployment/{self.name}", "-n", "chorus", "-p", json.dumps(
            {"spec": {"template": {"spec": {"initContainers": [{"name": "pull", "args": args}]}}}}))

    def refusals(self, cluster):
        """What its init containers said that ended with a failure."""
        return [state["terminated"]["message"] for pod in objects(cluster, "pods", f"model={self.model}")
                for status in pod["status"].get("initContainerStatuses", []) for state in (status["state"], status["lastState"])
                if state.get("terminated", {}).get("exitCode", 0) != 0]


def production(cluster):
    overlay = json.loads(cluster.kubectl("apply", "-k", OVERLAY, "--dry-run=server", "-o", "json"))["items"]
    runners = [Runner(item) for item in overlay if item["kind"] == "Deployment" and item["metadata"]["name"].startswith("runner-")]
    pki = cluster.folder / "pki"
    hub = Hub((NODE, 443), pki / "server.crt", pki / "server.key", {runner.repository: runner.files for runner in runners})
    cluster.kubectl("create", "configmap", "hub", "-n", "chorus", f"--from-file={pki / 'ca.crt'}")
    old = {pod["metadata"]["name"] for pod in objects(cluster, "pods", "app.kubernetes.io/component=runner")}
    load, streams = graph_load(cluster, clients=4), Streams(service_address(cluster), clients=2)
    begin = time.monotonic()
    say(f"$ kubectl apply -k {OVERLAY}")
    cluster.kubectl("apply", "-k", OVERLAY)
    pinned = [runner for runner in runners if runner.is_pinned()]
    check(len(pinned) >= 2, f"it pins the weights of {', '.join(runner.model for runner in pinned)}")
    for runner in pinned:
        wait_until(lambda runner=runner: runner.refusals(cluster), 90, f"a refusal of what the hub has for {runner.model}")
        reason = runner.refusals(cluster)[0].strip().splitlines()[-1]
        check("is not the one that is pinned" in reason, f"what this hub has in their place is refused: {reason}")
        check(old & {pod["metadata"]["name"] for pod in replicas(cluster, runner.model)}, "the replicas from before serve on")
        runner.pin_stand_in(cluster)
    for runner in runners:
        say(cluster.kubectl("rollout", "status", "-n", "chorus", f"deployment/{runner.name}", "--timeout=240s").splitlines()[-1])
    wait_until(lambda: all(len(replicas(cluster, runner.model)) >= 2 for runner in runners), 60, "two replicas of each model")
    wait_until(lambda: not old & {pod["metadata"]["name"] for pod in objects(cluster, "pods")}, 90, "the demo's runners gone")
    say(f"# two replicas of each model, with pulled models alone, {time.monotonic() - begin:.0f} s after it began")
    say(cluster.kubectl("get", "pods", "-n", "chorus", "-l", "app.kubernetes.io/component=runner", show=True))
    outcomes = load.stop()
    check(set(outcomes) == {200}, f"from the demo to production under load with no failed call of {sum(outcomes.values())}")
    check_streams(streams)
    for runner in runners:
        for pod in replicas(cluster, runner.model):
            check_pulled(pod, runner, hub)
    say(f"# fetched from the hub: {len(hub.fetched)} files")
    hub.stop()


def check_pulled(pod, runner, hub):
    address = pod["status"]["podIP"]
    files = {file for client, repository, commit, file in hub.fetched
             if (client, repository, commit) == (address, runner.repository, runner.commit)}
    check(files == {file.name for file in runner.files.iterdir()},
          f"{pod['metadata']['name']} has every file of {runner.repository} at {runner.commit[:12]} from the hub")
