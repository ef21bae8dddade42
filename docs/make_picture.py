"""Draws docs/inspector.png, the README's picture of the inspector: a page in headless Chromium, at one step of it.

    python -m docs.make_picture [--out FILE]

The page is that of one hidden layer and its adjoint; the step is the one backward through tanh. Needs playwright
(`pip install 'graphdiff[test]'`) and the system's Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

import graphdiff as gd
from graphdiff.inspect.picture import Picture

PICTURE = Path(__file__).with_name("inspector.png")
SIZE = {"width": 1340, "height": 860}
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-color-profile=srgb"]


def adjoint() -> tuple[gd.Adjoint, dict[gd.Tensor, np.ndarray]]:
    """One hidden layer, and arrays for it."""
    rng = np.random.default_rng(3)
    x, t = gd.input("x", shape=("batch", 2)), gd.input("t", shape=("batch",))
    W = gd.parameter("W", value=(0.7 * rng.normal(size=(2, 3))).astype(np.float32))
    v = gd.parameter("v", value=rng.normal(size=3).astype(np.float32))
    loss = gd.sum(gd.square(gd.tanh(x @ W) @ v - t))
    feed = {x: (0.5 * rng.normal(size=(3, 2))).astype(np.float32), t: np.array([1, -1, 0.5], np.float32)}
    return gd.adjoint(loss, [W, v]), feed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=PICTURE)
    out = parser.parse_args().out
    adj, feed = adjoint()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        path = Path(folder) / "adjoint.html"
        adj.to_html(path, feed=feed)
        shown = next(b.name for b in reversed(Picture(adj).boxes) if b.rule == "tanh.vjp")
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto(path.as_uri())
        page.fill("#find", shown)
        page.locator("#find").evaluate("(e) => { e.value = ''; e.blur(); }")
        page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn())))")
        page.screenshot(path=out)
        browser.close()
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
