"""Circuits: edges cut exactly and attributed to first order, on every family that has them."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from fimscope.errors import MisalignedError
from fimscope.interventions.circuits import attribute_edges, run_circuits
from fimscope.interventions.residual_graph import (
    Node,
    NoGraphError,
    first_tensor,
    residual_graph,
)
from fimscope.models.families import FAMILIES
from fimscope.models.load import wrap_network
from fimscope.models.projections import projection_of
from models import EVERY_TYPE, alone_logits, random_model, random_prompts

pytestmark = pytest.mark.model

# Their blocks norm what heads and MLPs give before they add it, or make queries by other layers.
WITHOUT = (
    *("gemma2", "gemma3_text", "gemma3", "olmo2", "olmo3", "exaone4", "glm4"),
    *("deepseek_v2", "deepseek_v3"),
)
WITH = tuple(name for name in EVERY_TYPE if name not in WITHOUT)
TOLERANCE = {"atol": 1e-4, "rtol": 1e-4}
LENGTHS = (9, 12, 5)
PAIRS = [(4, 9), (50, 2), (7, 8)]

families = pytest.mark.parametrize("name", WITH)
# Queries, keys and values of one layer, of three, head by head; keys of one head, of some, of all;
# norms of queries; MLPs beside the attention, of one norm and of two; experts.
STRUCTURES = ("gpt_bigcode", "gpt2", "qwen2", "qwen3", "phi3", "gpt_neox", "cohere2", "mixtral")
structures = pytest.mark.parametrize("name", STRUCTURES)


def aligned_prompts():
    """Prompts and corrupted ones, of which some tokens are others'."""
    own, other = random_prompts(LENGTHS), random_prompts(LENGTHS, 1)
    return own, [[a[0], *b[1:4], *a[4:-1], b[-1]] for a, b in zip(own, other, strict=True)]


def alone_difference(model, prompt, pair):
    logits = alone_logits(model.network, prompt)[-1]
    return logits[pair[0]] - logits[pair[1]]


def differences(model, prompts):
    return torch.stack(
        [alone_difference(model, *both) for both in zip(prompts, PAIRS, strict=True)]
    )


@families
def test_all_edges_are_the_prompts_own_run_and_none_the_corrupted_one(name):
    model, (prompts, corrupted) = random_model(name), aligned_prompts()
    graph = residual_graph(model)
    shape = 3, 1, *graph.is_edge.shape
    kept = torch.cat([torch.ones(shape), torch.zeros(shape)], 1)
    found = run_circuits(model, graph, prompts, corrupted, PAIRS, kept).difference
    torch.testing.assert_close(found[:, 0], differences(model, prompts), **TOLERANCE)
    torch.testing.assert_close(found[:, 1], differences(model, corrupted), **TOLERANCE)
    assert (found[:, 0] - found[:, 1]).abs().min() > 1e-2


def slow_cut(model, graph, prompt, corrupted, pair, writer, reader):
    """Path patching by hand: the reader's module is given the stream with one part exchanged."""
    written = [written_by(model, graph, tokens, writer) for tokens in (prompt, corrupted)]
    gap = written[1] - written[0]
    handles = []

    def give(module, change):
        handles.append(
            module.register_forward_pre_hook(lambda _, args: (change(args[0]), *args[1:]))
        )

    if reader.kind == "logits":
        give(model.network.get_submodule(model.family.final_norm), lambda x: x + gap)
    elif reader.kind == "mlp":
        block = graph.blocks[reader.block]
        seen = {}
        handles.append(
            block.mlp_norm.register_forward_pre_hook(lambda _, args: seen.update(x=args[0]))
        )
        give(block.mlp, lambda _: block.mlp_norm.forward(seen["x"] + gap))
    else:
        block = graph.blocks[reader.block]
        place = projection_of(model, reader.block, reader.kind)
        start = place.start + reader.head * place.step
        layer = block.whole.get_submodule(place.path)
        seen = {}
        handles.append(
            block.attention_norm.register_forward_pre_hook(lambda _, args: seen.update(x=args[0]))
        )

        def other_columns(_, __, output):
            other = layer.forward(block.attention_norm.forward(seen["x"] + gap))
            output = output.clone()
            output[..., start : start + model.d_head] = other[..., start : start + model.d_head]
            return output

        handles.append(layer.register_forward_hook(other_columns))
    try:
        return alone_difference(model, prompt, pair)
    finally:
        for handle in handles:
            handle.remove()


def written_by(model, graph, tokens, writer):
    """What one writer adds to the stream: of a head, what is missing where its values are 0."""
    block = graph.blocks[writer.block]
    found = {}
    if writer.kind == "embedding":
        hook = block.whole.register_forward_pre_hook(lambda _, args: found.update(x=args[0]))
    elif writer.kind == "mlp":
        hook = block.mlp.register_forward_hook(
            lambda _, __, output: found.update(x=first_tensor(output))
        )
    else:

        def take(layer, args, output):
            without = args[0].clone()
            first = writer.head * model.d_head
            without[..., first : first + model.d_head] = 0
            found["x"] = output - layer.forward(without)

        hook = block.head_mixer.register_forward_hook(take)
    try:
        alone_logits(model.network, tokens)
    finally:
        hook.remove()
    return found["x"]


