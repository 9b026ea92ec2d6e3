"""The embedded AWS: moto, repaired where it differs from AWS in what matters here.

It starts from a world (what exists in one account and Region), answers boto3 in this process or any
other client over HTTP, and leaves nothing behind. It never reaches the real AWS.

Only this package may import moto. It never imports the command line.
"""

import gc
import os
from unittest import mock

import botocore.session

from infra.embedded.environment import environment_of
from infra.embedded.session import models

# Importing moto makes a million objects and no garbage, which the collector would look through
# again and again; moto reads botocore's model of EC2 once for each partition; and a profile that
# is not there would end the import.
_collects = gc.isenabled()
gc.disable()
with (
    mock.patch.object(botocore.session, "create_loader", lambda _path=None: models()),
    environment_of({"AWS_CONFIG_FILE": os.devnull}),
):
    import moto.awslambda.models
    import moto.cloudformation.models
    import moto.ec2.models
    import moto.events.models  # noqa: F401
    from moto.core.base_backend import AccountSpecificBackend

    AccountSpecificBackend.get_session().get_available_regions("ec2")
gc.freeze()
if _collects:
    gc.enable()
