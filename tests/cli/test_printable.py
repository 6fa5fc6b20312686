from rimlight.cli.run import console


def test_the_name_of_a_file_cannot_steer_the_terminal():
    with console.capture() as told:
        console.print("failed: \x1b[2Ja.mp4\x07")
    assert "\x1b" not in told.get() and "\\x1b[2Ja.mp4\\x07" in told.get()
