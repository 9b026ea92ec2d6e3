"""Every verb: its name and one line here, its parameters and its help in a module of its own.

`verbs/NAME.py` holds a function NAME: its signature, its docstring, which is the verb's help, and
the call of its work, which it imports then, `with importing()`. `verbs/dlq_NAME.py` is
`ami-reactor dlq NAME`. These modules, and `infra/cli/options.py`, import nothing but typer and the
standard library at their top: what they import, each `--help` and each completion waits for. The
work itself is in `infra/cli/NAME.py`, which may import anything.
"""

VERBS: dict[str, dict[str, str]] = {
    "Try and test": {
        "replay": "Replay captured events against an AWS that lives in this process.",
        "local": "Run the embedded AWS as a server, with the reactor's stack deployed in it.",
        "capture": "Write the events that the stack's rules matched, one file each. Read-only.",
        "record": (
            "Write the account's world: launch templates, versions, images, groups. Read-only."
        ),
        "schema": "Print the JSON Schema of what is read, and of what verbs print with --json.",
    },
    "See": {
        "status": (
            "Show every followed launch template: what it launches, what runs, what would happen"
            " next."
        ),
        "report": (
            "Report what each group and instance runs: its image, that image's age, how far it is"
            " behind."
        ),
        "explain": (
            "Explain why something launches or runs the image that it does, image by image."
        ),
        "history": "Show the versions of a launch template as a timeline, the newest first.",
        "doctor": (
            "Examine the stack, the events and every followed template, and say how to fix what is"
            " wrong."
        ),
        "verify": (
            "Ask AWS about each fact on which the reactor rests, with throw-away launch templates."
        ),
    },
    "Change": {
        "follow": "Have a launch template follow images: shows what that would match and move.",
        "unfollow": (
            "Have a launch template follow no images any more: shows which tags that removes."
        ),
        "reconcile": "Have the function look at one launch template, or at all of them, now.",
        "hold": "Hold a launch template: nothing moves it until it is resumed.",
        "resume": "End the hold of a launch template, and reconcile it at once.",
        "rollback": "Go back to an older version, so that it stays.",
        "prune": (
            "Delete old versions of a launch template that the reactor made, beyond the newest N."
        ),
        "quarantine": "Quarantine an image: no launch template is moved to it.",
        "unquarantine": (
            "Lift the quarantine of an image, so that templates may be moved to it again."
        ),
    },
    "Deploy": {
        "package": (
            "Make the archive that Lambda runs: models/, handlers/ and their pinned requirements."
        ),
        "template": "Print the stack's CloudFormation template; its CodeUri names the archive.",
        "window": (
            "Print two schedules that open and close a launch template for promotions, and their"
            " role."
        ),
    },
}
"""As the README's table of commands has them, and in its order: group, name, first line of help."""

DLQ_VERBS: dict[str, str] = {
    "list": "Show what is in the dead-letter queue: why, and what would become of it now.",
    "show": "Show everything about one message: what happened, when, why, and what to type next.",
    "redrive": (
        "Invoke the function again with the events of messages, and delete those that it got."
    ),
    "save": (
        "Write messages as captured events, one file each, named by time, type, image and error."
    ),
    "drop": (
        "Delete messages from the queue, after asking; a copy of each is written to a file first."
    ),
}
"""The verbs of `ami-reactor dlq`."""
