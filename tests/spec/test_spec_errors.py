"""What a user reads about a document that is wrong: file, line, key and remedy, on one screen."""

from itertools import pairwise

import pytest

from loopynet import SpecError, read_spec
from loopynet.errors import did_you_mean
from loopynet.graph import costs
from reference.texts import EXAMPLE, graph_of, with_line

COLUMNS, ROWS = 100, 24


def error_of(text: str) -> str:
    """Return the message, which must be short; any other exception fails the test."""
    with pytest.raises(SpecError) as caught:
        graph_of(text)
    message = str(caught.value)
    assert message.count("\n") < 11
    assert sum(1 + len(line) // COLUMNS for line in message.splitlines()) <= ROWS
    assert "pydantic" not in message
    return message


# The line replaced, its new text, the line and key blamed, and what the message says.
MISTAKES = [
    # Unknown keys.
    (1, "nmae: example", 1, "nmae", 'Did you mean "name"?'),
    (2, "input: {shap: [3, 8, 8]}", 2, "input.shap", 'Did you mean "shape"?'),
    (6, "  conv_1: {template: conv3, fliters: 4}", 6, "layers.conv_1.fliters", '"filters"?'),
    (
        4,
        "  conv3: {type: conv2d, size: 3, sride: 2}",
        4,
        "layers.conv_1.sride",
        'Did you mean "stride"?',
    ),
    (11, "  feedback: {from: conv_2, too: conv_1}", 11, "loops.feedback.too", '"to"?'),
    (
        4,
        "  conv3: {type: conv2d, activation: {type: leaky_relu, slope: 1}}",
        4,
        "layers.conv_1.activation.slope",
        'Did you mean "negative_slope"?',
    ),
    (
        14,
        "training: {optimizer: {type: sgd, momentun: 0.9}}",
        14,
        "training.optimizer.momentun",
        'Did you mean "momentum"?',
    ),
    (14, "zzzz: 1", 14, "zzzz", "Known keys: data, input, layers"),
    # Misspelt names.
    (6, "  conv_1: {template: conv, filters: 4}", 6, "layers.conv_1.template", '"conv3"?'),
    (6, "  conv_1: {type: conv2, filters: 4}", 6, "layers.conv_1.type", '"conv2d"?'),
    (
        4,
        "  conv3: {type: conv2, size: 3}",
        4,
        "layers.conv_1.type",
        'no layer type "conv2". Did you mean "conv2d"?',
    ),
    (4, "  conv3: {type: conv2d, activation: rleu}", 4, "layers.conv_1.activation", '"relu"?'),
    (
        6,
        "  conv_1: {template: conv3, filters: 4, init: he_norm}",
        6,
        "layers.conv_1.init",
        'no initializer "he_norm". Did you mean "he_normal"?',
    ),
    (9, "main: [conv_1, conv2, fc]", 9, "main.1", 'no layer "conv2". Did you mean "conv_2"?'),
    (
        11,
        "  feedback: {from: conv_3, to: conv_1}",
        11,
        "loops.feedback.from",
        'no layer "conv_3". Did you mean "conv_2"?',
    ),
    (
        11,
        "  feedback: {from: conv_2, to: conv1}",
        11,
        "loops.feedback.to",
        'no layer "conv1". Did you mean "conv_1"?',
    ),
    (
        11,
        "  feedback: {from: conv_2, to: conv_1, merge: summ}",
        11,
        "loops.feedback.merge",
        'no merge "summ". Did you mean "sum"?',
    ),
    (
        11,
        "  feedback: {from: conv_2, to: conv_1, through: [way]}",
        11,
        "loops.feedback.through.0",
        'no layer "way"',
    ),
    (13, "norm: bach", 13, "norm", "'batch'"),
    (13, "norm: {type: batch, over_time: per_stpe}", 13, "norm.over_time", "'per_step'"),
    (14, "training: {optimizer: adan}", 14, "training.optimizer", 'Did you mean "adam"?'),
    (
        14,
        "training: {learning_rate_schedule: cosin}",
        14,
        "training.learning_rate_schedule",
        'Did you mean "cosine"?',
    ),
    (14, "readout: eech", 14, "readout", "must be 'last' or 'each', not 'eech'"),
    (
        11,
        "  feedback: {from: conv_2, to: conv_1, fit: stretch}",
        11,
        "loops.feedback.fit",
        "must be 'error', 'resize', 'project' or 'pad', not 'stretch'",
    ),
    # Wrong types.
    (
        6,
        "  conv_1: {template: conv3, filters: four}",
        6,
        "layers.conv_1.filters",
        "must be a whole number, not 'four'",
    ),
    (6, "  conv_1: {template: conv3, filters: 4.5}", 6, "layers.conv_1.filters", "whole number"),
    (6, "  conv_1: {template: conv3, filters: true}", 6, "layers.conv_1.filters", "whole number"),
    (
        6,
        "  conv_1: {template: conv3, filters: 4, bias: maybe}",
        6,
        "layers.conv_1.bias",
        "must be true or false, not 'maybe'",
    ),
    (
        6,
        "  conv_1: {template: conv3, filters: 4, size: [3, 3, 3]}",
        6,
        "layers.conv_1.size",
        "[height, width]",
    ),
    (
        6,
        "  conv_1: {template: conv3, filters: 4, padding: full}",
        6,
        "layers.conv_1.padding",
        "same, valid",
    ),
    (6, "  conv_1: {template: [conv3], filters: 4}", 6, "layers.conv_1.template", "no template"),
    (6, "  conv_1: {template: {a: b}, filters: 4}", 6, "layers.conv_1.template", "no template"),
    (6, "  conv_1: 5", 6, "layers.conv_1", "such as {type: conv2d, filters: 16}"),
    (6, "  conv_1: {filters: 4}", 6, "layers.conv_1", "missing key type"),
    (6, "  conv_1: {template: conv3}", 6, "layers.conv_1.filters", "missing key"),
    (9, "main: conv_1", 9, "main", "must be a list"),
    (9, "main: [conv_1, conv_2, [fc]]", 9, "main.2", "must be a word"),
    (11, "  feedback: conv_2", 11, "loops.feedback", "must be a mapping"),
    (11, "  feedback: {from: conv_2}", 11, "loops.feedback.to", "missing key"),
    (12, "unroll: 3", 12, "unroll", "must be a mapping"),
    (12, "unroll: {steps: 3, tied: perhaps}", 12, "unroll.tied", "must be true or false"),
    (2, "input: 5", 2, "input", "must be a mapping"),
    (2, "input: {shape: [3, 8]}", 2, "input.shape", "[channels, height, width] or [features]"),
    (14, "data: {split: fold}", 14, "data.split", "'standard' or 'published'"),
    (14, "data: {split: {train: -1}}", 14, "data.split.train", "must be greater than 0"),
    (14, "training: {augmentation: [{type: flop}]}", 14, "training.augmentation.0", '"flip"?'),
    # Values out of range.
    (6, "  conv_1: {template: conv3, filters: 0}", 6, "layers.conv_1.filters", "equal to 1"),
    (6, "  conv_1: {template: conv3, filters: 1e30}", 6, "layers.conv_1.filters", "whole number"),
    (12, "unroll: {steps: 0}", 12, "unroll.steps", "greater than or equal to 1, not 0"),
    (12, "unroll: {steps: -1}", 12, "unroll.steps", "greater than or equal to 1, not -1"),
    (12, "unroll: {steps: 1000000}", 12, "unroll.steps", "less than or equal to 10000"),
    (13, "norm: {type: batch, eps: -1}", 13, "norm.eps", "must be greater than 0"),
    (13, "norm: {type: batch, eps: 1e999}", 13, "norm.eps", "finite"),
    (2, "input: {shape: [3, 8, -8]}", 2, "input.shape.2", "equal to 1, not -8"),
    (14, "training: {epochs: 0}", 14, "training.epochs", "equal to 1, not 0"),
    (
        11,
        "  feedback: {from: conv_2, to: conv_1, delay: 0}",
        11,
        "loops.feedback.delay",
        "equal to 1, not 0",
    ),
    # Networks that cannot be.
    (9, "main: []", 9, "main", "name at least one layer"),
    (9, "main: [conv_1, conv_2, conv_1, fc]", 9, "main.2", "makes a cycle"),
    (9, "main: [input, conv_1, conv_2, fc]", 9, "main.0", "the input is implied"),
    (9, "main: [conv_1, fc, conv_2]", 7, "layers.conv_2", "its input is [10]"),
    (8, "  fc: {type: conv2d, filters: 10}", 8, "layers.fc", "dense or global_pool"),
    (
        8,
        "  fc: {type: dense, units: 10, bias_init: {type: values, values: [1, 2]}}",
        8,
        "layers.fc",
        "has 2 values in bias_init, and 10 weights take one each",
    ),
    (
        8,
        "  fc: {type: dense, units: 10, init: {type: values, values: [1]}}",
        8,
        "layers.fc",
        "has 1 values in init",
    ),
    (
        8,
        "  fc: {type: dense, units: 10, init: values}",
        8,
        "layers.fc.init",
        "a number for each weight",
    ),
    (
        8,
        "  fc: {type: dense, units: 10}\n  extra: {type: identity}",
        9,
        "layers.extra",
        "no signal",
    ),
    (8, "  2fc: {type: dense, units: 10}", 8, "layers.2fc", "no valid name"),
    (
        11,
        "  feedback: {from: conv_1, to: conv_2}",
        11,
        "loops.feedback",
        "exchange from and to",
    ),
    (11, "  feedback: {from: input, to: conv_1}", 11, "loops.feedback.from", "only a skip"),
    (
        11,
        "  feedback: {from: conv_1, to: conv_1}",
        11,
        "loops.feedback",
        '"conv_1" is [4, 8, 8] and the input of "conv_1" is [3, 8, 8]',
    ),
    (
        11,
        "  feedback: {from: conv_2, to: conv_1, delay: 3}",
        11,
        "loops.feedback.delay",
        "write a smaller delay or more steps",
    ),
    (
        11,
        "  feedback: {from: conv_2, to: conv_1, merge: concat, initial: absent}",
        11,
        "loops.feedback.initial",
        "write zero or one",
    ),
    (
        11,
        "  feedback: {from: conv_2, to: conv_1, through: [fc]}",
        11,
        "loops.feedback.through.0",
        "a layer of main",
    ),
    (11, "  conv_1: {from: conv_2, to: conv_1}", 11, "loops.conv_1", "taken in layers"),
    (11, "  forward: {from: conv_2, to: conv_1}", 11, "loops.forward", "reserved"),
    (10, "skips:", 11, "skips.feedback", "write it under loops"),
    (
        6,
        "  conv_1: {template: conv3, filters: 4, size: 99, padding: valid}",
        6,
        "layers.conv_1",
        "more than its 8x8 input holds",
    ),
    (6, "  conv_1: {template: conv3, filters: 4, groups: 2}", 6, "layers.conv_1", "groups: 2"),
    (
        6,
        "  conv_1: {template: conv3, filters: 4, norm: {type: group, groups: 3}}",
        6,
        "layers.conv_1",
        "as one of 1, 2, 4",
    ),
    (14, "loss: {steps: all}", 14, "loss.steps", "write readout: each"),
    (14, "loss: {steps: [1, 2]}\nreadout: each", 14, "loss.steps", "2 weights for unroll.steps 3"),
    (14, "loss: {steps: [0, 0, 0]}\nreadout: each", 14, "loss.steps", "not all zero"),
    # Delays.
    (12, "unroll: {steps: 3, schedule: paralel}", 12, "unroll.schedule", "'parallel'"),
    (12, "unroll: {steps: 3, initial: one}", 12, "unroll.initial", "'absent' or 'zero'"),
    (12, "unroll: {steps: 3, delays: {conv_2: -1}}", 12, "unroll.delays.conv_2", "equal to 0"),
    (12, "unroll: {steps: 3, delays: {conv2: 1}}", 12, "unroll.delays.conv2", '"conv_2"?'),
    (
        12,
        "unroll: {steps: 3, delays: {conv_1: 1}}",
        12,
        "unroll.delays.conv_1",
        "the first layer of the loopy section",
    ),
    (
        12,
        "unroll: {steps: 3, delays: {fc: 1}}",
        12,
        "unroll.delays.fc",
        'not in the loopy section ("conv_1" to "conv_2")',
    ),
    (
        12,
        "unroll: {steps: 3, delays: {conv_2: 4}}",
        12,
        "unroll.steps",
        "at unroll 5; write 5 or more",
    ),
    (
        12,
        "unroll: {steps: 3, delays: {conv_2: 4}, initial: zero}",
        12,
        "unroll.steps",
        "at unroll 5; write 5 or more",
    ),
    (
        12,
        "unroll: {steps: 3, schedule: parallel}",
        11,
        "loops.feedback",
        "reaches them at unroll 4, and unroll.steps is 3; write 4",
    ),
    (
        12,
        "unroll: {steps: 3}\nskips: {s: {from: input, to: conv_2, fit: project, delay: 1}}",
        13,
        "skips.s.delay",
        '"input" is not in the loopy section',
    ),
    (
        12,
        "unroll: {steps: 3}\nskips: {s: {from: conv_1, to: conv_2, delay: 3}}",
        13,
        "skips.s",
        "reaches them at unroll 4",
    ),
    (
        12,
        "unroll: {steps: 4, schedule: parallel}\nreadout: each\nloss: {steps: [1, 1, 1, 1]}",
        14,
        "loss.steps",
        "4 weights for unroll.steps 4; write 3, one for each unroll from 2 on",
    ),
    # More than any machine has.
    (14, "training: {batch_size: 100000000}", 6, "layers.conv_1", "smaller training.batch_size"),
    (6, "  conv_1: {template: conv3, filters: 1000000000}", 6, "layers.conv_1", "fewer filters"),
    (2, "input: {shape: [3, 8, 1000000000]}", 6, "layers.conv_1", "this machine has"),
]


@pytest.mark.parametrize(
    ("number", "text", "line", "key", "said"), MISTAKES, ids=[f"{m[3]}-{m[1]}" for m in MISTAKES]
)
def test_a_mistake_is_named_with_file_line_key_and_remedy(number, text, line, key, said):
    message = error_of(with_line(number, text))
    first = message.splitlines()[0]
    assert first.startswith(f"net.yaml:{line} {key}: "), first
    assert said in first
    if key.startswith("layers.conv_1") and number == 4:  # both layers of the template
        assert len(message.splitlines()) == 2
    else:
        assert len(message.splitlines()) == 1


# Not YAML, or more than plain data: the line blamed and what the message says.
NO_DOCUMENTS = [
    ("", "net.yaml: empty"),
    ("  \n# a comment only\n", "net.yaml: empty"),
    ("5", "net.yaml:1 must be a mapping with input, layers and main"),
    ("[1, 2]", "net.yaml:1 must be a mapping"),
    ("null", "net.yaml:1 must be a mapping"),
    ("some words", "net.yaml:1 must be a mapping"),
    ("key: [", "net.yaml:1 not valid YAML"),
    ("\x89PNG\r\n\x1a\n", "net.yaml:1 not valid YAML"),
    (with_line(14, "x: \0"), "net.yaml:14 not valid YAML"),
    (with_line(14, "training: {epochs: 3"), "net.yaml:15 not valid YAML"),  # the file's end
    (with_line(14, "\tx: 3"), "net.yaml:14 not valid YAML"),
    (with_line(14, "x: *nothing"), "net.yaml:14 not valid YAML"),
    (with_line(14, "---\na: 1"), "net.yaml:14 not valid YAML"),
    (with_line(14, "? [a]\n: 3"), "net.yaml:14 a key must be a word"),
    (with_line(9, EXAMPLE.splitlines()[8] + "\nmain: [fc]"), 'net.yaml:10 the key "main"'),
    (with_line(8, "  fc: {type: dense, units: 1, units: 2}"), 'net.yaml:8 the key "units"'),
    (with_line(14, "x: !!python/object/apply:os.system [ls]"), "net.yaml:14 the tag"),
    (with_line(14, "training: !mine {epochs: 3}"), "net.yaml:14 the tag !mine is not allowed"),
    (with_line(14, "x: !!binary aGVsbG8="), "net.yaml:14 the tag"),
    (with_line(14, "x: !!set {a, b}"), "net.yaml:14 the tag"),
    (with_line(14, "x: " + "[" * 60 + "]" * 60), "net.yaml:14 more than 100000 values or 50"),
    (with_line(14, "x: " + "{a: " * 60 + "}" * 60), "net.yaml:14 more than 100000 values or 50"),
    (with_line(14, "x: " + "[" * 5000), "net.yaml"),
    (with_line(14, "x: &x [*x]"), "net.yaml:14 more than 100000 values or 50"),
    (with_line(14, 'name: "\\UFFFFFFFF"'), "net.yaml:14 not valid YAML"),
    ("x" * 1_000_001, "net.yaml: longer than"),
]


@pytest.mark.parametrize(("text", "said"), NO_DOCUMENTS, ids=[m[0][-30:] for m in NO_DOCUMENTS])
def test_what_is_no_plain_document_is_refused(text, said):
    assert error_of(text).startswith(said)


def test_an_alias_bomb_is_refused_at_once():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    assert "more than 100000 values" in error_of("\n".join(lines))


@pytest.mark.parametrize(
    "text",
    [
        'main: ["\\ud800"]',
        'loops: {"\\ud800": {from: a, to: b}}',
        '"\\ud800": 1',
        with_line(8, '  fc: {type: "\\ud800", units: 10}'),
        with_line(11, '  feedback: {from: conv_2, to: "\\ud800"}'),
        with_line(11, '  feedback: {from: conv_2, to: conv_1, merge: "\\ud800"}'),
        with_line(14, 'training: {optimizer: "\\ud800"}'),
    ],
)
def test_half_a_character_is_refused_in_a_message_that_can_be_printed(text):
    error_of(text).encode("utf-8")


@pytest.mark.parametrize("key", ["\\n" * 60, "x" * 20_000], ids=["newlines", "long"])
def test_a_strange_key_does_not_fill_the_screen(key):
    error_of(f'"{key}": 1')


def test_many_mistakes_are_cut():
    names = [f"key{i}" for i in range(50)]
    message = error_of(EXAMPLE + "".join(f"{name}: 1\n" for name in names))
    lines = message.splitlines()
    assert lines[-1] == "and 42 more"
    numbers = [int(line.split()[0].split(":")[1]) for line in lines[:-1]]
    assert numbers == list(range(15, 23))
    assert all(a < b for a, b in pairwise(numbers))


def test_several_mistakes_are_told_at_once():
    text = EXAMPLE.replace("steps: 3", "steps: 0").replace("shape: [3, 8, 8]", "shape: [3, 8]")
    assert [line.split(": ")[0] for line in error_of(text).splitlines()] == [
        "net.yaml:2 input.shape",
        "net.yaml:12 unroll.steps",
    ]


def test_a_key_on_a_line_of_its_own_is_blamed():
    block = "  conv_1:\n    template: conv3\n    filters: 4\n    stride: 0"
    assert error_of(with_line(6, block)).startswith("net.yaml:9 layers.conv_1.stride: ")


def test_the_example_has_no_mistake():
    assert costs(graph_of(EXAMPLE)).parameters > 0


def test_files_that_cannot_be_read(tmp_path):
    missing = tmp_path / "missing.yaml"
    with pytest.raises(SpecError, match=r"missing.yaml: cannot be read \(No such file"):
        read_spec(missing)
    with pytest.raises(SpecError, match="cannot be read"):
        read_spec(tmp_path)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(bytes(range(256)))
    with pytest.raises(SpecError, match=r"binary.yaml: cannot be read \('utf-8' codec"):
        read_spec(binary)
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * 1_000_001)
    with pytest.raises(SpecError, match="larger than 1000000 bytes"):
        read_spec(str(large))
    with pytest.raises(SpecError):
        read_spec("a\0b")


def test_did_you_mean_names_the_nearest_or_nothing():
    assert did_you_mean("conv1", ["conv_1", "fc"]) == ' Did you mean "conv_1"?'
    assert did_you_mean("qqq", ["conv_1", "fc"]) == ""
    assert did_you_mean(["odd"], []) == ""
    assert did_you_mean("x" * 10**6, ["x" * 150]) == ' Did you mean "' + "x" * 150 + '"?'
