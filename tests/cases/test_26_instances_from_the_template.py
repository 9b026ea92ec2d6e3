from tests.cases import steps_of

CASE = "26-instances-from-the-template"
OLD, NEW = "ami-0111111111111111a", "ami-0a1b2c3d4e5f60718"


def test_run_instances_and_create_fleet_take_the_version_that_is_named():
    answers = steps_of(CASE)

    runs = [answers[f"run-{version}"].json for version in ("$Default", "$Latest", "1")]
    images = dict(answers["describe-instances"].json)
    fleets = [images[answers[f"fleet-{version}"].json] for version in ("$Default", "1")]
    assert runs == [NEW, NEW, OLD]
    assert fleets == [NEW, OLD]


def test_a_template_may_name_a_network_that_the_world_does_not_hold():
    answers = steps_of(CASE, "steps-with-network.json", "world-with-network.json")

    assert answers["run"].json == NEW
