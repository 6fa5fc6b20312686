"""The panel in a real chromium, on a real run: mouse, keyboard, other pages, narrow and dark."""

import http.server
import threading
from contextlib import contextmanager

import av
import cv2
import numpy as np
import pytest
from live_program import PATTERN, Program
from web.browser import (
    ATTACK,
    CONTRAST,
    COUNT_NAMELESS,
    DROP,
    FIND_CUT,
    IS_CORNER,
    TRY_ALL,
    need_browser,
)

pytestmark = pytest.mark.slow

TEAL, RED, GREEN, BLUE = [51, 92, 103], [255, 0, 0], [0, 255, 0], [0, 0, 255]


@pytest.fixture(scope="module")
def chromium():
    path = need_browser()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("panel")
    (folder / "rooms").mkdir()
    for name, color in (("red", RED), ("<i>green", GREEN)):
        picture = np.full((90, 160, 3), color[::-1], np.uint8)
        cv2.imwrite(str(folder / "rooms" / f"{name}.png"), picture)
    return Program(folder)


@pytest.fixture(scope="module")
def url(program, chromium):
    words = ("--sink", "panel:0", "--set", "sinks.1.backgrounds=rooms")
    with program.start("live", *PATTERN, *words) as url:
        yield url


@pytest.fixture
def open_page(chromium, url, program):
    """Open the panel by its address, as a first visit; no page may report an error."""
    program.control("background", "#335c67")
    program.control("panic", "off")
    contexts, problems = [], []

    def open_page(width=1280, height=900, address=url, **options):
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(address)
        page.wait_for_selector("#state.good")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


def wait_for_corner(page, color):
    page.wait_for_function(IS_CORNER, arg=color, timeout=10_000)


def test_the_first_visit_shows_the_picture_and_keeps_the_token_out_of_sight(open_page, url):
    page = open_page()
    wait_for_corner(page, TEAL)
    assert page.url == url.partition("open/")[0]
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_by_mouse_a_picture_of_the_gallery_stands_behind_the_person(open_page):
    page = open_page()
    item = page.get_by_role("button", name="red")
    item.click()
    wait_for_corner(page, RED)
    page.wait_for_selector("#gallery button[aria-pressed=true]")
    assert item.get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="Color #d9cab3").click()
    wait_for_corner(page, [217, 202, 179])


def test_by_keyboard_everything_is_covered_and_shown_again(open_page, program):
    page = open_page()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "panic"
    page.keyboard.press("Enter")
    page.wait_for_selector("#cover:not([hidden])")
    assert program.control("status")["status"]["panic"]
    assert page.get_by_role("button", name="Show again").get_attribute("aria-pressed") == "true"
    page.keyboard.press("p")
    page.wait_for_selector("#cover[hidden]", state="attached")
    assert not program.control("status")["status"]["panic"]


def test_by_keyboard_the_blur_is_set_and_a_slider_says_its_value(open_page, program):
    page = open_page()
    page.focus("#blur")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.getElementById('blur').dataset.held === 'false'")
    status = program.control("status")["status"]
    assert status["effects"] == ["blur"]
    assert page.text_content("#blur-value") == f"{status['blur_px']:g} px"


def test_every_control_is_reached_by_tab_and_has_a_name(open_page):
    page = open_page()
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        active = "document.activeElement"
        reached.add(page.evaluate(f"{active}.id || {active}.textContent"))
    buttons = {"panic", "freeze", "mirror", "framing", "record", "add", "next"}
    assert buttons | {"blur", "model", "budget", "red", "fast", "balanced", "best"} <= reached
    assert page.evaluate(COUNT_NAMELESS) == 0


def test_a_dropped_picture_goes_behind_the_person_and_markup_stays_text(open_page):
    page = open_page()
    png = cv2.imencode(".png", np.full((90, 160, 3), BLUE[::-1], np.uint8))[1].tobytes()
    page.evaluate(DROP, ["<img src=x onerror=alert(1)>.png", list(png)])
    wait_for_corner(page, BLUE)
    names = page.locator("#gallery .name").all_text_contents()
    assert "<i>green" in names and any("onerror" in name for name in names)
    assert page.locator("#gallery i, #gallery [onerror]").count() == 0


def test_a_dropped_file_that_is_no_picture_is_refused_in_a_sentence(open_page):
    page = open_page()
    page.evaluate(DROP, ["<b>notes.txt", list(b"hello")])
    page.wait_for_selector("#message:not([hidden])")
    assert page.text_content("#message").startswith("<b>notes.txt: this file is no picture.")
    wait_for_corner(page, TEAL)


def test_a_recording_is_started_and_ended_by_a_button(open_page, program):
    page = open_page()
    page.get_by_role("button", name="Record").click()
    page.wait_for_selector("#record[aria-pressed=true]")
    assert page.text_content("#recording").startswith("Recording to rimlight 2")
    page.keyboard.press("r")
    page.wait_for_selector("#recording[hidden]", state="attached")
    (path,) = (program.folder / "Videos").iterdir()
    with av.open(path) as clip:
        assert next(clip.decode(video=0)).width == 320


def test_two_panels_show_the_same(open_page):
    one, other = open_page(), open_page()
    one.keyboard.press("p")
    other.wait_for_selector("#cover:not([hidden])")
    other.keyboard.press("p")
    one.wait_for_selector("#cover[hidden]", state="attached")


def test_the_address_of_an_earlier_run_is_explained(open_page, url):
    page = open_page()
    port = url.split(":")[2].partition("/")[0]
    cookie = {"name": f"rimlight-{port}", "value": "old", "url": url.partition("open/")[0]}
    page.context.add_cookies([cookie])
    page.wait_for_selector("#state.bad")
    page.wait_for_selector("#frame.ended")
    assert "earlier run" in page.text_content("#message")
    page.goto(url.partition("open/")[0] + "open/wrong")
    assert "rimlight ctl panel" in page.text_content("body")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_it_is_readable_at_any_width_light_and_dark(open_page, width, scheme):
    page = open_page(width, 780, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(FIND_CUT) == []
    assert page.evaluate(CONTRAST) >= 4.5  # WCAG 2.1, 1.4.3


@contextmanager
def serve_other_site(page_text):
    """Serve a page of another site on another port of this machine."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page_text.encode())

        def log_message(self, *_): ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_page_of_another_site_sees_no_picture_and_presses_no_button(
    open_page, program, url, host
):
    panel = url.partition("open/")[0]
    page = open_page()  # the cookie is in this browser
    with serve_other_site(ATTACK % {"panel": panel}) as port:
        other = page.context.new_page()
        other.goto(f"http://{host}:{port}/")
        got = other.evaluate(TRY_ALL, panel)
    assert got == {"read": 0, "width": 0, "framed": ""}
    assert not program.control("status")["status"]["panic"]


def test_the_page_asks_nobody_but_its_own_server(chromium, url):
    context = chromium.new_context()
    asked = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("#state.good")
    context.close()
    base = url.partition("open/")[0]
    assert asked and all(each.startswith((base, f"blob:{base}")) for each in asked)
