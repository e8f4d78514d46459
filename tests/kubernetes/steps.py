"""What the demo overlay promises, step by step. Each takes the cluster and ends the test where a promise does not
hold."""
import collections
import json
import os
import signal
import subprocess
import tempfile
import time

from docker_test import PROMPT, check, get, metric, run, say, wait_until
from service import (answer, check_streams, gateways, generate_load, graph_load, healthy_replicas, objects, process_of,
                     replicas, restarts, retries, runner_metrics, service_address, texts)
from streams import Streams

OVERLAY = "deploy/kubernetes/overlays/demo"


def apply(cluster):
    begin = time.monotonic()
    created = cluster.kubectl("apply", "-k", OVERLAY, show=True).splitlines()
    say(f"{created[0]}\n… {len(created) - 2} lines …\n{created[-1]}")
    address = service_address(cluster)
    wait_until(lambda: answer(address), 180, "an answer")
    say(f"# the first answer {time.monotonic() - begin:.1f} s after `kubectl apply` began")
    cluster.kubectl("wait", "pods", "--all", "-n", "chorus", "--for=condition=Ready", "--timeout=180s")
    say(f"# all pods Ready {time.monotonic() - begin:.1f} s after it")
    say(cluster.kubectl("get", "pods,services,hpa,pdb", "-n", "chorus", show=True))
    say(f"$ curl -X POST http://{address}:3000/classify_generated_texts -H 'Content-Type: text/plain' -d '{PROMPT}'")
    reply = answer(address)
    say(reply)
    check([sorted(result) for result in json.loads(reply)] == [["generated", "score"]] * 3, "three texts, scored")
    with tempfile.TemporaryDirectory() as modules:
        run("examples/python/make_modules.sh", modules, show=False)
        output = run("/usr/bin/python3", "examples/python/client.py", "stream", f"{address}:50051",
                     env={**os.environ, "PYTHONPATH": modules})
    lines = output.splitlines()
    say("\n".join([*lines[:3], f"… {len(lines) - 7} lines …", *lines[-4:]]))
    check(lines[-1].startswith("done:"), "a gRPC stream through the Service ends whole")


