import pytest

from loopynet import SpecError
from loopynet.compare import find_cells, grid
from reference.made_runs import made_cell, tiny


def test_a_grid_has_every_network_setting_and_seed():
    cells = grid(
        [tiny("one"), tiny("two", "training.seed=4")],
        {"training.batch_size": ["5", "32"], "unroll.steps": ["1", "2"]},
        seeds=2,
    )
    assert len(cells) == 2 * 4 * 2
    assert [cell.label for cell in cells[:3:2]] == [
        "one, batch size 5, steps 1", "one, batch size 5, steps 2",
    ]  # fmt: skip
    assert [cell.seed for cell in cells[-2:]] == [4, 5]
    assert cells[-1].spec.training.batch_size == 32
    assert cells[-1].spec.unroll.steps == 2


def test_a_setting_that_makes_no_spec_is_refused():
    with pytest.raises(SpecError, match="batch_size"):
        grid([tiny("one")], {"training.batch_size": ["0"]})


def test_a_cell_is_found_by_its_config_whatever_its_folder_is_called(tmp_path):
    one, other = grid([tiny("one")], seeds=2)
    path = made_cell(one, tmp_path, [True])
    path.rename(tmp_path / "called-by-hand")
    found = find_cells(tmp_path, [one, other])
    assert [f.state for f in found] == ["finished", "unfinished"]
    assert found[0].run.path.name == "called-by-hand"


def test_a_config_with_defaults_left_out_is_the_same(tmp_path):
    (cell,) = grid([tiny("one")])
    path = made_cell(cell, tmp_path, [True])
    text = (path / "config.yaml").read_text()
    assert "label_smoothing: 0.0" in text
    (path / "config.yaml").write_text(text.replace("  label_smoothing: 0.0\n", ""))
    assert find_cells(tmp_path, [cell])[0].state == "finished"


@pytest.mark.parametrize("change", ["training.epochs=3", "training.learning_rate=0.002",
                                    "layers.conv_1.filters=9", "name=two"])  # fmt: skip
def test_any_other_config_is_another_cell(tmp_path, change):
    (cell,) = grid([tiny("one")])
    made_cell(cell, tmp_path, [True])
    (changed,) = grid([tiny("one", change)])
    assert find_cells(tmp_path, [changed])[0].state == "unfinished"


def test_an_interrupted_run_and_a_damaged_one_are_not_finished(tmp_path):
    cells = grid([tiny("one")], seeds=2)
    interrupted, damaged = (made_cell(cell, tmp_path, [True]) for cell in cells)
    text = (interrupted / "results.json").read_text()
    (interrupted / "results.json").write_text(text.replace("false", "true", 1))
    (damaged / "results.json").write_text(text[:40])
    assert [f.state for f in find_cells(tmp_path, cells)] == ["unfinished", "unfinished"]


def test_a_finished_run_goes_before_an_unfinished_one_of_the_same_config(tmp_path):
    (cell,) = grid([tiny("one")])
    path = made_cell(cell, tmp_path, [True])
    for name in ("a-first", "z-last"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text((path / "config.yaml").read_text())
    assert find_cells(tmp_path, [cell])[0].run.path == path


def test_files_that_are_no_spec_do_not_matter(tmp_path):
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "config.yaml").write_text("listen: 8080\n")
    assert find_cells(tmp_path, grid([tiny("one")]))[0].state == "unfinished"


def test_a_recipe_that_is_varied_has_its_effect_and_what_was_written_stays():
    spec = tiny("one", "training={batch_size: 7, recipe: published}")
    (one, other) = (c.spec.training for c in grid([spec], {"training.recipe": ["null", "modern"]}))
    assert (one.learning_rate, other.learning_rate) == (1e-3, 0.2)
    assert one.batch_size == other.batch_size == 7
