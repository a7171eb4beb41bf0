"""Reading files, and changes from the command line."""

import pytest

from loopynet import SpecError, parse_spec, read_spec
from loopynet.spec.read import override, validate
from loopynet.spec.source import parse_source
from reference.texts import EXAMPLE

SOURCE = parse_source(EXAMPLE, "net.yaml")


def changed(*changes: str):
    return override(SOURCE, changes).data


def test_a_file_reads_as_its_text_does(tmp_path):
    file = tmp_path / "net.yaml"
    file.write_text(EXAMPLE)
    assert read_spec(file) == read_spec(str(file)) == parse_spec(EXAMPLE)
    assert read_spec(file, ["training.epochs=7"]).training.epochs == 7


def test_an_override_changes_its_key_only():
    data = changed("training.epochs=5")
    assert data["training"] == {"optimizer": "adam", "epochs": 5}
    assert {k: v for k, v in data.items() if k != "training"} == {
        k: v for k, v in SOURCE.data.items() if k != "training"
    }
    assert SOURCE.data["training"] == {"optimizer": "adam", "epochs": 2}


@pytest.mark.parametrize(
    ("change", "path", "value"),
    [
        ("unroll.steps=4", ("unroll", "steps"), 4),
        ("training.learning_rate=1e-4", ("training", "learning_rate"), 1e-4),
        ("unroll.tied=false", ("unroll", "tied"), False),
        ("name=other", ("name",), "other"),
        ("name='3'", ("name",), "3"),
        ("input.shape=[1, 4, 4]", ("input", "shape"), [1, 4, 4]),
        ("norm={type: group, groups: 2}", ("norm",), {"type": "group", "groups": 2}),
        ("loops.feedback.merge=mul", ("loops", "feedback", "merge"), "mul"),
        ("main.1=conv_9", ("main", 1), "conv_9"),
        ("input.shape.2=4", ("input", "shape", 2), 4),
        ("data.split.train=10", ("data", "split", "train"), 10),
        ("training.early_stopping=", ("training", "early_stopping"), None),
        ("name=a=b", ("name",), "a=b"),
        (" unroll.steps =4", ("unroll", "steps"), 4),
        ("loops.second={from: conv_2, to: conv_2}", ("loops", "second", "to"), "conv_2"),
    ],
)
def test_overrides(change, path, value):
    data = changed(change)
    for key in path:
        data = data[key]
    assert data == value
    assert type(data) is type(value)


def test_later_overrides_win_and_see_earlier_ones():
    data = changed("training.optimizer=sgd", "training.optimizer.momentum=0.9", "name=a", "name=b")
    assert data["training"]["optimizer"] == {"type": "sgd", "momentum": 0.9}
    assert data["name"] == "b"
    spec = validate(override(SOURCE, ["norm=group", "norm.groups=1"]))
    assert (spec.norm.type, spec.norm.groups) == ("group", 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("training.epochs", "--set training.epochs: write KEY=VALUE"),
        ("=3", "write KEY=VALUE"),
        ("", "write KEY=VALUE"),
        ("unroll.steps.more=3", '"more" leads into a value that is not a mapping'),
        ("main.9=x", '"9" leads into a value that is not a mapping'),
        ("main.-1=x", '"-1" leads into'),
        ("main.²=x", "leads into"),
        ("main." + "1" * 5000 + "=x", "leads into"),
        ("name=[1", "--set name:1 not valid YAML"),
        ("name=!!python/name:os.system", "the tag"),
        ("name={a: 1, a: 2}", 'the key "a" stands here twice'),
        ("name=" + "[" * 5000, "--set name"),
    ],
    ids=lambda value: value[:30],
)
def test_overrides_that_cannot_be(change, said):
    with pytest.raises(SpecError) as caught:
        changed(change)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("unroll.stpes=4", 'unroll.stpes: unknown key "stpes". Did you mean "steps"?'),
        ("unroll.steps=many", "unroll.steps: must be a whole number, not 'many'"),
        ("..=1", "unknown key"),
        ("loops.feedback.through.0=conv_9", ""),
    ],
)
def test_an_override_is_validated_as_the_file_is(change, said):
    with pytest.raises(SpecError) as caught:
        validate(override(SOURCE, [change]))
    assert said in str(caught.value)


def test_the_document_that_is_no_mapping():
    with pytest.raises(SpecError, match="must be a mapping with input, layers and main"):
        validate(parse_source("[1]"))
