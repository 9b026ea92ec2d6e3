"""The figures in FAULTS.md are those that were recorded."""

from tests.survival.report import BEGIN, END, FAULTS_MD, PARTS, recorded_text


def test_faults_md_holds_the_figures_as_they_were_recorded():
    _, _, rest = FAULTS_MD.read_text().partition(BEGIN)

    assert rest.partition(END)[0].strip() == recorded_text().strip()


def test_every_part_is_in_the_table():
    text = recorded_text()

    assert all(f"## {title}" in text for title in PARTS.values())
    assert "| lost | 0 |" in text
    assert "| backwards, one run at a time | 0 |" in text
    assert "NOT SEEN" not in text
    assert "BROKEN" not in text
