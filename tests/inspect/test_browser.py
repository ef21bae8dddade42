"""The inspector's page in a real browser: headless Chromium, driven through the buttons, keys and numbers that a person
uses. Every page must stay free of errors and ask for nothing but itself.

What the page computes is held against the core: every operation it knows over the samples of its declaration, with
their gradients. Skipped where no Chromium is installed.
"""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from op_samples import SAMPLED, Case, samples
from playwright.sync_api import expect, sync_playwright

import graphdiff as gd
from graphdiff.inspect.html import operations
from graphdiff.inspect.live import program
from graphdiff.inspect.values import record
from graphdiff.ir.graph import Graph
from graphdiff.ir.node import topological
from graphdiff.ops.registry import REGISTRY

DOCS = Path(__file__).resolve().parents[2] / "docs"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt install chromium)")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

DRAWN = "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn())))"

# Primitives that the page does not compute: what depends on them is shown as recorded.
RECORDED = {
    "bessel_i",
    "bessel_j",
    "beta_density",
    "betainc",
    "betainc_by_a",
    "betainc_by_aa",
    "betainc_by_ab",
    "betainc_by_b",
    "betainc_by_bb",
    "betaln",
    "determinant",
    "digamma_gap",
    "erfcx",
    "erfcx_derivative",
    "fft_complex",
    "fft_half",
    "fft_real",
    "search",
    "segment",
    "gamma",
    "gamma_density",
    "gammainc",
    "gammainc_by_a",
    "gammainc_by_aa",
    "gammaincc",
    "i0",
    "i0e",
    "i0e_derivative",
    "i1",
    "i1e",
    "i1e_derivative",
    "j0",
    "j1",
    "k0e",
    "k0e_derivative",
    "k1e",
    "k1e_derivative",
    "linalg.cholesky",
    "linalg.eigh",
    "linalg.qr",
    "linalg.solve_triangular",
    "linalg.svd",
    "log_ndtr",
    "log_ndtr_excess",
    "log_ndtr_slope",
    "lu",
    "lu_solve",
    "ndtr",
    "ndtri",
    "nextafter",
    "normal_density",
    "random_below",
    "random_unit",
    "sinc",
    "sinc_derivative",
    "trigamma_gap",
}


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def browse(chromium):
    """Opens a file as a page; at the end of the test nothing may have gone wrong in any."""
    failures, pages = [], []

    def opened(path, **options):
        page = chromium.new_page(viewport={"width": 1400, "height": 900}, **options)
        # what a test reads after an action has been drawn by then, however busy the machine
        page.add_init_script("window.requestAnimationFrame = (draw) => (draw(performance.now()), 0)")
        page.on("console", lambda m: failures.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: failures.append(str(e)))
        page.on("request", lambda r: failures.append(r.url) if r.url.partition("#")[0] != path.as_uri() else None)
        page.goto(path.as_uri())
        pages.append(page)
        return page

    yield opened
    hacked = [page.evaluate("window.hacked") for page in pages]
    for page in pages:
        page.close()
    assert failures == [] and hacked == [None] * len(pages)


def values_in(page, selector="#panel .value"):
    """The numbers of the first value shown there."""
    first = page.locator(selector).first
    cells = first.locator("td").all_inner_texts() or first.locator("b.number").all_inner_texts()
    return [float(text.replace("−", "-")) for text in cells]


def find(page, text):
    page.fill("#find", "")
    page.fill("#find", text)


# ---------------------------------------------------------------------------------------------- stepping, finding


def layer(path, rows, width, out):
    """The page of a layer of tanh and its gradient, with the numbers that it is fed and those that it gives."""
    x = gd.input("x", shape=(rows, width), dtype="float64")
    W = gd.parameter("W", value=np.arange(1.0 * width * out).reshape(width, out) / 10)
    adj = gd.adjoint(gd.sum(gd.tanh(x @ W)), [W])
    x0 = np.random.default_rng(0).normal(size=(rows, width))
    adj.to_html(path, feed={x: x0})
    h = np.tanh(x0 @ W.value)
    return path, h, x0.T @ (1 - h * h)


@pytest.fixture
def net(tmp_path):
    return layer(tmp_path / "a.html", 2, 3, 2)


@pytest.fixture
def larger_net(tmp_path):
    """Of more elements than a tape takes: values lie in the arena."""
    return layer(tmp_path / "a.html", 5, 4, 4)


