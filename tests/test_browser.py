"""The inspector's page in a real browser: headless Chromium runs its script and hands back the page as it then stands.

What the page shows is driven by a few lines added behind its own script, through the same buttons and keys that a
person uses. Skipped where no Chromium is installed.
"""

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

import graphdiff as gd

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt install chromium)")

REPORT = """
<script>
window.failures = [];
window.addEventListener("error", (e) => failures.push(e.message));
document.addEventListener("securitypolicyviolation", (e) => failures.push(e.blockedURI));
</script>
"""
SAY = "document.body.setAttribute('data-said', JSON.stringify({failures, hacked: window.hacked, said}));"


@pytest.fixture
def browse(tmp_path):
    """Opens a page, runs `script` there, which sets `said`, and gives that."""

    def opened(path, script):
        page = path.read_text(encoding="utf-8").replace("<head>", "<head>" + REPORT, 1)
        page = page.replace("</body>", f"<script>let said = null; {script}; {SAY}</script></body>")
        path.write_text(page, encoding="utf-8")
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=3000",
                   f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1200,900", "--dump-dom", path.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        said = re.search(r'data-said="([^"]*)"', done.stdout)
        assert said, done.stderr[-2000:]
        found = json.loads(html.unescape(said[1]))
        assert found["failures"] == [] and "hacked" not in found
        return found["said"]

    return opened


@pytest.fixture
def page(tmp_path):
    x = gd.input("x", shape=(2, 3), dtype="float64")
    W = gd.parameter("W", value=np.arange(6.0).reshape(3, 2) / 10)
    adj = gd.adjoint(gd.sum(gd.tanh(x @ W)), [W])
    x0 = np.random.default_rng(0).normal(size=(2, 3))
    adj.to_html(tmp_path / "a.html", feed={x: x0})
    h = np.tanh(x0 @ W.value)
    return tmp_path / "a.html", h, x0.T @ (1 - h * h)


NUMBERS = "[...document.querySelector('#panel .value').querySelectorAll('td')].map(e => +e.textContent)"


def test_steps_show_the_numbers_of_numpy(browse, page):
    path, h, gradient = page
    said = browse(path, f"""
        const next = document.getElementById("next");
        next.click(); next.click();
        const second = {NUMBERS};
        document.getElementById("last").click();
        said = [second, {NUMBERS}, document.getElementById("step").value]""")  # fmt: skip
    np.testing.assert_allclose(said[0], h.ravel(), rtol=1e-4)
    np.testing.assert_allclose(said[1], gradient.ravel(), rtol=1e-4)
    assert re.fullmatch(r"step (\d+) of \1, backward", said[2])


def test_keys_and_finding(browse, page):
    said = browse(page[0], """
        const key = (k) => document.dispatchEvent(new KeyboardEvent("keydown", {key: k}));
        key("ArrowRight"); key("ArrowRight"); key("ArrowLeft");
        const step = document.getElementById("step").value;
        const find = document.getElementById("find");
        find.value = "tanh"; find.dispatchEvent(new Event("input"));
        said = [step, document.querySelector("#panel .equation").textContent, document.getElementById("found").value,
                document.querySelectorAll("#arena rect").length]""")  # fmt: skip
    assert re.fullmatch(r"step 1 of \d+, forward", said[0])
    assert said[1] == "%1 = tanh(%0)" and said[2] == "1 of 1" and said[3] > 0


def test_a_hostile_name_does_not_run(browse, tmp_path):
    name = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked=1'>"
    x = gd.input(name, shape=(2,))
    with gd.name_scope(name):
        gd.adjoint(gd.sum(gd.exp(x)), x).to_html(tmp_path / "h.html", feed={x: np.ones(2, "f4")})
    said = browse(tmp_path / "h.html", """
        document.getElementById("find").value = "hacked";
        document.getElementById("find").dispatchEvent(new Event("input"));
        said = document.querySelector("#panel .equation").textContent""")  # fmt: skip
    assert "window.hacked = 1" in said


def test_fifty_thousand_nodes_open(browse, tmp_path):
    h = x = gd.input("x", shape=(2,))
    for k in range(25_000):
        with gd.name_scope(f"block{k // 500}"):
            h = gd.tanh(h + x)
    h.to_html(tmp_path / "big.html")
    said = browse(tmp_path / "big.html", """
        document.getElementById("detail").value = "1";
        document.getElementById("detail").dispatchEvent(new Event("change"));
        document.getElementById("last").click();
        said = document.getElementById("step").value""")  # fmt: skip
    assert said == "step 50000 of 50000, forward"
