"""Every example runs, headless, and draws its plot; what it asserts holds, and it prints the numbers known by hand."""

import re
from pathlib import Path

import matplotlib.image
import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PRINTS = {
    "worked_graphs": ["L = 400", "dL/dx = 160", "dL/dy = 160", "dL/dw = 200", "L = 81", "dL/dx = 54", "dL/dy = 54"],
    "xor": ["0 xor 1 = 0.9", "1 xor 1 = 0.0"],
    "checkpointing": ["gradients bitwise equal"],
    "gradient_flow": ["20 shrink, 0 grow; {'vanishing': 11}"],
    "gmm": ["largest error of a derivative", "means [[2.0, -4.0], [-4.0, 0.0], [3.0, 3.0]]"],
    "bundle_adjustment": ["Jacobian 186 x 166: 1798 nonzeros by 14 products"],
    "low_level": ["minimum at ones to ", "integral of f' from 0 to 2 = 0.729022362, f(2) - f(0) = 0.729022362"],
    "onnx_finetune": ["9 parameters, 2 states", "accuracy before 0.169"],
    "lstm": ["2 of them loops", "length 48: ", "final loss 0.0"],
    "transformer": ["final loss 0."],
    "digits_cnn": ["test: 9"],
    "char_gpt": ["bits a character: ", "The ", "largest difference to scores without a cache: "],
    "tagger": ["tags right: 9"],
    "resnet": ["residual training loss ", "plain    training loss 2."],
    "vae": ["of the variance left"],
    "predator_prey": ["65 steps, largest difference to SciPy ", "as differences have it"],
    "stiff_reaction": ["dopri5: 2000 steps reach t = 2.", "bdf2: 498 steps reach t = 1e+06"],
    "implicit_layer": ["the same gradients with ", "iterations to the fixed point"],
    "regularisation": ["slope by the strength 0.014319, by differences 0.014319", "best strength exp(-5.527)"],
}
# Those that train for minutes are run for less, and assert less then.
SHORT = {
    "digits_cnn": ["--epochs", 2],
    "char_gpt": ["--steps", 40],
    "tagger": ["--epochs", 1],
    "resnet": ["--epochs", 2],
    "vae": ["--epochs", 3],
    "depth": ["--epochs", 1],
    "schedules": ["--epochs", 2],
}


def test_all_are_there():
    index = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\((\w+)\.py\)", index)) == [path.stem for path in EXAMPLES], "each once"
    assert len(EXAMPLES) >= 20 and set(PRINTS) | set(SHORT) <= {path.stem for path in EXAMPLES}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path, run, tmp_path):
    source = path.read_text(encoding="utf-8")
    assert source.startswith('"""') and source.count("\n") <= 120
    code, out, err = run(tmp_path, "-W", "error", path, *SHORT.get(path.stem, []), "--out", "plots")
    assert code == 0, err
    for text in PRINTS.get(path.stem, []):
        assert text in out
    plot = tmp_path / "plots" / f"{path.stem}.png"
    assert plot.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and matplotlib.image.imread(plot).std() > 0.01
