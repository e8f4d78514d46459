"""What the steps ask of the cluster and of what runs in it."""
import json
import pathlib
import subprocess

from docker_test import PROMPT, Load, check, get, metric

GRAPH_CALL = "/classify_generated_texts?max_new_tokens=24&ignore_eos=true"


def objects(cluster, kind, selector=""):
    return json.loads(cluster.kubectl("get", kind, "-n", "chorus", "-o", "json", "-l", selector))["items"]


def service_address(cluster):
    return json.loads(cluster.kubectl("get", "service/gateway", "-n", "chorus", "-o", "json"))["spec"]["clusterIP"]


def is_ready(pod):
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in pod["status"].get("conditions", []))


def serving(cluster, selector):
    """The pods that are Ready and are to stay."""
    return [pod for pod in objects(cluster, "pods", selector) if is_ready(pod) and "deletionTimestamp" not in pod["metadata"]]


def replicas(cluster, model="gpt2"):
    return serving(cluster, f"model={model}")


def gateways(cluster):
    return [pod["status"]["podIP"] for pod in serving(cluster, "app.kubernetes.io/component=gateway")]


def retries(cluster):
    """Calls of gpt2 that the gateways tried again at another replica."""
    return sum(metric(get("/metrics", 3000, address)[1], "chorus_retries_total", runner="gpt2-generation")
               for address in gateways(cluster))


def healthy_replicas(cluster, runner="gpt2-generation"):
    """How many replicas the gateway that knows of the fewest calls."""
    return min((metric(get("/metrics", 3000, address)[1], "chorus_replica_state", runner=runner)
                for address in gateways(cluster)), default=0)


def runner_metrics(address):
    return get("/metrics", 9061, address)[1]


def texts(address):
    """How many texts a runner has begun."""
    metrics = runner_metrics(address)
    return (metric(metrics, "bentoml_runner_request_total", endpoint="Generate")
            + metric(metrics, "bentoml_runner_request_in_progress", endpoint="Generate"))


def answer(address):
    """The gateway's reply, or nothing while there is none."""
    done = subprocess.run(["curl", "-sf", "-m", "20", "-X", "POST", f"http://{address}:3000/classify_generated_texts?max_length=24&seed=7",
                           "-H", "Content-Type: text/plain", "-d", PROMPT], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def generate_load(cluster, clients, max_new_tokens):
    """Calls of one model, which so gets a queue of its own."""
    return Load(clients=clients, path="/v1/models/gpt2-generation:generate", content_type="application/json",
                body=json.dumps({"text": PROMPT, "max_new_tokens": max_new_tokens, "ignore_eos": True}),
                host=service_address(cluster), port=3000)


def graph_load(cluster, clients):
    return Load(clients=clients, path=GRAPH_CALL, host=service_address(cluster), port=3000)


def process_of(pod, program):
    """The id of the program in the pod."""
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (f"HOSTNAME={pod['metadata']['name']}".encode() in (folder / "environ").read_bytes().split(b"\0")
                    and program.encode() in (folder / "cmdline").read_bytes()):
                return int(folder.name)
        except OSError:
            continue
    raise SystemExit(f"FAILED: no process of {pod['metadata']['name']}")


def check_streams(streams):
    ends = streams.stop()
    check(set(ends) <= {"done", "error"} and ends["done"] > 0, f"every stream ended whole or with an error event: {dict(ends)}")


def restarts(pod):
    return sum(status["restartCount"] for status in pod["status"].get("containerStatuses", []))
