"""Answers by class, and plain data as lines."""

import torch
from safetensors.torch import save_file

from loopynet.report.tables import classes_table, plain_table, unrolls_table
from loopynet.run import RunFolder


def test_answers_by_class_are_counted_with_their_weights(tmp_path):
    run = RunFolder(tmp_path)
    run.write_json("data.json", {"class_names": ["cat", "dog", "elk"]})
    answers = {
        "labels": torch.tensor([0, 0, 0, 1], dtype=torch.uint8),
        "predicted": torch.tensor([[2, 2, 2, 2], [0, 1, 2, 1]], dtype=torch.uint8),
        "weights": torch.tensor([5, 1, 2, 1], dtype=torch.int32),
    }
    save_file(answers, tmp_path / "answers.safetensors")
    html = classes_table(run)
    for cells in (
        '<th scope="row">cat</th><td class="number">62.5</td><td class="number">3</td>'
        "<td>elk, 25.0 %</td>",
        '<th scope="row">dog</th><td class="number">100.0</td><td class="number">1</td><td></td>',
        '<th scope="row">elk</th><td class="number"></td><td class="number">0</td><td></td>',
    ):
        assert cells in html


def test_an_answer_that_is_no_class_of_the_data_has_its_number(tmp_path):
    run = RunFolder(tmp_path)
    run.write_json("data.json", {"class_names": ["cat", "dog"]})
    answers = {
        "labels": torch.tensor([0, 1], dtype=torch.uint8),
        "predicted": torch.tensor([[3, 1]], dtype=torch.uint8),
        "weights": torch.ones(2, dtype=torch.int32),
    }
    save_file(answers, tmp_path / "answers.safetensors")
    assert "<td>3, 100.0 %</td>" in classes_table(run)


def test_plain_data_is_a_line_for_each_value():
    html = plain_table({"a": {"b_c": 1, "d": []}, "e": ["f", "g"], "h": None, "i": False}, "t")
    assert ">a, b c</th>" in html
    assert "<td>f; g</td>" in html
    assert "<td>False</td>" in html
    assert ">h</th>" not in html
    assert "d</th>" not in html


def test_unrolls_have_their_numbers_where_the_first_ones_give_no_logits():
    found = {"accuracies": [0.25, 0.5], "losses": [2.0, 1.0], "first_unroll": 3}
    html = unrolls_table({"validation": None, "test": found})
    assert '<td class="number">25.00</td>' in html.split(">3</th>")[1].split("</tr>")[0]
    assert '<td class="number">50.00</td>' in html.split(">4</th>")[1].split("</tr>")[0]
