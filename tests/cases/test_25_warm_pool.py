"""The instances of a warm pool were made from an older version, and the next scale-outs take them.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-warm-pools.html
"""

from tests.cases import steps_of

CASE = "25-warm-pool"


def test_a_group_with_a_warm_pool_follows_partly_and_says_what_to_type():
    answers = steps_of(CASE)

    assert answers["describe-auto-scaling-groups"].json["MinSize"] == 2
    [web] = answers["status"].lines
    [group] = web["groups"]
    [finding] = group["findings"]
    assert web["image_id"] == "ami-0a1b2c3d4e5f60718"
    assert (group["follows"], finding["follows"]) == (
        "partly uses $Default",
        "partly uses $Default",
    )
    assert "warm pool" in finding["what"]
    assert "start-instance-refresh --auto-scaling-group-name web" in finding["fix"]
    for shown, uses in (("status-text", "partly $Default"), ("explain", "partly uses $Default")):
        words = " ".join(answers[shown].stdout.replace("│", "").split())
        assert uses in words
        assert "warm pool" in words
        assert "start-instance-refresh --auto-scaling-group-name web" in words
