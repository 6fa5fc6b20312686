"""`--quality`, over the real command line."""


def test_the_quality_is_part_of_the_plan(rimlight):
    done = rimlight(
        "process", "test-pattern", "-b", "white", "-o", "null", "--quality", "best", "--dry-run"
    )
    assert done.returncode == 0, done.stderr
    assert "roi: multi" in done.stdout and "kind: flow-smooth" in done.stdout


def test_an_unknown_quality_is_refused(refused):
    args = ("process", "test-pattern", "-b", "white", "-o", "null", "--quality", "bset")
    refused(*args, code=2, says="unknown quality 'bset'", hint="best")


def test_videos_start_balanced_and_images_with_the_best(rimlight, tmp_path):
    (tmp_path / "photos").mkdir()
    plan = ("-b", "white", "--dry-run", "-o")
    video = rimlight("process", "test-pattern", *plan, "null")
    images = rimlight("process", "photos", *plan, "out/")
    assert "roi: track" in video.stdout
    assert "roi: multi" in images.stdout and "kind: hair" in images.stdout


def test_a_green_screen_keeps_its_own_segmenter(rimlight):
    done = rimlight(
        "process",
        "test-pattern",
        "-b",
        "white",
        "-o",
        "null",
        "--green-screen",
        "lime",
        "--dry-run",
    )
    assert done.returncode == 0, done.stderr
    assert "roi" not in done.stdout
