from tests.cases import steps_of


def test_a_group_launches_its_desired_capacity_however_it_is_divided():
    answers = steps_of("22-half-on-demand")

    assert (answers["instances-1"].json, answers["instances-3"].json) == (1, 3)
