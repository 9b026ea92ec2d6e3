from tests.cases import steps_of


def volumes(image):
    return {m["DeviceName"]: m["Ebs"]["VolumeSize"] for m in image["BlockDeviceMappings"]}


def test_images_have_all_that_was_asked():
    answers = steps_of("37-images-made-by-the-cli")
    created, registered, copied = (answers[n].json for n in ("created", "registered", "copied"))

    assert volumes(created) == volumes(copied) == {"/dev/xvda": 20, "/dev/sdf": 100}
    assert created["SourceInstanceId"] == "i-0b2e25be910fac823"
    assert (registered["Architecture"], volumes(registered)) == ("arm64", {"/dev/sda1": 30})
    assert registered["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"] == "snap-0111111111111111a"
    assert copied["Tags"] == [{"Key": "Name", "Value": "web"}]
