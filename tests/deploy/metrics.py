"""The metrics there are: read from the C++ sources that register them, and from Prometheus' own rules.

Labels are known by the file that a metric is registered in: all that it names may be on all of its metrics.
"""

import pathlib
import re
from typing import NamedTuple

import yaml

import promql

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
# BuildGauge().Name("…"), MakeGauge(…, "…"), or MetricFamily{.name = "…", …, .type = MetricType::Gauge}.
BUILT = re.compile(r'(?:Build|Make)(?P<kind>Counter|Gauge|Histogram)\b[^;]*?"(?P<name>(?:chorus|bentoml)_\w+)"')
FAMILY = re.compile(r'MetricFamily\b[^;]*?"(?P<name>(?:chorus|bentoml)_\w+)"[^;]*?MetricType::(?P<kind>Counter|Gauge|Histogram)')
LABEL = re.compile(r'\{\s*"([a-z_]+)"\s*,|emplace\("([a-z_]+)"|With\([^;]*?,\s*"([a-z_]+)",|\["([a-z_]+)"\] =')
TARGET_LABELS = {"job", "instance"}


class Metric(NamedTuple):
    kind: str  # "counter", "gauge", "histogram", or "recorded" by a rule.
    labels: frozenset


def find_registered():
    """Name -> Metric of what the servers register; a histogram by its own name."""
    found = {}
    for folder in ("api_server", "runner_server"):
        for path in sorted((ROOT / folder).rglob("*.cc")):
            text = path.read_text()
            metrics = [(match["kind"].lower(), match["name"]) for form in (BUILT, FAMILY) for match in form.finditer(text)]
            labels = {name for match in LABEL.findall(text) for name in match if name} if metrics else set()
            for kind, name in metrics:
                before = found.get(name, Metric(kind, frozenset()))
                found[name] = Metric(kind, before.labels | labels)
    return found


def scraped_labels():
    """What Prometheus adds to each series."""
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    relabelled = {rule["target_label"] for job in config["scrape_configs"] for rule in job.get("relabel_configs", [])}
    return TARGET_LABELS | relabelled


def load_rules():
    """All rules, in order."""
    return [rule for path in sorted((PROMETHEUS / "rules").glob("*.yml")) for group in yaml.safe_load(path.read_text())["groups"]
            for rule in group["rules"]]


def find_series():
    """Name -> Metric of all that can be asked for: histograms by their series."""
    added = scraped_labels()
    series = {"up": Metric("gauge", frozenset(added)),
              "ALERTS": Metric("gauge", frozenset(added | {"alertname", "alertstate", "severity"}))}
    for name, metric in find_registered().items():
        labels = metric.labels | added
        if metric.kind == "histogram":
            series[name + "_bucket"] = Metric("counter", labels | {"le"})
            series[name + "_sum"] = series[name + "_count"] = Metric("counter", labels)
        else:
            series[name] = Metric(metric.kind, labels)
    for rule in load_rules():
        if "record" in rule:
            selectors, grouping = promql.read(rule["expr"])
            known = frozenset().union(*(series[s.metric].labels for s in selectors if s.metric in series))
            series[rule["record"]] = Metric("recorded", known & frozenset(grouping) if grouping else known)
    return series


def errors_in(expression, series, ranges=True):
    """What is wrong with an expression, a line each. ranges: whether counters must be asked for over a range."""
    errors = []
    selectors, grouping = promql.read(expression)
    known = set()
    for selector in selectors:
        metric = series.get(selector.metric)
        if metric is None:
            errors.append(f"there is no metric {selector.metric}")
            continue
        known |= metric.labels
        errors += [f"{selector.metric} has no label {label}" for label in selector.labels if label not in metric.labels]
        if ranges and metric.kind == "counter" and not selector.ranged:
            errors.append(f"{selector.metric} only ever grows: it wants a rate")
    if not errors:
        errors += [f"no metric of it has the label {label}" for label in grouping if label not in known]
    return errors
