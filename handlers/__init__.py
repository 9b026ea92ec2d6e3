"""First floor: exactly what runs in Lambda.

May import models, botocore and Powertools; never infra, moto or anything of the command line. The
deployed archive is this folder, `models/` and what `requirements.txt` names.
"""

import gc
import os

if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    gc.disable()  # while the rest is imported: it all stays (handlers/reactor.py enables it again)
    # the archive has no plugins; to learn that, Pydantic would read what the runtime has installed
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