def test_steps_show_the_numbers_of_numpy(browse, net):
    path, h, gradient = net
    page = browse(path)
    page.click("#next")
    page.click("#next")
    np.testing.assert_allclose(values_in(page), h.ravel(), rtol=1e-4)
    page.click("#last")
    np.testing.assert_allclose(values_in(page), gradient.ravel(), rtol=1e-4)
    assert re.fullmatch(r"step (\d+) of \1, backward", page.locator("#step").inner_text())


def test_keys_and_finding(browse, larger_net):
    page = browse(larger_net[0])
    page.focus("#drawing")
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    assert re.fullmatch(r"step 1 of \d+, forward", page.locator("#step").inner_text())
    page.keyboard.press("/")
    page.keyboard.type("tanh")
    assert page.locator("#panel .equation").inner_text() == "%1 = tanh(%0)"
    assert page.locator("#found").inner_text() == "1 of 2"


def test_the_slider_and_a_click_choose(browse, net):
    page = browse(net[0])
    page.locator("#slider").fill("1")
    assert page.locator("#panel .equation").inner_text() == "%1 = tanh(%0)"
    page.locator("#boxes g", has_text="%0 matmul").click()
    assert page.locator("#panel .equation").inner_text() == "%0 = matmul(x, W)"
    assert page.locator("#boxes g.chosen").count() == 1 and page.locator("#boxes g.partner").count() >= 1
    assert page.locator("#boxes g.operand").count() == 2


def test_a_node_says_what_it_is(browse, net):
    page = browse(net[0])
    find(page, "tanh")
    panel = page.locator("#panel").inner_text()
    for told in ("x̄ += ȳ · tanh_slope(x)", "f64[2,2]", "test_browser.py:", "upstream gradient", "× local derivative"):
        assert told in panel


def test_the_rewrites_of_a_node_are_counted(browse, tmp_path):
    x = gd.input("x", shape=(3,), dtype="float64")
    gd.compile([x], gd.exp(x * 2.0 * 3.0 * 4.0)).to_html(tmp_path / "f.html")
    page = browse(tmp_path / "f.html")
    find(page, "multiply")
    assert page.locator("#panel .equation").inner_text() == "%0 = multiply(x, 24.0)"
    assert re.search(r"rewrites\s+it came to be after [1-9]", page.locator("#panel").inner_text())


def test_before_anything_is_chosen_the_whole_is_told(browse, net):
    page = browse(net[0])
    told = page.locator("#panel").inner_text()
    assert re.search(r"leaf\s+2 nodes", told) and re.search(r"forward\s+3 nodes", told)
    page.click("#panel a >> nth=1")
    assert page.locator("#panel .equation").inner_text().startswith(re.search(r"gradient of W: (\S+)", told)[1])


def test_what_is_pointed_at_is_shown_until_it_is_left(browse, larger_net):
    page = browse(larger_net[0])
    page.locator("#boxes g", has_text="%1 tanh").click()
    page.locator("#boxes g", has_text="%0 matmul").hover()
    assert page.locator("#panel .equation").inner_text() == "%0 = matmul(x, W)"
    assert page.locator("#boxes g.chosen").text_content().startswith("%0 matmul")
    page.hover("#panel")
    assert page.locator("#panel .equation").inner_text() == "%1 = tanh(%0)"
    block = page.locator("#arena rect").first.bounding_box()
    page.mouse.move(block["x"] + 3, block["y"] + 3)
    assert "bytes at offset" in page.locator("#block").inner_text()
    assert page.locator("#arena rect.chosen").count() == 1


def test_all_of_it_by_keys_alone_and_read_aloud(browse, net):
    page = browse(net[0])
    tree = page.locator("body").aria_snapshot()
    for told in (
        'combobox "Detail"',
        'searchbox "Find"',
        'button "Step on"',
        'slider "Step"',
        'img "Arena of ',
        'application "The graph: arrow keys step through it"',
        'button "x, f64[2,3], leaf, = ',
    ):
        assert told in tree, tree
    reached = set()
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id"))
    assert {"detail", "find", "reset", "drawing", "panel", "first", "back", "next", "last", "slider"} <= reached
    page.focus("#drawing")
    page.keyboard.press("Home")
    said = page.locator("#said")
    expect(said).to_have_text("%0 = matmul(x, W), f64[2,2]")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(said).to_have_text(re.compile(r"^%2 = sum\(%1\), f64\[\], is −?[\d.]+$"))
    active = page.get_attribute("#drawing", "aria-activedescendant")
    expect(page.locator("#boxes .chosen")).to_have_count(1)
    assert page.get_attribute("#boxes .chosen", "id") == active
    assert page.get_attribute("#slider", "aria-valuetext") == page.locator("#step").inner_text()
    assert page.evaluate(
        "[...document.querySelectorAll('input, button, select')].every((e) => e.labels?.length "
        "|| e.ariaLabel || e.textContent)"
    )


