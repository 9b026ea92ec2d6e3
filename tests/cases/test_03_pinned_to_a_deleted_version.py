import json

from tests.cases import HERE, replayed, served

CASE = "03-pinned-to-a-deleted-version"


def test_it_is_recorded_and_replayed_and_status_says_that_it_cannot_launch(tmp_path):
    recorded = str(tmp_path / "recorded.json")
    steps = {step["name"]: step for step in json.loads((HERE / CASE / "steps.json").read_text())}
    with served(HERE / CASE / "world.json") as run:
        for name, step in steps.items():
            if "aws" in step:
                assert run("aws", *step["aws"]).status == 0, name
        status = run("ami-reactor", "status", "--json")
        record = run("ami-reactor", "record", "--to", recorded)

    replay = replayed(CASE, "event.json", recorded)

    assert "it cannot launch: its version 1 was deleted" in status.stdout
    assert (record.status, replay.status) == (0, 0)


def test_the_same_account_as_a_pasted_world_is_replayed():
    assert replayed(CASE, "event.json", "world-pasted.json").status == 0
