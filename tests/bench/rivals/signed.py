"""The physical floor: the script's calls over http.client, signed by hand, answers by regex.

Signature Version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

import hashlib
import hmac
import os
import re
import ssl
import time
from http.client import HTTPSConnection
from typing import Any
from urllib.parse import quote

_HOST = os.environ["AWS_ENDPOINT_URL"].removeprefix("https://")
_REGION = os.environ["AWS_REGION"]
_SIGNED = "content-type;host;x-amz-date;x-amz-security-token"
_TRUST = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
_connection = HTTPSConnection(_HOST, context=_TRUST)


def lambda_handler(_event: object, _context: object) -> dict[str, Any]:
    images = _call(
        "DescribeImages",
        **{
            "Owner.1": "self",
            "Filter.1.Name": "name",
            "Filter.1.Value.1": os.environ["IMAGE_NAME"],
            "Filter.2.Name": "state",
            "Filter.2.Value.1": "available",
        },
    )
    ids = re.findall("<imageId>(.*?)<", images)
    dates = re.findall("<creationDate>(.*?)<", images)
    newest = max(zip(dates, ids, strict=True))[1]
    template_id = os.environ["LAUNCH_TEMPLATE_ID"]
    created = _call(
        "CreateLaunchTemplateVersion",
        **{
            "LaunchTemplateId": template_id,
            "SourceVersion": "$Latest",
            "VersionDescription": f"image {newest}",
            "LaunchTemplateData.ImageId": newest,
        },
    )
    number = re.findall(r"<versionNumber>(\d+)<", created)[0]
    _call("ModifyLaunchTemplate", LaunchTemplateId=template_id, SetDefaultVersion=number)
    return {"version": int(number), "image": newest}


def _call(action: str, **parameters: str) -> str:
    form = {"Action": action, "Version": "2016-11-15", **parameters}
    body = "&".join(f"{key}={quote(value, safe='-_.~')}" for key, value in form.items())
    headers = {
        "content-type": "application/x-www-form-urlencoded; charset=utf-8",
        "host": _HOST,
        "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
        "x-amz-security-token": os.environ["AWS_SESSION_TOKEN"],
    }
    _connection.request("POST", "/", body, headers | {"authorization": _signature(headers, body)})
    answer = _connection.getresponse()
    text = answer.read().decode()
    if answer.status != 200:
        raise RuntimeError(text)
    return text


def _signature(headers: dict[str, str], body: str) -> str:
    lines = [f"{name}:{value}" for name, value in headers.items()]
    request = "\n".join(["POST", "/", "", *lines, "", _SIGNED, _sha256(body)])
    day = headers["x-amz-date"][:8]
    scope = f"{day}/{_REGION}/ec2/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, _sha256(request)])
    key = f"AWS4{os.environ['AWS_SECRET_ACCESS_KEY']}".encode()
    for part in (day, _REGION, "ec2", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    who = f"{os.environ['AWS_ACCESS_KEY_ID']}/{scope}"
    return f"AWS4-HMAC-SHA256 Credential={who}, SignedHeaders={_SIGNED}, Signature={signature}"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