def test_an_operation_on_arrays_shows_what_its_rule_is_made_of(browse, net):
    page = browse(net[0])
    find(page, "matmul")
    link = page.locator(".link", has_text="x̄₂ += x₁ᵀ @ ȳ")
    assert "with x₁ = x" in link.inner_text() and "× local derivative" not in link.inner_text()
    upstream, x, product = (
        values_in(page, f".link .factor:has-text('{t}') >> nth=-1 >> .value")
        for t in ("upstream", "with x₁", "to the adjoint of W")
    )
    np.testing.assert_allclose(
        np.reshape(x, (2, 3)).T @ np.reshape(upstream, (2, 2)), np.reshape(product, (3, 2)), rtol=1e-3
    )


def test_a_loop_shows_its_body(browse, tmp_path):
    x, a = gd.input("x", shape=("n", 2), dtype="float64"), gd.parameter("a", value=np.array([0.5, -1]))
    h, _ = gd.scan(lambda h, row: (gd.tanh(h * a + row), None), gd.zeros((2,), dtype="float64"), x)
    gd.adjoint(gd.sum(h), a).to_html(tmp_path / "l.html", feed={x: np.ones((3, 2))})
    page = browse(tmp_path / "l.html")
    find(page, "loop")
    page.click("#panel .body summary >> nth=0")
    assert "= tanh(" in page.locator("#panel .body pre").first.inner_text()
    assert page.locator("#boxes .chosen text").first.text_content() == "%1… loop"


def test_a_function_without_inputs_shows_its_values(browse, tmp_path):
    n = gd.state("n", value=np.int64(3))
    gd.compile([], n * 2, updates={n: n + 1}).to_html(tmp_path / "n.html")
    page = browse(tmp_path / "n.html")
    find(page, "multiply")
    assert values_in(page) == [6] and n.value == 3


def test_a_compiled_function_shows_its_merges(browse, tmp_path):
    x, W = gd.input("x", shape=(3, 3), dtype="float64"), gd.parameter("W", value=np.full((3, 3), 0.3))
    h = gd.tanh(x @ W) @ W
    f = gd.compile([x], gd.sum(h), updates={W: W - gd.grad(gd.sum(h), W)})
    f.to_html(tmp_path / "f.html", np.eye(3))
    page = browse(tmp_path / "f.html")
    merges = [n for n in f.graph.nodes if n.origin and n.origin.rule == "sum of contributions"]
    assert len(merges) == 1
    page.locator("#panel a", has_text=re.compile("^%")).last.click()
    while "Merge" not in page.locator("#panel").inner_text():
        page.click("#back")
    first, second, total = (values_in(page, f"#panel > .factor >> nth={k} >> .value") for k in range(3))
    np.testing.assert_allclose(np.add(first, second), total, rtol=1e-3)


def test_matrices_are_heat_maps_and_large_arrays_histograms(browse, tmp_path):
    x = gd.input("x", shape=(8, 9), dtype="float64")
    x0 = np.random.default_rng(0).normal(size=(8, 9))
    wide = gd.broadcast_to(gd.reshape(x, (1, 8, 9)), (20, 8, 9))
    gd.sum(wide * 2.0).to_html(tmp_path / "m.html", feed={x: x0})
    page = browse(tmp_path / "m.html")
    page.click("#next")
    find(page, "reshape")
    told = page.locator("#panel .spread").first.inner_text().replace("−", "-")
    numbers = [float(t) for t in re.findall(r"-?\d+\.\d+", told)]
    np.testing.assert_allclose(numbers, [x0.min(), x0.max(), x0.mean(), np.linalg.norm(x0)], rtol=1e-3)
    assert page.locator("#panel .heat rect").count() >= 72 and values_in(page) == []
    page.click("text=numbers >> nth=0")
    page.locator("#panel .value >> nth=0 >> td").first.wait_for()  # a fold tells that it was opened a moment later
    np.testing.assert_allclose(values_in(page), x0.ravel(), rtol=1e-4)
    heat = page.locator("#panel .heat").first.bounding_box()
    page.mouse.move(heat["x"] + 3, heat["y"] + heat["height"] - 3)
    assert "[0, 7, 0] is" in page.locator("#panel .value").first.inner_text()
    find(page, "multiply")
    assert page.locator("#panel .value >> nth=0 >> .bins rect").count() == 16
    counts = [int(t) for t in page.locator("#panel .value >> nth=0 >> .bins title").all_text_contents()]
    assert counts == (20 * np.histogram(x0, 16)[0]).tolist()