@structures
def test_one_cut_edge_is_a_slow_path_patch(name):
    model, (prompts, corrupted) = random_model(name), aligned_prompts()
    graph = residual_graph(model)
    edges = [
        (Node("embedding", 0), Node("query", 1, 2)),
        (Node("embedding", 0), Node("value", 0, 0)),
        (Node("head", 0, 3), Node("key", 2, 0)),
        (Node("mlp", 0), Node("value", 1, 0)),
        (Node("head", 1, 1), Node("mlp", 2)),
        (Node("mlp", 1), Node("mlp", 2)),
        (Node("head", 2, 0), Node("logits", model.n_blocks)),
        (Node("embedding", 0), Node("logits", model.n_blocks)),
    ]
    kept = torch.ones(3, len(edges), *graph.is_edge.shape)
    for i, (writer, reader) in enumerate(edges):
        kept[:, i, graph.writers.index(writer), graph.readers.index(reader)] = 0
    found = run_circuits(model, graph, prompts, corrupted, PAIRS, kept).difference
    for row in range(3):
        for i, edge in enumerate(edges):
            slow = slow_cut(model, graph, prompts[row], corrupted[row], PAIRS[row], *edge)
            torch.testing.assert_close(found[row, i], slow, **TOLERANCE)
    assert (found - differences(model, prompts)[:, None]).abs().amax(0).min() > 1e-3


