"""A real Kubernetes of one node, in namespaces of its own.

It runs in network, mount and process namespaces that only this test is in (k8s_test.py enters them), so its addresses,
firewall rules and mounts are seen by nothing else, and all of it is gone when its first process ends, however that
ends.
"""
import json
import os
import pathlib
import secrets
import subprocess
import time

import scratch_image
from docker_test import run, say, wait_until

HERE = pathlib.Path(__file__).resolve().parent
NODE = "10.200.0.1"
PODS, SERVICES, DNS = "10.244.0.0/24", "10.96.0.0/16", "10.96.0.10"


class Cluster:
    """The programs of build.sh in `programs`, kubectl, and the state in `folder`, which is on a disk."""

    def __init__(self, programs, kubectl, folder):
        self.programs, self.kubectl_program, self.folder = programs, kubectl, folder
        self.processes = {}
        self.kubeconfig = folder / "kubeconfig"
        self.socket = folder / "containerd.sock"

    def start(self):
        begin = time.monotonic()
        self.make_network()
        self.make_certificates()
        self.write_configuration()
        self.spawn("etcd", "etcd", "--data-dir", self.folder / "etcd", "--listen-client-urls", "http://127.0.0.1:2379",
                   "--advertise-client-urls", "http://127.0.0.1:2379", "--listen-peer-urls", "http://127.0.0.1:2380",
                   "--unsafe-no-fsync")
        self.spawn("containerd", "containerd", "--config", self.folder / "containerd.toml")
        self.start_api_server()
        wait_until(lambda: self.answers("get", "--raw", "/readyz"), 90, "API server ready")
        pki = self.folder / "pki"
        self.spawn_program("kube-controller-manager", "--kubeconfig", self.kubeconfig, "--service-account-private-key-file",
                           pki / "service_accounts.key", "--root-ca-file", pki / "ca.crt", "--leader-elect=false",
                           "--bind-address=127.0.0.1", "--cert-dir", self.folder / "controller-manager",
                           "--use-service-account-credentials", "--cluster-cidr", PODS)
        self.spawn_program("kube-scheduler", "--kubeconfig", self.kubeconfig, "--leader-elect=false",
                           "--bind-address=127.0.0.1", "--cert-dir", self.folder / "scheduler")
        self.load_image("local/pause:1", "/bin/busybox", ["/bin/busybox", "sleep", "2000000000"])
        self.spawn_program("kubelet", "--config", self.folder / "kubelet.yaml", "--kubeconfig", self.kubeconfig, "--root-dir",
                           self.folder / "kubelet", "--cert-dir", self.folder / "kubelet-pki", "--hostname-override=node1",
                           "--node-ip", NODE)
        self.spawn_program("kube-proxy", "--kubeconfig", self.kubeconfig, "--hostname-override=node1",
                           "--proxy-mode=iptables", "--cluster-cidr", PODS, "--conntrack-max-per-core=0", "--bind-address", NODE)
        wait_until(self.node_is_ready, 90, "node Ready")
        # Of kube-router only what enforces network policies; it looks for its node when it starts.
        self.spawn_program("kube-router", "--kubeconfig", self.kubeconfig, "--hostname-override=node1", "--run-firewall",
                           "--run-router=false", "--run-service-proxy=false", "--enable-cni=false", "--service-cluster-ip-range",
                           SERVICES)
        self.load_image("local/coredns:1", self.programs / "coredns", ["/bin/coredns", "-conf", "/etc/coredns/Corefile"])
        self.kubectl("apply", "-f", HERE / "coredns.yaml")
        self.kubectl("rollout", "status", "-n", "kube-system", "deployment/coredns", "--timeout=60s")
        say(f"# a node with CoreDNS, kube-proxy and kube-router {time.monotonic() - begin:.0f} s after the start of etcd")

    def make_network(self):
        for command in (["ip", "link", "set", "lo", "up"], ["ip", "link", "add", "node0", "type", "bridge"],
                        ["ip", "address", "add", f"{NODE}/24", "dev", "node0"], ["ip", "link", "set", "node0", "up"],
                        ["ip", "route", "add", "default", "via", "10.200.0.254"]):
            run(*command, show=False)
        for file in ("ip_forward", "conf/all/route_localnet"):
            pathlib.Path("/proc/sys/net/ipv4", file).write_text("1")
        for folder in ("/run", "/var/lib/cni"):
            os.makedirs(folder, exist_ok=True)
            run("mount", "-t", "tmpfs", "tmpfs", folder, show=False)

    def make_certificates(self):
        pki = self.folder / "pki"
        pki.mkdir(parents=True)
        run("openssl", "genrsa", "-out", pki / "service_accounts.key", "2048", show=False)
        names = f"DNS:kubernetes.default.svc,DNS:localhost,IP:127.0.0.1,IP:10.96.0.1,IP:{NODE}"
        self.make_certificate("ca", "server", "kube-apiserver", names)
        # With this the API server calls the adapter in its callers' names.
        self.make_certificate("proxy-ca", "proxy", "front-proxy-client", "DNS:front-proxy-client")
        self.token = secrets.token_hex(16)
        (pki / "tokens.csv").write_text(f'{self.token},admin,admin,"system:masters"\n')

    def make_certificate(self, authority, name, common_name, alternative_names):
        pki = self.folder / "pki"
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={authority}", "-keyout",
            pki / f"{authority}.key", "-out", pki / f"{authority}.crt", show=False)
        run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={common_name}", "-keyout", pki / f"{name}.key",
            "-out", pki / f"{name}.csr", show=False)
        (pki / f"{name}.ext").write_text(f"subjectAltName={alternative_names}\nextendedKeyUsage=serverAuth,clientAuth\n")
        run("openssl", "x509", "-req", "-days", "2", "-in", pki / f"{name}.csr", "-CA", pki / f"{authority}.crt", "-CAkey",
            pki / f"{authority}.key", "-CAcreateserial", "-extfile", pki / f"{name}.ext", "-out", pki / f"{name}.crt",
            show=False)

    def write_configuration(self):
        pki = self.folder / "pki"
        self.kubeconfig.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "here",
            "clusters": [{"name": "here", "cluster": {"server": f"https://{NODE}:6443", "certificate-authority": f"{pki}/ca.crt"}}],
            "users": [{"name": "admin", "user": {"token": self.token}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "admin"}}]}))
        network = self.folder / "network"
        network.mkdir()
        # With a link for each pod, all that pods send is routed by the node, and so meets kube-router's rules.
        (network / "10-pods.conflist").write_text(json.dumps({
            "cniVersion": "0.4.0", "name": "pods", "plugins": [
                {"type": "ptp", "ipam": {"type": "host-local", "ranges": [[{"subnet": PODS}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}))
        (self.folder / "containerd.toml").write_text(f"""
version = 2
root = "{self.folder}/containerd"
state = "/run/containerd"
[grpc]
  address = "{self.socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/local/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{network}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
""")
        (self.folder / "resolv.conf").write_text("")
        (self.folder / "kubelet.yaml").write_text(json.dumps({
            "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"}, "cgroupDriver": "cgroupfs", "failSwapOn": False,
            "containerRuntimeEndpoint": f"unix://{self.socket}", "clusterDNS": [DNS], "clusterDomain": "cluster.local",
            "resolvConf": f"{self.folder}/resolv.conf", "enforceNodeAllocatable": [], "serializeImagePulls": False,
            "evictionHard": {"nodefs.available": "1%", "imagefs.available": "1%", "memory.available": "50Mi"}}))

    def start_api_server(self):
        pki = self.folder / "pki"
        self.spawn_program(
            "kube-apiserver", "--etcd-servers=http://127.0.0.1:2379", "--advertise-address", NODE, "--authorization-mode=RBAC",
            "--tls-cert-file", pki / "server.crt", "--tls-private-key-file", pki / "server.key", "--token-auth-file",
            pki / "tokens.csv", "--service-cluster-ip-range", SERVICES, "--allow-privileged",
            "--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file",
            pki / "service_accounts.key", "--service-account-signing-key-file", pki / "service_accounts.key",
            "--requestheader-client-ca-file", pki / "proxy-ca.crt", "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-", "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-username-headers=X-Remote-User", "--proxy-client-cert-file", pki / "proxy.crt",
            "--proxy-client-key-file", pki / "proxy.key", "--kubelet-preferred-address-types=InternalIP",
            "--cert-dir", self.folder / "api-server")

    def spawn_program(self, name, *arguments):
        self.spawn(name, self.programs / name, *arguments)

    def spawn(self, name, *command):
        log = (self.folder / f"{name}.log").open("w")
        self.processes[name] = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log,
                                                start_new_session=True)  # Ctrl-C is for the test alone.

    def answers(self, *arguments):
        ended = {name: process.returncode for name, process in self.processes.items() if process.poll() is not None}
        if ended:
            texts = "\n".join((self.folder / f"{name}.log").read_text()[-3000:] for name in ended)
            raise SystemExit(f"FAILED: ended, with their exit status: {ended}\n{texts}")
        return subprocess.run([*self.command(), *arguments], capture_output=True, check=False).returncode == 0

    def node_is_ready(self):
        return self.answers("wait", "node/node1", "--for=condition=Ready", "--timeout=0s")

    def load_image(self, name, program, entrypoint):
        archive = self.folder / "image.tar"
        scratch_image.write(archive, name, program, entrypoint=entrypoint)
        self.load_images(archive)
        archive.unlink()

    def load_images(self, archive):
        wait_until(self.socket.exists, 30, "containerd listens")
        run("ctr", "--address", self.socket, "--namespace", "k8s.io", "images", "import", archive, show=False)

    def command(self):
        return [str(self.kubectl_program), "--kubeconfig", str(self.kubeconfig)]

    def kubectl(self, *arguments, show=False, **options):
        """kubectl's output; its failure is the test's."""
        if show:
            say("$ kubectl " + " ".join(str(argument) for argument in arguments))
        return run(*self.command(), *arguments, show=False, **options)

    def stop(self):
        """In the order that lets containers end. What is left ends with the namespaces."""
        for name in reversed(list(self.processes)):
            process = self.processes[name]
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
