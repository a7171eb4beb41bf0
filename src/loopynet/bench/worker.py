"""The process of one contender: `python -m loopynet.bench.worker`, told what to do line by line.

Each line on standard input is a request as JSON, each line on standard output its reply. The first
request is {"do": "start", "task": ..., "threads": ..., "settings": {...}}; later ones name a method
of the task and its arguments. Another "start" ends the task and begins a new one.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import warnings
from typing import IO, Any

from loopynet.errors import LoopyNetError, LoopyNetWarning


def main() -> None:
    """Serve requests until standard input ends."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else is printed must not be taken for a reply
    serve(sys.stdin, replies)
    os._exit(0)  # what is left is memory: torch takes long to tidy it up


def serve(requests: IO[str], replies: IO[str]) -> None:
    """Answer every request; an error is a reply too."""
    task: Any = None
    for line in requests:
        request = json.loads(line)
        do = request.pop("do")
        try:
            if do == "start":
                task = None  # frees what the last one held
                task, result = _start(**request), None
            else:
                result = getattr(task, do)(**request)
            reply = {"result": result}
        except LoopyNetError as error:
            reply = {"error": str(error)}
        except Exception as error:  # the parent decides what a failure means
            said = str(error).strip().splitlines() or [""]
            reply = {"error": f"{type(error).__name__}: {said[0]}"}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def _start(task: str, threads: int, settings: dict[str, Any]) -> Any:
    import torch

    from loopynet.bench.tasks import TASKS

    # The loops of memory cells are meant not to converge, and k is larger than trained.
    warnings.simplefilter("ignore", LoopyNetWarning)
    torch.set_num_threads(threads)
    gc.collect()
    if "torch._dynamo" in sys.modules:
        torch._dynamo.reset()  # else a network of another size is compiled for all sizes
    return TASKS[task](**settings)


if __name__ == "__main__":
    main()