@structures
def test_attribution_is_the_slope_of_every_cut(name):
    """A five-hundredth of the way to the corrupted run, by central differences, edge by edge."""
    model, (prompts, corrupted) = random_model(name), aligned_prompts()
    graph = residual_graph(model)
    estimate = attribute_edges(model, graph, prompts, corrupted, PAIRS)
    torch.testing.assert_close(estimate.difference, differences(model, prompts), **TOLERANCE)
    torch.testing.assert_close(estimate.corrupted, differences(model, corrupted), **TOLERANCE)
    edges = graph.is_edge.nonzero().tolist()[:: max(1, graph.n_edges // 25)]
    step = 2e-3
    kept = torch.ones(3, 2 * len(edges), *graph.is_edge.shape)
    for i, (writer, reader) in enumerate(edges):
        kept[:, 2 * i, writer, reader] -= step
        kept[:, 2 * i + 1, writer, reader] += step
    cut = run_circuits(model, graph, prompts, corrupted, PAIRS, kept).difference
    down, up = cut.unflatten(1, (-1, 2)).unbind(2)
    slope = (down - up) / (2 * step)
    wanted = torch.stack([estimate.effects[:, writer, reader] for writer, reader in edges], 1)
    torch.testing.assert_close(slope, wanted, atol=0.02, rtol=0.02)
    assert wanted.abs().max() > 0.1


@pytest.mark.parametrize("name", WITHOUT)
def test_a_model_without_such_a_graph_is_refused(name):
    with pytest.raises(NoGraphError, match="circuits are made of models whose blocks add heads"):
        residual_graph(random_model(name))


PLANTED = [
    (Node("embedding", 0), Node("value", 0, 1)),
    (Node("head", 0, 1), Node("mlp", 1)),
    (Node("mlp", 1), Node("logits", 2)),
]
SIGN, TARGET, FOIL = 1, 3, 4  # the token whose sign decides, and the two answers


@torch.no_grad()
def planted_model():
    """Two blocks of two heads: a token's sign goes through head 0.1 and MLP 1 to the logits.

    Everything else is busy too: the other heads and MLP 0 read the sign, or what was made of it,
    and write it where nobody reads.
    """
    sizes = {"n_layer": 2, "n_head": 2, "n_embd": 32, "n_positions": 8, "vocab_size": 16}
    config = GPT2Config(**sizes, tie_word_embeddings=False, bos_token_id=None, eos_token_id=None)
    network = GPT2LMHeadModel(config)
    for name, weight in network.named_parameters():
        weight.fill_(1.0 if "ln_" in name and name.endswith("weight") else 0.0)
    wte, wpe = network.transformer.wte.weight, network.transformer.wpe.weight

    def write(weights, coordinate, strength):
        """Once with each sign, so that no norm's mean notices it."""
        weights[coordinate], weights[coordinate + 16] = strength, -strength

    for position in wpe:  # so large that no norm's spread notices the rest: each divides by 50
        write(position, 0, 200.0)
    write(wte[SIGN], 1, 1.0)
    write(wte[SIGN + 1], 1, -1.0)

    def head(block, index, reads, writes):
        attention = network.transformer.h[block].attn
        attention.c_attn.weight[reads, 64 + 16 * index] = 50.0
        write(attention.c_proj.weight[16 * index], writes, 1.0)

    def mlp(block, reads, writes):
        own = network.transformer.h[block].mlp
        for neuron, sign in enumerate((1.0, -1.0)):  # gelu(x) - gelu(-x) is x
            own.c_fc.weight[reads, neuron] = sign * 50.0
            write(own.c_proj.weight[neuron], writes, sign)

    head(0, 0, reads=1, writes=7)
    head(0, 1, reads=1, writes=5)
    mlp(0, reads=1, writes=8)
    head(1, 0, reads=8, writes=9)
    head(1, 1, reads=5, writes=10)
    mlp(1, reads=5, writes=6)
    for answer, sign in ((TARGET, 1.0), (FOIL, -1.0)):
        network.lm_head.weight[answer, 6] = sign * 50.0
    return wrap_network(network, FAMILIES["gpt2"])


def test_a_planted_circuit_is_found_edge_by_edge():
    model = planted_model()
    graph = residual_graph(model)
    run = [[5, SIGN, 6, 7]], [[5, SIGN + 1, 6, 7]], [(TARGET, FOIL)]
    planted = [(graph.writers.index(w), graph.readers.index(r)) for w, r in PLANTED]
    edges = graph.is_edge.nonzero().tolist()
    # All edges, each cut alone, and the planted ones kept alone.
    kept = torch.ones(1, len(edges) + 1, *graph.is_edge.shape)
    kept[:, -1] = 0
    for i, (writer, reader) in enumerate(edges):
        kept[0, i, writer, reader] = 0
    for writer, reader in planted:
        kept[0, -1, writer, reader] = 1
    attributed = attribute_edges(model, graph, *run, n_steps=5)
    gap = (attributed.difference - attributed.corrupted).item()
    assert gap > 0.1
    differences = run_circuits(model, graph, *run, kept).difference[0]
    exact = (attributed.difference - differences[:-1]) / gap
    estimated = torch.tensor([-attributed.effects[0, w, r] / gap for w, r in edges])
    for effects in (exact, estimated):
        found = [tuple(edges[i]) for i in effects.abs().topk(4).indices]
        assert set(found[:3]) == set(planted)
        torch.testing.assert_close(effects.sort().values[-3:], torch.ones(3), atol=0.05, rtol=0)
        assert effects.abs().sort().values[-4] < 0.02
    assert (differences[-1] - attributed.corrupted).item() / gap == pytest.approx(1, abs=0.02)


def test_integrated_gradients_see_past_what_is_saturated():
    """Runs differ by their embeddings alone: all edges of those add up to the whole difference."""
    model, (prompts, corrupted) = random_model("gpt2"), aligned_prompts()
    graph = residual_graph(model)
    errors = []
    for n_steps in (1, 32):
        found = attribute_edges(model, graph, prompts, corrupted, PAIRS, n_steps)
        whole = found.effects[:, 0].sum(1)
        errors.append((whole - (found.corrupted - found.difference)).abs().mean())
    assert errors[1] < 0.1 * errors[0] and errors[0] > 1


def test_a_batch_gives_what_each_prompt_gives_alone():
    model, (prompts, corrupted) = random_model("qwen2"), aligned_prompts()
    graph = residual_graph(model)
    together = attribute_edges(model, graph, prompts, corrupted, PAIRS, 2)
    generator = torch.Generator().manual_seed(3)
    kept = (torch.rand(3, 4, *graph.is_edge.shape, generator=generator) < 0.5).float()
    cut = run_circuits(model, graph, prompts, corrupted, PAIRS, kept).difference
    few = run_circuits(model, graph, prompts, corrupted, PAIRS, kept, at_once=3).difference
    torch.testing.assert_close(few, cut, **TOLERANCE)
    for row in range(3):
        own = [prompts[row]], [corrupted[row]], [PAIRS[row]]
        alone = attribute_edges(model, graph, *own, 2)
        torch.testing.assert_close(together.effects[row], alone.effects[0], **TOLERANCE)
        for i in range(4):
            one = run_circuits(model, graph, *own, kept[row : row + 1, i : i + 1]).difference
            torch.testing.assert_close(cut[row, i], one[0, 0], **TOLERANCE)


def test_prompts_that_are_not_aligned_are_refused():
    model, (prompts, corrupted) = random_model("gpt2"), aligned_prompts()
    graph = residual_graph(model)
    with pytest.raises(MisalignedError, match="prompt 1 of the batch has 12 tokens and .* 11"):
        attribute_edges(
            model, graph, prompts, [corrupted[0], corrupted[1][1:], corrupted[2]], PAIRS
        )
    with pytest.raises(MisalignedError, match="3 prompts, 2 corrupted ones"):
        attribute_edges(model, graph, prompts, corrupted[:2], PAIRS)
    with pytest.raises(MisalignedError, match="circuits of shape"):
        run_circuits(model, graph, prompts, corrupted, PAIRS, torch.ones(2, 1, 3, 4))