# ---------------------------------------------------------------------------------------------- live values


@pytest.fixture
def explorer(tmp_path):
    """A graph of numbers, one used twice: its page, and what NumPy makes of it."""
    a, b, c = (gd.input(name, dtype="float64") for name in "abc")
    d = a * b
    adj = gd.adjoint(gd.tanh(d + c) * d, [a, b, c])
    adj.to_html(tmp_path / "chain.html", feed={a: 2.0, b: -0.3, c: 1.0})

    def derivatives(a, b, c):
        t = np.tanh(a * b + c)
        by_d = t + a * b * (1 - t * t)
        return [by_d * b, by_d * a, a * b * (1 - t * t)]

    return tmp_path / "chain.html", derivatives


def adjoint_of(page, name):
    """The gradient that the box of a leaf shows, once what was asked for is drawn."""
    page.evaluate(DRAWN)
    text = page.locator("#boxes g", has_text=re.compile(f"^{name}=")).text_content()
    return float(text.partition("∂")[2].replace("−", "-"))


def test_derivatives_follow_a_dragged_input(browse, explorer):
    path, derivatives = explorer
    page = browse(path)
    np.testing.assert_allclose([adjoint_of(page, n) for n in "abc"], derivatives(2.0, -0.3, 1.0), rtol=5e-3)
    page.locator("#boxes g", has_text=re.compile("^a=")).click()
    page.locator(".sliders input").fill("1.2")
    np.testing.assert_allclose([adjoint_of(page, n) for n in "abc"], derivatives(1.2, -0.3, 1.0), rtol=5e-3)
    cell = page.locator(".sliders td")
    box = cell.bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 65, box["y"] + 5, steps=5)
    page.mouse.up()
    at = float(cell.inner_text())
    assert at > 1.3
    np.testing.assert_allclose([adjoint_of(page, n) for n in "abc"], derivatives(at, -0.3, 1.0), rtol=5e-3)
    page.click("#reset")
    np.testing.assert_allclose([adjoint_of(page, n) for n in "abc"], derivatives(2.0, -0.3, 1.0), rtol=5e-3)


def test_a_number_is_moved_by_keys_and_typed(browse, explorer):
    path, derivatives = explorer
    page = browse(path)
    page.locator("#boxes g", has_text=re.compile("^b=")).click()
    cell = page.locator(".sliders td")
    cell.press("ArrowUp")
    assert float(cell.inner_text().replace("−", "-")) > -0.3
    cell.press("Enter")
    page.keyboard.type("0.75")
    page.keyboard.press("Enter")
    assert cell.get_attribute("aria-valuenow") == "0.75"
    np.testing.assert_allclose([adjoint_of(page, n) for n in "abc"], derivatives(2.0, 0.75, 1.0), rtol=5e-3)


def test_factors_make_the_product_and_contributions_the_sum(browse, explorer):
    page = browse(explorer[0])
    page.locator("#boxes g", has_text="%0 multiply").click()
    for link in page.locator(".link").all():
        upstream, local, product = (float(t.replace("−", "-")) for t in link.locator("b.number").all_inner_texts())
        np.testing.assert_allclose(upstream * local, product, rtol=1e-3)
    assert "2 contributions to the adjoint of %0" in page.locator("#panel").inner_text()
    merge = [float(t.replace("−", "-")) for t in page.locator("#panel > .factor b.number").all_inner_texts()]
    assert len(merge) == 3
    np.testing.assert_allclose(merge[0] + merge[1], merge[2], rtol=1e-3)


def test_a_leaf_of_many_uses_follows_at_once(browse, tmp_path):
    """Its merge has a contribution for each use; as many are listed as a person reads, and their sum is of all."""
    a = gd.input("a", dtype="float64")
    h = a
    for _ in range(200):
        h = gd.sin(h + a)
    gd.adjoint(h, a).to_html(tmp_path / "u.html", feed={a: 0.5})
    page = browse(tmp_path / "u.html")
    page.locator("#boxes g", has_text=re.compile("^a=")).click()
    told = page.locator("#panel").inner_text()
    assert "Merge: 201 contributions" in told and "+ 177 more" in told
    page.locator("td.drag").press("Enter")
    page.keyboard.type("0.25")
    page.keyboard.press("Enter")
    f = gd.compile([a], gd.grad(h, a))
    (total,) = (float(t.replace("−", "-")) for t in page.locator("#panel > .sum b.number").all_inner_texts())
    np.testing.assert_allclose(total, f(0.25), rtol=1e-4)


