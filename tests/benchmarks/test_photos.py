"""``bench photos`` on a few digits."""

from deepdigits.__main__ import run
from deepdigits.benchmarks.corruptions import CORRUPTIONS, NO_DIGITS


def test_each_kind_of_image_has_a_row(capsys):
    measurements = run(
        ["bench", "photos", "--limit", "10", "--model", "mlp", "--format", "markdown"]
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("| photos of test digits | n | accuracy |")
    names = ["tensors", *CORRUPTIONS, "rows of 3 to 8, whole number"]
    names += [f"no digit: {name}" for name in NO_DIGITS]
    assert [line.split(" | ")[0].removeprefix("| ") for line in lines[2:]] == names
    assert measurements["tensors"] >= 0.9
    plain, *corrupted = (measurements[name] for name in CORRUPTIONS)
    assert plain["accuracy"] >= 0.8
    assert all(one["accuracy"] in (0, 1) for one in corrupted)  # one digit each
    assert all(0 <= measurements[name] <= 1 for name in (*NO_DIGITS, "rows"))
