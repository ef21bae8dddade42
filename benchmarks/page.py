"""``python -m benchmarks.page [nodes ...]``: how long the inspector's page takes to open, and whether it stays smooth.

A residual network of tanh layers and its adjoint, at 100, 10,000 and 50,000 nodes, with every value and the plan
recorded and without. Opening is from asking for the file to the first frame after all of it stands; frames are those
drawn while the graph, every node of it, is moved under the pointer: at reading size, and zoomed out as far as it goes;
a step is one press of an arrow key until it is drawn. Headless Chromium without a GPU, which is the slowest there is.
Writes benchmarks/results/page.{json,md}.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from playwright.sync_api import Browser, sync_playwright

import graphdiff as gd

from .report import markdown, processor, write

NODES = (100, 10_000, 50_000)
OPENED = 3  # times
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
MOVE = """(moves) => new Promise((done) => {
    const drawing = document.querySelector("#drawing"), times = [];
    const at = (type, y) => (type === "pointerdown" ? drawing : window).dispatchEvent(
        new PointerEvent(type, { clientX: 300, clientY: y, bubbles: true }));
    let last = performance.now(), k = 0;
    at("pointerdown", 400);
    const frame = () => {
        const now = performance.now();
        if (k > 1) times.push(now - last); // the first draws what was not there before
        last = now;
        at("pointermove", 400 - 37 * ++k);
        if (k < moves) requestAnimationFrame(frame);
        else { at("pointerup", 0); done(times); }
    };
    requestAnimationFrame(frame);
})"""
STEP = """() => new Promise((done) => {
    const start = performance.now();
    document.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start)));
})"""


def network(nodes: int) -> tuple[gd.Adjoint, dict[Any, np.ndarray], int]:
    """The adjoint of a network with about so many nodes, a feed, and how many nodes there are."""
    rng = np.random.default_rng(0)
    h = x = gd.input("x", shape=("batch", 8))
    weights = []
    for k in range(max(1, round((nodes - 8) / 11))):
        with gd.name_scope(f"stage{k // 100}"), gd.name_scope(f"block{k}"):
            W = gd.parameter(f"W{k}", value=(0.1 * rng.normal(size=(8, 8))).astype(np.float32))
            h = h + gd.tanh(h @ W)
            weights.append(W)
    adj = gd.adjoint(gd.mean(gd.square(h)), weights)
    feed = {x: rng.normal(size=(4, 8)).astype(np.float32)}
    return adj, feed, len(adj.forward) + len(adj.backward)


def opened(browser: Browser, path: Path) -> dict[str, float]:
    """Milliseconds of one opening and of what is done then."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    start = time.perf_counter()
    page.goto(path.as_uri())
    page.evaluate(DRAWN)
    out = {"open": 1e3 * (time.perf_counter() - start)}
    page.select_option("#detail", index=page.locator("#detail option").count() - 1)
    page.evaluate(DRAWN)
    page.keyboard.press("Escape")
    page.focus("#drawing")
    for name, key in (("move", None), ("move_out", "f")):
        if key:
            page.keyboard.press(key)
            page.evaluate(DRAWN)
        frames = page.evaluate(MOVE, 40)
        out |= {name: median(frames), f"{name}_worst": max(frames)}
    out["step"] = median(page.evaluate(STEP) for _ in range(10))
    page.close()
    return out


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("nodes", nargs="*", type=int, default=NODES, help="about how many (100 10000 50000)")
    wanted = parser.parse_args().nodes
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        parser.exit(2, "no Chromium is installed (Debian: apt install chromium)\n")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        first, feed, _ = network(NODES[0])  # not timed: what is measured and imported once in a process
        first.to_html(Path(folder) / "first.html", feed=feed)
        for about in wanted:
            adj, feed, nodes = network(about)
            for values in (False, True):
                path = Path(folder) / f"{nodes}{values}.html"
                start = time.perf_counter()
                adj.to_html(path, feed=feed if values else None)
                rows.append(
                    {
                        "nodes": nodes,
                        "values": values,
                        "write_s": time.perf_counter() - start,
                        "bytes": path.stat().st_size,
                        "path": path,
                        "runs": [],
                    }
                )
        browser = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        version = browser.version
        for _ in range(OPENED):
            for row in rows:
                row["runs"].append(opened(browser, row["path"]))
        browser.close()
    for row in rows:
        del row["path"]
        runs = row.pop("runs")
        row |= {f"{k}_ms": median(r[k] for r in runs) for k in runs[0]}
        row["open_worst_ms"] = max(r["open"] for r in runs)
    header = [
        "nodes",
        "recorded",
        "written in",
        "size",
        "opens in",
        "worst",
        "a step",
        "a frame, moved",
        "worst",
        "a frame, zoomed out",
        "worst",
    ]
    told = ("open", "open_worst", "step", "move", "move_worst", "move_out", "move_out_worst")
    lines = []
    for r in rows:
        whole = [f"{r['nodes']:,}", "values, plan" if r["values"] else "nothing"]
        whole += [f"{r['write_s']:.2f} s", f"{r['bytes'] / 1e3:,.0f} KB"]
        lines.append([*whole, *(f"{r[k + '_ms']:,.0f} ms" for k in told)])
    about = (
        f"{processor()}; Chromium {version}, headless, no GPU; medians of {OPENED} openings, each followed by "
        "2 × 40 frames and 10 steps; a frame at 60 Hz is 17 ms."
    )
    text = f"{about}\n\n{markdown(header, lines, left=2)}"
    write("page", rows, text)
    print(text)


if __name__ == "__main__":
    main()