def test_a_matrix_follows_too(browse, tmp_path):
    x = gd.input("x", shape=("n", 4), dtype="float32")
    W = gd.parameter("W", value=np.full((4, 5), 0.1, "float32"))
    x0 = np.random.default_rng(1).normal(size=(3, 4)).astype("float32")
    gd.adjoint(gd.mean(gd.square(x @ W)), [W]).to_html(tmp_path / "m.html", feed={x: x0})
    page = browse(tmp_path / "m.html")
    page.locator("#boxes g", has_text=re.compile("^W")).click()
    page.locator("td.drag").nth(6).press("Enter")
    page.keyboard.type("2.5")
    page.keyboard.press("Enter")
    page.click("#last")
    w = np.full((4, 5), 0.1)
    w[1, 1] = 2.5
    np.testing.assert_allclose(values_in(page), (x0.T @ (2 * (x0 @ w) / 15)).ravel(), rtol=1e-3, atol=1e-6)


def test_an_index_out_of_range_is_told(browse, tmp_path):
    i = gd.input("i", shape=(2,), dtype="int64")
    table = gd.parameter("table", value=np.arange(3.0))
    gd.adjoint(gd.sum(gd.take(table, i)), table).to_html(tmp_path / "i.html", feed={i: np.array([0, 2])})
    page = browse(tmp_path / "i.html")
    page.locator("#boxes g", has_text=re.compile("^i")).click()
    page.locator(".sliders input").first.fill("7")
    assert page.locator("#note").inner_text() == "index 7 is out of range for size 3"
    page.locator(".sliders input").first.fill("1")
    assert "Live" in page.locator("#note").inner_text()


def test_what_the_page_cannot_compute_says_so(browse, tmp_path):
    x = gd.input("x", shape=(2, 2), dtype="float64")
    y = gd.sum(gd.linalg.cholesky(x)) + gd.sum(x)
    gd.adjoint(y, x).to_html(tmp_path / "l.html", feed={x: np.eye(2)})
    page = browse(tmp_path / "l.html")
    assert "linalg.cholesky" in page.locator("#note").inner_text()
    find(page, "cholesky")
    assert "it follows no change" in page.locator("#panel").inner_text()
    x = gd.input("x", shape=(200, 60), dtype="float64")
    gd.sum(x * 2).to_html(tmp_path / "g.html", feed={x: np.ones((200, 60))})
    page = browse(tmp_path / "g.html")
    assert page.locator("#note").inner_text().startswith("Recorded values: the graph has 24,001 elements")
    assert page.locator("#reset").is_hidden()


# ---------------------------------------------------------------------------------------------- what the page computes


@pytest.fixture(scope="module")
def computed(chromium):
    """Runs a program in the page: the arrays of its slots."""
    page = chromium.new_page()
    page.add_script_tag(content=operations())

    def run(made):
        return page.evaluate(
            """(program) => {
            const slots = [];
            for (const [s, type, values] of program.leaves) slots[s] = operations.constant(type, values);
            operations.evaluate(program, slots);
            return slots.map((x) => x && Array.from(x.data));
        }""",
            made,
        )

    yield run, set(page.evaluate("Object.keys(operations.table)"))
    page.close()


def compare(run, leaves, arrays, results):
    """Every value that ``results`` are made of, as the page computes it, against the core's."""
    nodes = [n for n in topological(results) if n.op.name != "constant"]
    values = [v for n in nodes for v in n.outputs]
    feed = {x.name: a for x, a in zip(leaves, arrays)}
    recorded = record(Graph("g", leaves, results), values, feed)
    slots = {v: k for k, v in enumerate(values)}
    # what cancels is as exact as what it is made of
    scale = max((np.max(np.abs(a[np.isfinite(a)]), initial=1) for a in arrays if a.dtype.kind == "f"), default=1)
    got = run(program(slots, recorded.sizes, recorded.arrays))
    for v in values:
        expected = recorded.arrays[v]
        rtol, atol = (2e-5, 2e-6) if expected.dtype == np.float32 else (1e-10, 1e-14)
        np.testing.assert_allclose(
            np.array(got[slots[v]], float).reshape(expected.shape),
            expected.astype(float),
            rtol=rtol,
            atol=atol * scale,
            err_msg=v.node.op.name,
        )
    return {n.op.name for n in nodes}


def primitives(name):
    return {n.op.name for s in samples(name) for n in topological([r for r in Case(name, s).results if r is not None])}


