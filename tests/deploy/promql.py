"""What PromQL expressions ask for: metrics, with their labels. Syntax is promtool's to check; this reads what is
right."""

import re
from typing import NamedTuple

TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|\[[^\]]*\]|\d[\w.]*|[A-Za-z_:][\w:]*|[^\s]')
LABEL_LISTS = {"by", "without", "on", "ignoring", "group_left", "group_right"}
AGGREGATIONS = {"sum", "min", "max", "avg", "count", "group", "stddev", "stdvar", "topk", "bottomk", "quantile", "count_values"}
OTHER_WORDS = {"and", "or", "unless", "bool", "offset", "atan2"}


class Selector(NamedTuple):
    metric: str
    labels: tuple  # Those that are matched on.
    ranged: bool   # Whether it asks for a range, as rate() wants it.


def read(expression):
    """The selectors of an expression, and the labels it groups by or joins on."""
    tokens = TOKEN.findall(expression)
    selectors, grouping = [], []
    at = 0

    def names_until(close):
        nonlocal at
        names = []
        while tokens[at] != close:
            if tokens[at][0].isalpha() or tokens[at][0] == "_":
                names.append(tokens[at])
            at += 1
        at += 1
        return names

    while at < len(tokens):
        token = tokens[at]
        at += 1
        following = tokens[at] if at < len(tokens) else ""
        if not (token[0].isalpha() or token[0] in "_:"):
            continue
        if token in LABEL_LISTS and following == "(":
            at += 1
            grouping += names_until(")")
        elif following == "(" or token in AGGREGATIONS or token in OTHER_WORDS:
            continue
        else:
            labels = []
            if following == "{":
                at += 1
                labels = names_until("}")
            ranged = at < len(tokens) and tokens[at].startswith("[")
            selectors.append(Selector(token, tuple(labels), ranged))
    return selectors, grouping
