"""The model card: what a network is, how it was trained, how good it is, what it is not for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from loopynet.describe import draw_text, summarize
from loopynet.network import LoopyNet
from loopynet.network.checks import check_one_answer
from loopynet.parts.shape import show
from loopynet.run import RunFolder
from loopynet.spec import to_yaml


def model_card(
    net: LoopyNet, run: RunFolder | None = None, repo_id: str = "USER/NAME"
) -> ModelCard:
    """Return the card of a network: metadata, use, drawing, data, figures, limits, spec.

    Args:
        net: the network.
        run: where it was trained; without one the card has no figures and says so.
        repo_id: the repository, for the example.
    """
    check_one_answer(net.graph, "a model card")
    results = _results(run)
    image = len(net.graph.input_shape) == 3
    scored = _scored(net, results) if image and "test" in results else []
    data = ModelCardData(
        library_name="loopynet",
        pipeline_tag="image-classification" if image else None,
        tags=["loopynet", "pytorch", "feedback", "recurrent"],
        datasets=[net.spec.data.name] if run is not None else None,
        model_name=net.spec.name if scored else None,
        eval_results=scored or None,
    )
    sections = [
        _what(net),
        _use(net, repo_id, run is not None),
        f"## Network\n\n```text\n{draw_text(net.graph)}\n```",
        _data(net, run),
        _figures(results, net),
        _limits(net, run is not None),
        f"## Spec\n\n```yaml\n{to_yaml(net.spec)}```",
    ]
    return ModelCard(f"---\n{data.to_yaml()}\n---\n\n" + "\n\n".join(sections) + "\n")


def _results(run: RunFolder | None) -> dict[str, Any]:
    """Return the figures of a run that was finished; nothing for one that was not."""
    if run is None or not _has_results(run):
        return {}
    results = run.results()
    return {part: results[part] for part in ("validation", "test") if results.get(part)}


def _has_results(run: RunFolder) -> bool:
    return (run.path / "results.json").is_file()


def _scored(net: LoopyNet, results: dict[str, Any]) -> list[EvalResult]:
    """Return the test accuracy in the hub's form."""
    return [
        EvalResult(
            task_type="image-classification",
            dataset_type=net.spec.data.name,
            dataset_name=net.spec.data.name,
            dataset_split="test",
            metric_type="accuracy",
            metric_value=results["test"]["accuracy"],
        )
    ]


def _what(net: LoopyNet) -> str:
    summary = summarize(net.graph, batch_size=1)
    loops = len(net.graph.loops)
    passes = net.graph.sections if len(net.graph.sections) > 1 else (net.graph.steps,)
    each = " in sections one after another" if len(passes) > 1 else ""
    times = f"{', '.join(map(str, passes[:-1]))} and {passes[-1]}" if each else f"{passes[0]}"
    kind = f"{loops} feedback loop{'s' if loops != 1 else ''}, run {times} times{each}"
    tied = "the same weights" if net.graph.tied else "weights of its own"
    how = f"{kind} with {tied} at each unroll" if loops else "no feedback loops"
    return (
        f"# {net.spec.name}\n\nA classifier of inputs {show(net.graph.input_shape)} into "
        f"{net.graph.output_shape[0]} classes, with {how}: {summary.parameters:,} parameters. "
        "Made with loopynet."
    )


def _use(net: LoopyNet, repo_id: str, trained: bool) -> str:
    some = f"unrolls={net.graph.steps}, " if net.stop else ""
    last = "at convergence" if net.stop else "of the last unroll"
    first = net.graph.first_readout
    since = f" from {first} on" if first > 1 else ""
    lines = [
        "from loopynet import from_pretrained",
        "",
        f'net = from_pretrained("{repo_id}")  # a torch.nn.Module, in evaluation mode',
        f'logits = net(x, readout="last")  # {last}; x is a batch of inputs',
        f'each = net(x, {some}readout="each")  # of every unroll{since}',
    ]
    text = "## Use\n\n```python\n" + "\n".join(lines) + "\n```"
    if trained:
        text += (
            "\n\nInputs are preprocessed as in training: (pixels * scale - mean) / std, with the "
            "numbers of `preprocessing.safetensors`."
        )
    return text


def _data(net: LoopyNet, run: RunFolder | None) -> str:
    if run is None:
        return "## Data\n\nNothing is known of the data that these weights come from."
    found = run.provenance()
    split = found.get("split", {})
    parts = [f"{split[p]:,} for {p}" for p in ("train", "validation", "test") if p in split]
    options = net.spec.training
    done = run.results()["epochs"] if _has_results(run) else 0
    epochs = options.epochs if done == options.epochs else f"{done} of {options.epochs}"
    text = f"## Data\n\n{net.spec.data.name}" + (f": {', '.join(parts)}." if parts else ".")
    return (
        f"{text}\n\nTrained with {options.optimizer.name}, learning rate "
        f"{options.learning_rate:g}, batches of {options.batch_size}, {epochs} epochs, "
        f"seed {options.seed}."
    )


def _figures(results: dict[str, Any], net: LoopyNet) -> str:
    if not results:
        return "## Figures\n\nNone: it was not evaluated."
    rows = ["| images | unroll | accuracy | loss |", "| --- | --- | --- | --- |"]
    for part, scores in results.items():
        first = scores.get("first_unroll", net.graph.first_readout)
        for i, (share, loss) in enumerate(zip(scores["accuracies"], scores["losses"], strict=True)):
            images = f"{scores['images']:,} {part}"
            unroll = "converged" if net.stop else first + i
            rows.append(f"| {images} | {unroll} | {100 * share:.2f} % | {loss:.4f} |")
    return "## Figures\n\n" + "\n".join(rows)


def _limits(net: LoopyNet, trained: bool) -> str:
    return "## Limits\n\n" + "\n".join(f"* {line}" for line in _sentences(net, trained))


def _sentences(net: LoopyNet, trained: bool) -> Iterator[str]:
    shape = show(net.graph.input_shape)
    yield f"It takes inputs of exactly {shape}, and answers one of its classes for any input."
    if trained:
        yield "The figures are of one seed, on data like that of training; others may do worse."
    yield "Its probabilities are not calibrated."
    if net.graph.loops:
        read = f"after {net.graph.steps} unrolls; what more of them give was not measured here"
        if net.stop:
            read = "when its loops have settled; `net.run(x)` says whether they have"
        yield f"It is meant to be read {read}."
        if net.spec.loss.steps == "last":
            yield "Only the last unroll was trained to answer; earlier ones are often worse."
