import json


def test_doctor_lists_findings_and_its_exit_code_says_whether_all_is_well(rimlight):
    done = rimlight("doctor", "--json")
    found = json.loads(done.stdout)
    levels = {each["level"] for each in found}
    assert levels <= {"ok", "warning", "problem"}
    assert done.returncode == (1 if "problem" in levels else 0)


def test_doctor_prints_the_command_that_mends_a_problem(rimlight):
    lines = rimlight("doctor").stdout.splitlines()
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith(("problem", "warning")):
            assert after.strip().startswith("-> ")


def test_setup_camera_prints_and_changes_nothing(rimlight):
    done = rimlight("setup-camera")
    assert done.returncode == 0
    assert "modprobe" in done.stdout or "nothing to do" in done.stdout


def test_a_service_finds_the_files_that_it_was_given(rimlight, tmp_path):
    (tmp_path / "office.jpg").touch()
    unit = rimlight("service", "show", "--", "--background", "office.jpg", "--blur", "20").stdout
    assert f"--background {tmp_path / 'office.jpg'} --blur 20\n" in unit
