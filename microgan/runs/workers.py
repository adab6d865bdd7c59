"""Training on several machines: the role of this process."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from microgan.errors import UserError


@dataclass(frozen=True)
class Worker:
    """This process among those that train together.

    Args:
        count: of the processes; 1 if `TF_CONFIG` is unset.
        is_chief: whether this one validates and writes.
    """

    count: int
    is_chief: bool


def this_worker(environment: Mapping[str, str] = os.environ) -> Worker:
    """Read TensorFlow's description of the workers, `TF_CONFIG`.

    Args:
        environment: variables; `TF_CONFIG` holds JSON such as `{"cluster": {"worker":
            ["a:7000", "b:7000"]}, "task": {"type": "worker", "index": 0}}`. The chief is
            the task of type `chief` or, without one, worker 0.

    Raises:
        UserError: it is not such JSON.
    """
    text = environment.get("TF_CONFIG")
    if not text:
        return Worker(1, True)
    try:
        content = json.loads(text)
        cluster, task = content["cluster"], content["task"]
        kind, index = task["type"], int(task["index"])
        if not all(isinstance(addresses, list) and all(isinstance(each, str) for each in addresses)
                   for addresses in cluster.values()):
            raise ValueError("addresses are lists of texts")
        if not (set(cluster) <= {"chief", "worker"} and 0 <= index < len(cluster[kind])):
            raise ValueError("this task is not in the cluster")
        return Worker(sum(len(addresses) for addresses in cluster.values()),
                      index == 0 and kind == ("chief" if "chief" in cluster else "worker"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"The environment variable TF_CONFIG does not describe a cluster of "
                        f"workers ({type(error).__name__}: {error}). Received: {text}") from error
