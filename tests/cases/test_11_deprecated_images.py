from tests.cases import replayed

CASE = "11-deprecated-images"


def settled(event, world):
    [line] = replayed(CASE, event, world).lines
    [web] = line["templates"]
    return web


def test_a_deprecated_current_image_is_replaced_by_a_newer_one():
    assert settled("event.json", "world-in-force.json")["reason"] == "newer-image"


def test_a_newer_image_that_is_deprecated_is_skipped_and_named():
    web = settled("event.json", "world-newest.json")

    assert web["outcome"] == "kept"
    assert "skipped: deprecated" in web["message"]


def test_the_message_counts_deprecated_images():
    web = settled("event-old.json", "world-all.json")

    assert web["outcome"] == "kept"
    assert "2 deprecated" in web["message"]
    assert "can be launched" not in web["message"]


def test_a_lost_image_is_replaced_by_a_deprecated_one_rather_than_by_none():
    web = settled("event-gone.json", "world-gone.json")

    assert (web["outcome"], web["reason"]) == ("promoted", "current-image-gone")
    assert web["to_image"] == "ami-00aa11bb22cc33dd4"
    assert "deprecated" in web["message"]