@pytest.mark.parametrize("name", SAMPLED)
def test_the_page_computes_what_the_core_does(computed, name):
    run, known = computed
    for sample in samples(name):
        case = Case(name, sample)
        if not {n.op.name for n in topological(case.results)} <= known | {"constant", "input"}:
            assert primitives(name) & RECORDED
            continue
        smooth = [gd.sum(gd.square(y)) for y in case.results if y.dtype.kind == "f"]
        by = [x for x in case.leaves if x.dtype.kind == "f"]
        gradients = gd.grad(sum(smooth[1:], smooth[0]), by) if smooth and by and REGISTRY[name].differentiable else []
        compare(run, case.leaves, case.arrays, [*case.results, *gradients])


def test_what_is_recorded_is_all_that_is_not_computed(computed):
    leaves = {"input", "parameter", "state", "constant", "sparsity"}
    assert {n for n, op in REGISTRY.items() if op.kind != "composite"} - leaves - computed[1] == RECORDED


def test_the_page_runs_loops_and_branches(computed):
    run, _ = computed
    x, a = gd.input("x", shape=(6, 2), dtype="float64"), gd.input("a", shape=(2,), dtype="float64")
    x0, a0 = np.random.default_rng(0).normal(size=(6, 2)), np.array([0.5, -1.2])
    for reverse in (False, True):
        start = gd.zeros((2,), dtype="float64")
        h, ys = gd.scan(lambda h, row: (gd.tanh(h * a + row), h * 2), start, x, reverse=reverse)
        loss = gd.sum(h) + gd.sum(ys * ys)
        assert "loop" in compare(run, [x, a], [x0, a0], [loss, *gd.grad(loss, [x, a])])
    root = gd.while_loop(lambda y: gd.any(gd.abs(y * y - 2) > 1e-9), lambda y: 0.5 * (y + 2 / y), a * a + 1, 20)
    assert "loop" in compare(run, [a], [a0], [gd.sum(root), gd.grad(gd.sum(root), a)])
    for sign in (1, -1):
        y = gd.sum(gd.cond(gd.sum(a) * sign > 0, gd.exp, lambda v: v * 3, a))
        assert "branch" in compare(run, [a], [a0], [y, gd.grad(y, a)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_page_knows_the_edges(computed, dtype):
    """Zeros, signs, halves, infinities and NaN, in every operation on elements of one or two floats."""
    run, known = computed
    edges = np.array([0.0, -0.0, 0.5, -0.5, 1, -1, 1.5, 2.5, -2.5, 30, -30, np.inf, -np.inf, np.nan], dtype)
    grid = np.meshgrid(edges, edges)
    x, y = gd.input("x", shape=edges.shape, dtype=dtype), gd.input("y", shape=grid[0].shape, dtype=dtype)
    z = gd.input("z", shape=grid[0].shape, dtype=dtype)
    for name in sorted(n for n, op in REGISTRY.items() if op.kind == "elementwise" and n in known):
        op = REGISTRY[name]
        if op.dtypes[0] not in ("float", "numeric", "any") or name in (
            "floor_divide",
            "remainder",
            "lgamma",
            "digamma",
            "polygamma",
        ):
            continue
        if op.arity == 1:
            compare(run, [x], [edges], [op.public(x)])
        else:
            compare(run, [y, z], [g.copy() for g in grid], [op.public(y, z)])


# ---------------------------------------------------------------------------------------------- the README's picture


def test_the_picture_of_the_readme_is_made(run, tmp_path):
    code, _, err = run(tmp_path, DOCS / "make_picture.py", "--out", "picture.png")
    assert code == 0, err
    made, kept = ((folder / name).read_bytes() for folder, name in ((tmp_path, "picture.png"), (DOCS, "inspector.png")))
    assert made[:24] == kept[:24] and b"IHDR" in made[:24] and len(kept) < 200_000  # of the same width and height


# ---------------------------------------------------------------------------------------------- hostile, large, dark


def test_a_hostile_name_does_not_run(browse, tmp_path):
    name = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked=1'>"
    x = gd.input(name, shape=(2,))
    with gd.name_scope(name):
        gd.adjoint(gd.sum(gd.exp(x)), x).to_html(tmp_path / "h.html", feed={x: np.ones(2, "f4")})
    page = browse(tmp_path / "h.html")
    find(page, "hacked")
    assert "window.hacked = 1" in page.locator("#panel .equation").inner_text()
    for _ in range(4):
        page.click("#next")
    find(page, "")
    page.keyboard.press("Escape")
    page.keyboard.press("f")
    page.hover("#boxes g >> nth=0")
    assert page.pdf().startswith(b"%PDF")


def test_a_hostile_title_scope_and_monitor_do_not_run(browse, tmp_path):
    name = "</title></script><script>window.hacked = 1</script>é ☃ <b onclick='window.hacked=1'>"
    x = gd.input("x", shape=(2,))
    with gd.name_scope(name):
        y = gd.monitor(gd.exp(x), name)
    gd.compile([x], y, name=name).to_html(tmp_path / "h.html", np.ones(2, "f4"))
    page = browse(tmp_path / "h.html")
    assert page.title() == page.locator("h1").inner_text() == name
    page.click("#next")
    assert name in page.locator("#panel").inner_text()


@pytest.fixture
def neuron(tmp_path):
    x, w = gd.input("x", ("batch", 3)), gd.parameter("w", value=[0.5, -0.25, 4.0])
    h = gd.tanh(x @ w).named("h")
    gd.adjoint(gd.mean(gd.square(h)), w).to_html(tmp_path / "n.html", feed={"x": np.ones((4, 3), "float32")})
    return tmp_path / "n.html"


def test_a_mean_is_one_box_and_a_parameter_shows_its_numbers(browse, neuron):
    page = browse(neuron)
    page.keyboard.press("f")
    texts = page.locator("#boxes g").all_text_contents()
    assert any(" mean" in t and "= 0." in t for t in texts) and not any(" divide" in t or " sum" in t for t in texts)
    assert any('"h" named' in t for t in texts)
    assert any(t.startswith("w") and "[0.5, −0.25, 4]" in t for t in texts)
    whole = page.locator("#detail option").last
    page.select_option("#detail", label=whole.text_content())
    page.locator("#drawing").focus()
    page.keyboard.press("f")
    texts = page.locator("#boxes g").all_text_contents()
    assert any(" divide" in t for t in texts) and any(" sum" in t for t in texts)


def test_a_link_opens_at_a_node_and_a_step(browse, neuron):
    page = browse(neuron)
    find(page, "tanh")
    address = page.url.partition("#")[2]
    assert "node=%25" in address and "step=" in address
    at = page.locator("#step").inner_text()
    chosen, step = page.locator("#panel .equation"), page.locator("#step")
    page.goto(neuron.as_uri() + "#node=h&step=2")
    for _ in range(2):  # where it is followed, and where it is read again
        expect(chosen).to_have_text('%4 "h" = named(%3)')
        expect(step).to_have_text(re.compile("^step 2 of"))
        expect(page).to_have_url(re.compile("node=%254&step=2"))
        page.reload()
    page.goto(neuron.as_uri() + "#" + address)
    expect(step).to_have_text(at)
    expect(chosen).to_have_text(re.compile("tanh"))
    page.goto("about:blank")
    page.goto(neuron.as_uri() + "#node=nobody")
    expect(chosen).to_have_text("adjoint of step")


def test_slides_have_the_drawing_and_the_steps_alone(browse, neuron):
    page = browse(neuron)
    page.goto(neuron.as_uri() + "#embed&step=3")
    expect(page.locator("header")).to_be_hidden()
    assert all(page.locator(part).is_hidden() for part in ("header", "#panel", "#plan", "#legend", "#note"))
    assert page.locator("#drawing").is_visible() and page.locator("#step").inner_text().startswith("step 3 of")
    page.click("#next")
    assert "embed" in page.url and page.locator("#step").inner_text().startswith("step 4 of")
    page.goto(neuron.as_uri() + "#embed=panel")
    expect(page.locator("#panel")).to_be_visible()
    assert page.locator("header").is_hidden()


def test_fifty_thousand_nodes_open(browse, tmp_path):
    h = x = gd.input("x", shape=(2,))
    for k in range(25_000):
        with gd.name_scope(f"block{k // 500}"):
            h = gd.tanh(h + x)
    h.to_html(tmp_path / "big.html")
    page = browse(tmp_path / "big.html")
    page.select_option("#detail", label="every node (50,001)")
    page.click("#last")
    assert page.locator("#step").inner_text() == "step 50000 of 50000, forward"
    assert 0 < page.locator("#boxes g").count() < 700
    page.keyboard.press("f")  # so small that boxes are outlines, and the chosen one is marked
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#marks .chosen")).to_have_count(1)
    assert page.locator("#boxes path").count() > 0 and page.locator("#boxes text").count() == 0
    box = page.locator("#marks .user").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert page.locator("#step").inner_text() == "step 50000 of 50000, forward"


def test_repeated_structure_closes(browse, tmp_path):
    h = x = gd.input("x", shape=(3,))
    for _ in range(12):
        h = gd.tanh(h * x) + 1.0
    gd.adjoint(gd.sum(h), x).to_html(tmp_path / "r.html")
    page = browse(tmp_path / "r.html")
    label = re.search(r"repeated structure \(\d+\)", page.locator("#detail").inner_text())[0]
    page.select_option("#detail", label=label)
    texts = page.locator("#boxes .scope").all_text_contents()
    assert any(t == "3 of 12multiply, tanh, add" for t in texts)
    page.locator("#boxes .scope").first.click()
    page.click("text=Show its nodes")
    assert page.locator("#detail option:checked").inner_text().startswith("every node")


def test_light_dark_and_print_are_legible(browse, net):
    """Text against what is behind it, in every part of the page, by the contrast of WCAG 2 (4.5 for text)."""
    contrast = """() => {
        const rgb = (c) => c.match(/[\\d.]+/g).map(Number);
        const light = ([r, g, b]) => [r, g, b].reduce((s, v, i) => s + [0.2126, 0.7152, 0.0722][i]
            * ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4), 0);
        const behind = (e) => {
            for (; e; e = e.parentElement) {
                const c = e.matches("#boxes g") ? getComputedStyle(e.querySelector("rect")).fill
                    : getComputedStyle(e).backgroundColor;
                if (c !== "none" && (rgb(c)[3] ?? 1) > 0) return rgb(c);
            }
            return [255, 255, 255];
        };
        const found = [];
        const all = "h1,h2,label,button,output,dt,dd,td,p,summary,li,a,#boxes g.now text";
        for (const e of document.querySelectorAll(all)) {
            if (!e.textContent.trim() || !e.getClientRects().length) continue;
            const style = getComputedStyle(e), svg = e instanceof SVGElement;
            const [a, b] = [light(rgb(svg ? style.fill : style.color)), light(behind(e))].sort((p, q) => q - p);
            found.push([(a + 0.05) / (b + 0.05), e.textContent.trim().slice(0, 30)]);
        }
        return found.filter(([c]) => c < 4.5);
    }"""
    for scheme in ("light", "dark"):
        page = browse(net[0], color_scheme=scheme)
        page.click("#next")
        page.evaluate("document.querySelectorAll('#boxes g:not(.later)').forEach((g) => g.classList.add('now'))")
        assert page.evaluate(contrast) == []
    page.emulate_media(media="print")
    assert page.locator("footer").is_hidden() and page.locator("#drawing").is_visible()
    assert page.evaluate(contrast) == []


def test_the_whole_graph_is_printed(browse, net):
    """Zoomed to a corner of it, and on paper all boxes are there; then the screen is as it was."""
    page = browse(net[0])
    page.evaluate("""() => {
        window.addEventListener("beforeprint", () => { window.printed = [document.querySelectorAll("#boxes g").length,
            document.querySelector("#drawing").getAttribute("viewBox")]; });
    }""")
    page.mouse.move(200, 200)
    for _ in range(4):
        page.mouse.wheel(0, -400)
    page.evaluate(DRAWN)
    seen = page.locator("#boxes g").count()
    assert page.pdf().startswith(b"%PDF")
    boxes, view_box = page.evaluate("window.printed")
    assert boxes > seen and re.fullmatch(r"0 0 [\d.]+ [\d.]+", view_box)
    expect(page.locator("#boxes g")).to_have_count(seen)
    assert page.get_attribute("#drawing", "viewBox") is None


def test_a_plan_of_many_blocks_is_drawn_and_pointed_at(browse, tmp_path):
    h = x = gd.input("x", shape=("n", 4), dtype="float64")
    W = gd.parameter("W", value=np.eye(4) / 2)
    for _ in range(300):
        h = gd.tanh(h @ W)
    f = gd.compile([x], gd.grad(gd.sum(h), W), checkpoint="sqrt")
    f.to_html(tmp_path / "p.html", np.ones((3, 4)))
    page = browse(tmp_path / "p.html")
    assert page.locator("#legend li#recomputed").is_visible()
    drawn = page.locator("#arena path").evaluate_all("(all) => all.map((e) => e.getAttribute('class'))")
    assert {"p1", "p2", "p4"} <= set(drawn) and len(drawn) < 10 and page.locator("#arena rect").count() == 0
    arena = page.locator("#arena").bounding_box()
    page.mouse.move(arena["x"] + arena["width"] / 2, arena["y"] + arena["height"] - 12)
    told = page.locator("#block").inner_text()
    assert re.match(r"\S+: [\d,]+ bytes at offset [\d,]+, instructions \d+ to \d+", told)
    assert "peak" in page.locator("#arena text").first.text_content()
    assert "\n" not in page.locator("#summary").inner_text()
    page.click("#why summary")
    assert re.search(r"^  recomputed: \d+ values", page.locator("#why pre").inner_text(), re.MULTILINE)
