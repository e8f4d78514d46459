"""What the cluster refuses: by its schemas, by Pod Security, and by the network policies."""
import json
import subprocess

import make_kubernetes_schemas as schemas
from cluster import DNS
from docker_test import ROOT, check, say, wait_until
from service import is_ready, objects, process_of

# Who is asked to connect, to what; each at a port where something listens.
REACHES = {
    # The last two are not ours.
    "a pod of another namespace": {"gateway:3000", "gateway:50051", "dns:53", "kubernetes:443"},
    "gateway": {"runner-bert:50061", "dns:53"},
    "runner-gpt2": set(),
    "prometheus": {"gateway:3000", "runner-bert:9061", "dns:53", "kubernetes:443"},
    "prometheus-adapter": {"prometheus:9090", "dns:53", "kubernetes:443"},
}
TARGETS = ("gateway:3000", "gateway:50051", "runner-bert:50061", "runner-bert:9061", "prometheus:9090", "dns:53", "kubernetes:443")
PROGRAMS = {"gateway": "api_server", "runner-gpt2": "runner_server", "prometheus": "prometheus", "prometheus-adapter": "adapter"}


def policies(cluster):
    kept, served = json.loads(schemas.FILE.read_text()), schemas.select(cluster.command())
    names = kept["definitions"].keys() | served["definitions"].keys()
    differing = sorted(name for name in names if kept["definitions"].get(name) != served["definitions"].get(name))
    check(kept == served, f"the API server's own schemas of {len(kept['kinds'])} kinds are those of tests/deploy"
          + (f", but for {differing}" if differing else ""))
    say(cluster.kubectl("get", "networkpolicies,ingresses", "-n", "chorus", show=True))
    check(len(objects(cluster, "networkpolicies")) == 5, "the API server took the network policies")
    check_reach(cluster)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root", "namespace": "chorus"},
           "spec": {"containers": [{"name": "root", "image": "local/pause:1"}]}}
    done = subprocess.run([*cluster.command(), "create", "--dry-run=server", "-f", "-"], input=json.dumps(pod),
                          capture_output=True, text=True, check=False)
    say(f"# a pod that may be root: {done.stderr.strip()[:200]} …")
    check("violates PodSecurity \"restricted" in done.stderr, "the namespace takes none but restricted pods")
    done = subprocess.run([*cluster.command(), "apply", "--dry-run=server", "-k", "deploy/kubernetes/overlays/production"],
                          capture_output=True, text=True, check=False, cwd=ROOT)
    check(done.returncode == 0 and not done.stderr,
          f"the API server would take the {len(done.stdout.splitlines())} objects of the production overlay {done.stderr}".strip())
    container = objects(cluster, "pods", "model=gpt2")[0]
    check(all("serviceAccount" not in volume.get("name", "") and "projected" not in volume
              for volume in container["spec"].get("volumes", [])), "a runner has no service account's token")


def check_reach(cluster):
    """Tries every way, from within the network namespace of who would go it."""
    cluster.kubectl("create", "-f", "-", input=json.dumps({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "stranger", "namespace": "default"},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "stranger", "image": "local/pause:1"}]}}))
    wait_until(lambda: is_ready(stranger(cluster)), 60, "a pod of another namespace")
    pods = {"a pod of another namespace": stranger(cluster)}
    for name in ("gateway", "runner-gpt2", "runner-bert", "prometheus", "prometheus-adapter"):
        pods[name] = next(pod for pod in objects(cluster, "pods") if pod["metadata"]["name"].rsplit("-", 2)[0] == name)
    addresses = {name: pod["status"]["podIP"] for name, pod in pods.items()} | {"dns": DNS, "kubernetes": "10.96.0.1"}
    for source, allowed in REACHES.items():
        process = process_of(pods[source], PROGRAMS.get(source, "busybox"))
        targets = [target for target in TARGETS if not target.startswith(f"{source}:")]
        reached = [target for target in targets if connects(process, target, addresses)]
        check(set(reached) == allowed, f"{source} reaches {', '.join(reached) or 'nothing'}, and not "
              + ", ".join(target for target in targets if target not in reached))
    cluster.kubectl("delete", "pod/stranger", "-n", "default")


def stranger(cluster):
    return json.loads(cluster.kubectl("get", "pod/stranger", "-n", "default", "-o", "json"))


def connects(process, target, addresses):
    name, port = target.split(":")
    return subprocess.run(["nsenter", "--net", "--target", str(process), "timeout", "2", "bash", "-c", f"</dev/tcp/{addresses[name]}/{port}"],
                          capture_output=True, check=False).returncode == 0
