"""The page in a real browser, at the widths of a desk and of a phone."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.report.example_report import LAYERS, NASTY, SCRIPT

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
WIDE, PHONE = 1440, 390
FIRST_LAYERS = 'document.querySelectorAll(".heat tbody th")'


@pytest.fixture(scope="module")
def browser():
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=[*QUIET])
        yield started
        started.close()


@pytest.fixture(scope="module")
def address(html, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html, encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def opened(browser, address):
    """Return a function that opens the page and hears what the browser has to say of it."""
    contexts = []

    def open_at(width, scheme="light", **options):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, **options
        )
        contexts.append(context)
        tab, heard = context.new_page(), []
        tab.on("console", lambda message: heard.append(message.text))
        tab.on("pageerror", lambda error: heard.append(str(error)))
        tab.on("dialog", lambda dialog: heard.append(dialog.message))
        tab.on("request", lambda request: heard.append(request.url))
        tab.goto(address)
        return SimpleNamespace(tab=tab, heard=heard)

    yield open_at
    for context in contexts:
        context.close()


def only_itself(heard, address):
    return [said for said in heard if not said.startswith((address, "data:"))]


def layers(tab):
    return tab.evaluate(f"[...{FIRST_LAYERS}].map(cell => cell.innerText)")


@pytest.mark.parametrize("width", [WIDE, 800, PHONE])
def test_numbers_of_many_digits_keep_to_their_columns(opened, width):
    tab = opened(width).tab
    overlapping = tab.evaluate(
        """() => {
            for (const row of document.querySelectorAll(".worst tbody tr"))
                ["", "", "+4.186", "19.104 ±10.158", "4.918"].forEach((text, n) => {
                    if (text) row.cells[n].firstElementChild.textContent = text;
                });
            const out = (link, cell) => link.left < cell.left || link.right > cell.right;
            return [...document.querySelectorAll(".worst td.n a")].filter(link => out(
                link.getBoundingClientRect(), link.closest("td").getBoundingClientRect()
            )).length;
        }"""
    )
    assert overlapping == 0


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_it_fits_and_says_nothing(opened, address, width):
    page = opened(width)
    tab = page.tab
    tab.evaluate('document.querySelectorAll("details").forEach(one => { one.open = true; })')
    assert tab.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [width, width]
    assert only_itself(page.heard, address) == []
    assert tab.evaluate("window.hacked") is None
    assert tab.locator("nav a", has_text=SCRIPT).inner_text() == NASTY
    assert tab.locator("script, img, iframe, object").count() == 1
    plots = tab.locator(".plot svg")
    assert plots.count() == 14
    for n in range(plots.count()):
        box = plots.nth(n).bounding_box()
        assert box["x"] >= 0
        assert 250 < box["width"] <= width - box["x"]
        assert box["height"] > 100


def test_the_heat_map_is_sorted_by_depth_by_loss_and_by_column(opened):
    tab = opened(WIDE).tab
    assert layers(tab) == list(LAYERS)
    tab.evaluate("document.querySelector('[data-sort=loss]').click()")
    assert layers(tab)[:3] == list(LAYERS[:3])
    by_column = tab.locator('[data-sort="3"]')
    by_column.click()
    # What was skipped under this condition comes last.
    assert layers(tab)[-1] == LAYERS[-1]
    assert by_column.get_attribute("aria-pressed") == "true"
    tab.click("[data-sort=depth]")
    assert layers(tab) == list(LAYERS)
    assert by_column.get_attribute("aria-pressed") == "false"


def test_losses_out_of_order_come_into_order(opened):
    tab = opened(WIDE).tab
    rows = "[...document.querySelectorAll('.heat tbody tr')]"
    tab.evaluate(
        f"{rows}.forEach((row, n) => {{ const [, , one, other] = row.cells;"
        "one.dataset.v = n * 7 % 34; other.dataset.v = -1; })"
    )
    tab.click("[data-sort=loss]")
    losses = tab.evaluate(f"{rows}.map(row => Number(row.cells[2].dataset.v))")
    assert losses == sorted(losses, reverse=True) != list(range(34))


def test_a_long_map_is_folded_until_asked_for(opened):
    tab = opened(PHONE).tab
    rows = tab.locator(".heat tbody tr")
    assert rows.nth(23).is_visible()
    assert not rows.nth(24).is_visible()
    tab.click("text=show all 34 layers")
    assert rows.nth(33).is_visible()
    assert not tab.locator("[data-more]").is_visible()


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_a_number_leads_to_its_raw_values(opened, width):
    tab = opened(width).tab
    link = tab.locator(".heat tbody tr:nth-child(2) td.h a").first
    raw = tab.locator(link.get_attribute("href"))
    assert not raw.is_visible()
    for _ in range(2):  # the same address again, when it was folded away
        link.click()
        assert "44.000" not in raw.inner_text()
        assert raw.inner_text().count("39.500") == 1
        assert tab.evaluate("scrollY") > 500
        tab.evaluate("document.querySelectorAll('details').forEach(one => { one.open = false; })")
    point = tab.locator(".plot svg a").first
    target = point.evaluate("a => a.getAttribute('xlink:href') || a.getAttribute('href')")
    point.dispatch_event("click")
    assert tab.locator(target).is_visible()


def test_it_reads_without_scripts_and_in_the_dark(opened):
    light = opened(WIDE, java_script_enabled=False).tab
    rows = light.locator(".heat tbody tr")
    assert rows.nth(33).is_visible()
    assert not light.locator("[data-sort=depth]").is_visible()
    assert not light.locator("[data-more]").is_visible()
    background = "getComputedStyle(document.body).backgroundColor"
    dark = opened(WIDE, "dark").tab
    assert dark.evaluate(background) == "rgb(19, 23, 28)"
    # Paper is white.
    dark.emulate_media(media="print", color_scheme="dark")
    assert dark.evaluate(background) == "rgb(255, 255, 255)"
    assert not dark.locator("nav").is_visible()
    assert dark.locator(".heat tbody tr").nth(33).is_visible()
    assert dark.pdf(format="A4").startswith(b"%PDF")


def test_a_figure_is_saved_as_svg_png_and_csv(opened):
    page = opened(WIDE)
    tab, heard = page.tab, page.heard
    files = tab.locator(".files").first
    contents = {}
    for kind in ("svg", "png", "csv"):
        with tab.expect_download() as download:
            files.locator(f'[data-kind="{kind}"]').click()
        saved = download.value
        assert saved.suggested_filename == f"{files.get_attribute('data-name')}.{kind}"
        contents[kind] = Path(saved.path()).read_bytes()
    assert contents["svg"].startswith(b"<svg")
    assert "96 embedded questions" in contents["svg"].decode()
    assert contents["png"].startswith(b"\x89PNG")
    assert b"," in contents["csv"].splitlines()[0]
    assert [line for line in heard if "Error" in line or "Refused" in line] == []


def test_a_figure_is_printed_on_paper_of_its_size(opened):
    page = opened(WIDE).tab
    page.context.add_init_script("window.print = () => { window.printed = true; };")
    with page.expect_popup() as popup:
        page.locator('.files [data-kind="pdf"]').first.click()
    sheet = popup.value
    sheet.wait_for_selector("img")
    width = sheet.evaluate("document.images[0].width")
    assert f"size: {width}px" in sheet.evaluate("document.head.textContent")
    assert width > 400


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_the_first_screen_has_the_finding_and_below_or_beside_it_its_plot(opened, width):
    tab = opened(width).tab
    finding, plot = tab.locator("h1"), tab.locator("header .plot svg")
    said, drawn = finding.bounding_box(), plot.bounding_box()
    assert said["y"] < 140
    if width == WIDE:
        assert drawn["y"] + drawn["height"] < 600
        assert drawn["x"] >= said["x"] + said["width"]
    else:
        assert drawn["y"] >= said["y"] + said["height"]
