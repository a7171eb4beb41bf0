"""The tab See, and the ways to choose an image, in a real browser."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from serve_browser import Tab, wait

ACTIVATION = "#seen figure:nth-of-type(2) img"
GUIDED = "#seen figure:nth-of-type(3) img"
MERGE = "#seen figure:nth-of-type(4)"


def test_everything_moves_with_the_unroll(tab: Tab) -> None:
    tab.says("#seen", "conv_2@1, filter")
    assert "nothing arrives" in tab.text(MERGE)
    assert tab.text("#seen th.now") == "unroll 1"
    before = [tab.source(ACTIVATION), tab.source(GUIDED), tab.source(".sheet img")]
    tab.slide("unroll", Keys.ARROW_RIGHT)
    tab.says("#seen", "conv_2@2, filter")
    assert "feedback@2" in tab.text(MERGE)
    assert tab.source(f"{MERGE} img").startswith("data:image/png")
    assert tab.text("#seen th.now") == "unroll 2"
    after = [tab.source(ACTIVATION), tab.source(GUIDED), tab.source(".sheet img")]
    assert all(a != b for a, b in zip(after, before, strict=True))


def test_play_steps_through_the_unrolls_and_pauses(tab: Tab) -> None:
    tab.click("#play")
    tab.says("#play", "Pause")
    for unroll in (2, 3, 1):
        tab.says("#seen th.now", f"unroll {unroll}")
        assert tab.position("unroll") == unroll
    tab.click("#play")
    tab.says("#play", "Play")


def test_layers_are_chosen_on_the_drawing_and_filters_on_the_overview(tab: Tab) -> None:
    tab.click("rect[data-layer=conv_3]")
    tab.says("#seen", "conv_3@1, filter")
    wait(lambda: tab.all("rect[data-layer=conv_3][aria-pressed=true]"))
    assert not tab.all("rect[data-layer=conv_2][aria-pressed=true]")
    sheet = tab.until("#seen .sheet")
    columns = int(sheet.get_attribute("data-columns"))
    width, height = sheet.size["width"], sheet.size["height"]
    rows = int(sheet.get_attribute("data-rows"))
    # the middle of the third filter of the second row
    x, y = width * 2.5 / columns - width / 2, height * 1.5 / rows - height / 2
    ActionChains(tab.driver).move_to_element_with_offset(sheet, int(x), int(y)).click().perform()
    tab.says("#seen", f"conv_3@1, filter {columns + 2}\n")
    assert tab.position("filter") == columns + 2
    tab.choose("layer", "feedback")
    tab.says("#seen", "feedback@2, filter")


def test_test_images_are_chosen_and_turned(tab: Tab) -> None:
    tab.says("#source", "test image 0")
    tab.click("#gallery button[data-image='7']")
    tab.says("#source", "test image 7")
    wait(lambda: tab.all("#gallery button[data-image='7'][aria-pressed=true]"))
    tab.click("#later")
    tab.until("#gallery button[data-image='20']")
    tab.click("#earlier")
    tab.until("#gallery button[data-image='0']")


def test_the_keyboard_is_enough(tab: Tab) -> None:
    rect = tab.until("rect[data-layer=conv_1]")
    tab.run("arguments[0].focus()", rect)
    rect.send_keys(Keys.ENTER)
    tab.says("#seen", "conv_1@1, filter")
    picture = tab.until("#gallery button[data-image='3']")
    picture.send_keys(Keys.SPACE)
    tab.says("#source", "test image 3")
    tab.slide("filter", Keys.HOME)
    tab.says("#seen", "filter 0\n")


def test_a_digit_is_drawn_with_the_mouse(tab: Tab) -> None:
    tab.tab("Draw")
    canvas = tab.until("#pad canvas")
    stroke = ActionChains(tab.driver).move_to_element_with_offset(canvas, 0, -80).click_and_hold()
    stroke.move_by_offset(0, 80).move_by_offset(0, 80).release().perform()
    tab.says("#source", "your drawing")
    drawn = tab.source("#source img")
    tab.click("#pad button")
    wait(lambda: tab.source("#source img") not in ("", drawn))
    blank = tab.source("#source img")
    canvas.send_keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    wait(lambda: tab.source("#source img") not in ("", blank))


def png(width: int, height: int) -> bytes:
    """Return a PNG file that says it has this size, and has no pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    parts = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d))
             for n, d in chunks)  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def picture() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 30), (200, 30, 30)).save(stream, "png")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("notes.png", b"this is no picture", "cannot be decoded as an image"),
        ("huge.png", png(60_000, 60_000), "pixels: make it smaller"),
        ("broken.png", picture()[:60], "cannot be decoded as an image"),
        ("<img src=x onerror=alert(1)>.png", b"GIF89a", "cannot be decoded as an image"),
    ],
)
def test_uploads_that_cannot_be_used_are_refused(
    tab: Tab, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    tab.says("#source", "test image 0")
    upload(tab, tmp_path / name, content)
    tab.says("#message [role=alert]", said)
    assert "test image 0" in tab.text("#source")
    upload(tab, tmp_path / "good.png", picture())
    tab.says("#source", "your image")
    assert tab.text("#message") == ""


def test_files_beyond_the_limit_are_refused(tab: Tab, tmp_path: Path) -> None:
    from loopynet.serve.session import LARGEST_UPLOAD

    upload(tab, tmp_path / "large.png", picture() + bytes(LARGEST_UPLOAD))
    tab.says("body", "(?i)exceeds|maximum|larger than")
    assert "test image 0" in tab.text("#source")


def upload(tab: Tab, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    if not tab.all("#upload"):
        tab.tab("Upload")
    tab.until("#upload")
    wait(lambda: tab.all("input[type=file]"))[0].send_keys(str(file))


def test_users_do_not_see_each_other(tab: Tab, address: str) -> None:
    mine = tab.driver.current_window_handle
    tab.click("#gallery button[data-image='5']")
    tab.says("#source", "test image 5")
    tab.driver.switch_to.new_window("window")
    try:
        tab.open(address)
        tab.says("#source", "test image 0")
        tab.click("#gallery button[data-image='9']")
        tab.says("#source", "test image 9")
        tab.tab("Change")
        tab.click("#cut")
        tab.says("#history", "feedback cut")
        tab.says("#effect", "269 of 269")
        tab.collect()
        tab.driver.close()
    finally:
        tab.driver.switch_to.window(mine)
        tab.driver.get_log("browser")  # a window that closes tells of its open connections
    tab.slide("unroll", Keys.ARROW_RIGHT)
    tab.says("#seen th.now", "unroll 2")
    assert "test image 5" in tab.text("#source")
    tab.tab("Change")
    tab.says("#history", "No changes")
