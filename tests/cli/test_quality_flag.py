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
