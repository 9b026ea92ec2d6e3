"""Write the stack's template as CloudFormation sees it, after the SAM transform.

    .ci/infra --transform      # after each change of infra/template.yaml
    transform.py --check       # what CI does: the file must be what would be written

It runs in the environment of the tools: the translator caps the version of pydantic, and what is
tested must be what is deployed. The code is a placeholder, because the embedded Lambda calls the
handler that is there.
"""

import hashlib
import json
import logging
import os
import sys
from pathlib import Path

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

INFRA = Path(__file__).parents[2] / "infra"
SOURCE = INFRA / "template.yaml"
RESULT = INFRA / "embedded" / "template.json"


class NoManagedPolicies:
    """The role is our own, so the translator has no managed policy to look up."""

    def load(self):
        return {}


def transformed():
    text = SOURCE.read_bytes()
    document = yaml_parse(text.decode())
    for resource in document["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"].pop("CodeUri")
            resource["Properties"]["InlineCode"] = "placeholder"
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # the translator asks boto3 for one
    # at exit it would warn that it sent no metrics of its own
    logging.getLogger("samtranslator.metrics").setLevel(logging.ERROR)
    made = {
        "MadeFromSha256": hashlib.sha256(text).hexdigest(),
        "Template": transform(document, {}, NoManagedPolicies()),
    }
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def main():
    if sys.argv[1:] != ["--check"]:
        RESULT.write_text(transformed())
    elif RESULT.read_text() != transformed():
        sys.exit(f"{RESULT.name} is not made from {SOURCE.name}: run .ci/infra --transform")


main()
