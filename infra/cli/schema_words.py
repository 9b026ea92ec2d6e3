"""What a key means wherever it is printed, unless the docstring of its model says it better."""

WORDS = {
    "account": "The AWS account's id.",
    "region": "The AWS Region.",
    "launch_template_id": "The launch template's id.",
    "launch_template_name": "The launch template's name.",
    "default_version": "The number of the launch template's default version.",
    "latest_version": "The number of the launch template's latest version.",
    "image_id": "The image's id.",
    "message": "One sentence, for people.",
    "who": "Who did it; null if the tag was written by hand.",
    "why": "The reason that was given.",
}
