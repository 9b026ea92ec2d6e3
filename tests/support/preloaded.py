"""Read by the fork server of `command.py`, once: all that our code imports of others.

Ours is forgotten again, so that each command imports it anew, in its own environment.
"""

# ruff: noqa: E402

import gc
import sys

gc.disable()

import botocore.loaders

import infra.cli.local
import infra.embedded.server
import infra.replay.record  # noqa: F401


def _read_once(loader: type) -> None:
    """To read the model of EC2 takes a third of a second; each session would do it again."""
    read, found = loader.load_file, {}

    def load_file(self: object, path: str) -> object:
        if path not in found:
            found[path] = read(self, path)
        return found[path]

    loader.load_file = load_file


_read_once(botocore.loaders.JSONFileLoader)
for _service in ("autoscaling", "ec2", "sqs", "sts"):
    botocore.loaders.create_loader().load_service_model(_service, "service-2")

for _name in [*sys.modules]:
    if _name.partition(".")[0] in {"infra", "handlers", "models"}:
        del sys.modules[_name]
gc.freeze()
gc.enable()