def scale(cluster):
    path = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/chorus/pods/*/chorus_runner_queued_tokens?labelSelector=model%3Dgpt2"
    wait_until(lambda: cluster.answers("get", "--raw", path), 60, "the metric is served by the API")
    say(f"$ kubectl get --raw '{path}'\n" + cluster.kubectl("get", "--raw", path).strip())
    check(len(replicas(cluster)) == 1, "one replica of gpt2 without load")
    begin = time.monotonic()
    load = generate_load(cluster, clients=64, max_new_tokens=200)
    progress = Progress(cluster, begin)
    wait_until(lambda: progress.show() >= 2, 120, "a second replica Ready")
    wait_until(lambda: progress.show() == 3, 120, "three replicas Ready")
    ready = time.monotonic()
    say(f"# three replicas Ready {ready - begin:.0f} s after the load began")
    wait_until(lambda: healthy_replicas(cluster) == 3, 10, "three replicas called by each gateway")
    say(f"# each gateway calls all three {time.monotonic() - ready:.1f} s after the last was Ready")
    addresses = [pod["status"]["podIP"] for pod in replicas(cluster)]
    before = {address: texts(address) for address in addresses}
    time.sleep(10)
    spread = {address: int(texts(address) - before[address]) for address in addresses}
    say(f"# texts begun in the next 10 s, by replica: {spread}")
    check(min(spread.values()) >= 0.5 * max(spread.values()), "all three are used, about evenly")
    outcomes = load.stop()
    begin = time.monotonic()
    progress = Progress(cluster, begin)
    wait_until(lambda: progress.show() == 1, 240, "one replica")
    say(f"# back at one {time.monotonic() - begin:.0f} s after the load ended")
    for event in objects(cluster, "events"):
        if event["reason"] == "SuccessfulRescale":
            say(f"# {event['involvedObject']['name']}: {event['message']}")
    check(set(outcomes) == {200}, f"no failed call of {sum(outcomes.values())}")


class Progress:
    """Tells when the number of replicas of gpt2 changes, and by which load."""

    def __init__(self, cluster, begin):
        self.cluster, self.begin, self.last = cluster, begin, None

    def show(self):
        count = len(replicas(self.cluster))
        autoscaler = json.loads(self.cluster.kubectl("get", "hpa/runner-gpt2", "-n", "chorus", "-o", "json"))["status"]
        state = (autoscaler.get("desiredReplicas"), count)
        if state != self.last:
            values = {entry["pods"]["metric"]["name"]: entry["pods"]["current"]["averageValue"]
                      for entry in autoscaler.get("currentMetrics") or [] if "pods" in entry}
            say(f"# {time.monotonic() - self.begin:5.1f} s: wanted {state[0]}, Ready {count}; of each replica {values}")
            self.last = state
        time.sleep(0.5)
        return count


def three_replicas(cluster):
    """For as long as the autoscaler is told so."""
    limits(cluster, 3)
    wait_until(lambda: len(replicas(cluster)) == 3 and healthy_replicas(cluster) == 3, 120, "three replicas")


def limits(cluster, minimum):
    cluster.kubectl("patch", "hpa/runner-gpt2", "-n", "chorus", "-p", json.dumps({"spec": {"minReplicas": minimum}}))


def kill(cluster):
    three_replicas(cluster)
    loads = [graph_load(cluster, clients=4), generate_load(cluster, clients=12, max_new_tokens=200)]
    streams = Streams(service_address(cluster), clients=3)
    time.sleep(3)
    victim, before = replicas(cluster)[0], retries(cluster)
    wait_until(lambda: metric(runner_metrics(victim["status"]["podIP"]), "bentoml_runner_request_in_progress",
                              endpoint="Generate") >= 2, 20, "calls in progress on the replica to kill")
    os.kill(process_of(victim, "runner_server"), signal.SIGKILL)
    say(f"$ kill -KILL (the process of {victim['metadata']['name']})")
    time.sleep(8)
    wait_until(lambda: len(replicas(cluster)) == 3 and healthy_replicas(cluster) == 3, 60, "three replicas again")
    say(f"# calls tried again at another replica: {retries(cluster) - before:.0f}")
    check(retries(cluster) > before, "the killed replica had calls in progress")

    leaving = replicas(cluster)[1]
    cluster.kubectl("delete", "pod", leaving["metadata"]["name"], "-n", "chorus", "--wait=false", show=True)
    begin, begun, samples = time.monotonic(), None, 0
    while True:
        try:
            count = texts(leaving["status"]["podIP"])
        except OSError:
            break
        if begun is None and time.monotonic() - begin >= 1:
            begun = count
        samples += 1
        time.sleep(0.1)
    say(f"# it served on for {time.monotonic() - begin:.1f} s; texts begun a second after it was told, and at its end: "
        f"{begun:.0f}, {count:.0f} ({samples} samples)")
    check(count == begun, "a replica that drains gets no call")
    wait_until(lambda: len(replicas(cluster)) == 3, 60, "three replicas again")
    outcomes = sum((load.stop() for load in loads), collections.Counter())
    check(set(outcomes) == {200}, f"one replica killed and one deleted under load with no failed call of {sum(outcomes.values())}")
    check_streams(streams)
    limits(cluster, 1)


def roll(cluster):
    before = {pod["metadata"]["name"] for pod in objects(cluster, "pods")}
    load, streams = graph_load(cluster, clients=6), Streams(service_address(cluster), clients=4)
    begin = time.monotonic()
    say(cluster.kubectl("rollout", "restart", "deployment", "-n", "chorus", "-l", "app.kubernetes.io/component in (gateway, runner)",
                        show=True).strip())
    for deployment in objects(cluster, "deployments", "app.kubernetes.io/component in (gateway, runner)"):
        say(cluster.kubectl("rollout", "status", "-n", "chorus", f"deployment/{deployment['metadata']['name']}",
                            "--timeout=240s").splitlines()[-1])
    wait_until(lambda: not any("deletionTimestamp" in pod["metadata"] for pod in objects(cluster, "pods")), 90, "old pods gone")
    say(f"# all replaced, and the old ones gone, after {time.monotonic() - begin:.0f} s")
    now = {pod["metadata"]["name"] for pod in objects(cluster, "pods", "app.kubernetes.io/component in (gateway, runner)")}
    check(not before & now, "every gateway and runner was replaced")
    outcomes = load.stop()
    check(set(outcomes) == {200}, f"all pods were replaced under load with no failed call of {sum(outcomes.values())}")
    check_streams(streams)


def graph(cluster):
    """Its file changes, and nothing restarts."""
    text = json.loads(cluster.kubectl("get", "configmap/graph", "-n", "chorus", "-o", "json"))["data"]["inference_graph.yaml"]
    smaller = yaml_without(text, "gpt2-medium")
    before = gateway_starts(cluster)
    load = graph_load(cluster, clients=4)
    seconds = change_graph(cluster, smaller, lambda address: len(json.loads(answer(address))) == 2)
    say(f"# both gateways answer with two texts {seconds:.0f} s after the ConfigMap changed")
    seconds = change_graph(cluster, smaller + "surprise: 1\n",
                           lambda address: "chorus_config_last_reload_successful 0" in get("/metrics", 3000, address)[1])
    say(f"# a wrong one: both say so after {seconds:.0f} s")
    check(all(len(json.loads(answer(address))) == 2 for address in gateways(cluster)), "they go on with the one before")
    seconds = change_graph(cluster, text, lambda address: len(json.loads(answer(address))) == 3)
    say(f"# the first again: three texts after {seconds:.0f} s")
    outcomes = load.stop()
    check(set(outcomes) == {200}, f"the graph changed under load with no failed call of {sum(outcomes.values())}")
    check(gateway_starts(cluster) == before, "no gateway was started anew")


def gateway_starts(cluster):
    """Each gateway's pod, and how often it has been started again."""
    return {pod["metadata"]["name"]: restarts(pod) for pod in objects(cluster, "pods", "app.kubernetes.io/component=gateway")}


def change_graph(cluster, text, happened):
    """Seconds until it has happened at each gateway. The kubelet brings a change within a minute or so."""
    cluster.kubectl("patch", "configmap/graph", "-n", "chorus", "-p", json.dumps({"data": {"inference_graph.yaml": text}}))
    return wait_until(lambda: all(happened(address) for address in gateways(cluster)), 150, "the new graph at each gateway")


def yaml_without(text, branch):
    """The graph without one of its generators, which is two lines and a word of the inputs."""
    lines = text.splitlines()
    index = lines.index(f"  - name: {branch}")
    del lines[index:index + 2]
    return "\n".join(lines).replace(f", {branch}]", "]") + "\n"


def bad(cluster):
    """A version whose model is not there."""
    good = {pod["metadata"]["name"] for pod in replicas(cluster)}
    load = graph_load(cluster, clients=4)
    cluster.kubectl("set", "env", "-n", "chorus", "deployment/runner-gpt2", "DIRECTORY=/models/none", "VERSION=bad", show=True)
    wait_until(lambda: any(restarts(pod) >= 2 for pod in objects(cluster, "pods", "model=gpt2")), 120, "two restarts of the new pod")
    say(cluster.kubectl("get", "pods", "-n", "chorus", "-l", "model=gpt2", show=True))
    new = next(pod for pod in objects(cluster, "pods", "model=gpt2") if pod["metadata"]["name"] not in good)
    reasons = [state["terminated"]["message"] for status in new["status"]["containerStatuses"]
               for state in (status["state"], status["lastState"]) if "message" in state.get("terminated", {})]
    check(any("/models/none" in reason for reason in reasons), f"its status says why: {reasons[-1:]}")
    slices = json.loads(cluster.kubectl("get", "endpointslices", "-n", "chorus", "-l", "model=gpt2", "-o", "json"))["items"]
    called = {endpoint["targetRef"]["name"] for part in slices for endpoint in part.get("endpoints") or []
              if endpoint["conditions"]["ready"]}
    check(called == good, "the Service has the old replica, and not the new one")
    outcomes = load.stop()
    check(set(outcomes) == {200}, f"no failed call of {sum(outcomes.values())}")
    cluster.kubectl("rollout", "undo", "-n", "chorus", "deployment/runner-gpt2", show=True)
    cluster.kubectl("rollout", "status", "-n", "chorus", "deployment/runner-gpt2", "--timeout=120s")


def explain(cluster):
    """What a person would look at first when something failed."""
    for command in (["get", "pods", "-A", "-o", "wide"], ["get", "events", "-n", "chorus", "--sort-by=.lastTimestamp"],
                    ["describe", "hpa/runner-gpt2", "-n", "chorus"]):
        done = subprocess.run([*cluster.command(), *command], capture_output=True, text=True, check=False)
        say("\n".join((done.stdout + done.stderr).splitlines()[-40:]))
