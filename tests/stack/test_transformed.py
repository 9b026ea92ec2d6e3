"""What the embedded AWS deploys is the stack's template of today, after the SAM transform."""

import hashlib
import json

from tests.support.paths import ROOT

INFRA = ROOT / "infra"


def test_the_transformed_template_is_made_of_the_one_that_is_deployed():
    """Else run `.ci/infra --transform`; `.ci/infra` compares the rest of it."""
    made = json.loads((INFRA / "embedded" / "template.json").read_text())

    source = (INFRA / "template.yaml").read_bytes()
    assert made["MadeFromSha256"] == hashlib.sha256(source).hexdigest()
