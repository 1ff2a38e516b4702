"""fit(): it learns, counts and stops as it says."""

import math
import warnings
from copy import deepcopy
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, Subset, TensorDataset

from vae_helpers import (
    VAE,
    Bernoulli,
    ContinuousBernoulli,
    EarlyStopping,
    Gaussian,
    History,
    Images,
    LongRun,
    MLPDecoder,
    MLPEncoder,
    NonFiniteLoss,
    TrainingInterrupted,
    dreg_bound,
    elbo,
    fit,
    free_bits,
    iwae_bound,
    plot_history,
)
from vae_helpers.training import long_run

SHAPE = (1, 3, 4)
QUIET = {"progress": False, "device": "cpu"}


def small_vae(likelihood=None, latent_dim=2):
    networks = MLPEncoder(latent_dim, SHAPE, (8,)), MLPDecoder(latent_dim, SHAPE, (8,))
    return VAE(*networks, likelihood or Bernoulli(), latent_dim)


def patterns(n):
    """Two patterns of pixels with a tenth of them flipped: one bit of information per image."""
    which = torch.rand(n, 1, 1, 1) < 0.5
    pattern = (torch.arange(12).reshape(1, *SHAPE) % 2).bool()
    return (pattern ^ which ^ (torch.rand(n, *SHAPE) < 0.1)).float()


class Linear(NamedTuple):
    value: torch.Tensor
    twice: torch.Tensor


def sum_of_pixels(model, x, beta=1.0):
    """An objective that does not depend on the parameters: its averages are known exactly."""
    zero = 0 * sum(p.sum() for p in model.parameters())
    return Linear(beta * x.flatten(1).sum(1) + zero, 2 * x.flatten(1).sum(1))


def test_it_approaches_the_entropy_of_the_data():
    train, held_out = patterns(4000), patterns(1000)
    history = fit(small_vae(), train, epochs=12, batch_size=50, lr=1e-2, validation=held_out, **QUIET)
    # No model does better than H(x) = log 2 + 12 H(1/10) = 4.6 nats (the patterns hardly overlap);
    # independent pixels pay 12 log 2 = 8.3 nats.
    entropy = math.log(2) - 12 * (0.1 * math.log(0.1) + 0.9 * math.log(0.9))
    last = -history.validation[-1]["value"]
    assert entropy - 0.3 < last < entropy + 0.8
    assert len(history.train) == len(history.validation) == len(history.seconds) == 12
    for means in (*history.train, *history.validation):
        assert means["value"] == pytest.approx(means["reconstruction"] - means["kl"], abs=1e-3)


def test_epoch_means_weight_the_smaller_last_batch():
    x = torch.rand(25, *SHAPE)
    history = fit(small_vae(), x, sum_of_pixels, epochs=2, batch_size=10, **QUIET)
    for means in history.train:
        assert means == pytest.approx({"value": x.sum().item() / 25, "twice": 2 * x.sum().item() / 25}, rel=1e-6)
    batches = history.steps["value"]
    assert len(batches) == 6
    assert (10 * batches[0] + 10 * batches[1] + 5 * batches[2]) / 25 == pytest.approx(history.train[0]["value"])


class Line(torch.nn.Module):
    """Two weights of different scale; values w . x, so the gradient of the mean is the mean of x."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(2))


def captured_gradients(monkeypatch):
    gradients = []
    step = torch.optim.Adam.step

    def record(self, *args, **kwargs):
        gradients.append(torch.cat([p.grad.flatten().clone() for p in self.param_groups[0]["params"]]))
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", record)
    return gradients


def test_value_and_nothing_else_is_maximised_as_a_mean(monkeypatch):
    """The gradient is that of the mean of `value`; the other term would pull the other way."""
    gradients = captured_gradients(monkeypatch)
    x = torch.tensor([[1.0, 10.0], [3.0, 30.0], [5.0, 50.0]])
    model = Line()
    fit(model, x, lambda m, x: Linear(x @ m.weight, -7 * (x @ m.weight)), epochs=1, **QUIET)
    torch.testing.assert_close(gradients[0], -x.mean(0))
    assert (model.weight > 0).all()


def test_clipping_shortens_the_gradient_and_keeps_its_direction(monkeypatch):
    gradients = captured_gradients(monkeypatch)
    x = torch.tensor([[3.0, 4.0]]).repeat(40, 1)
    fit(Line(), x, lambda m, x: x @ m.weight, epochs=1, batch_size=2, long_run=LongRun(clip_norm=0.5), **QUIET)
    assert len(gradients) == 20
    for gradient in gradients:
        torch.testing.assert_close(gradient, torch.tensor([-0.3, -0.4]), rtol=1e-4, atol=1e-4)


def test_every_image_is_seen_once_an_epoch():
    x, seen = torch.arange(23.0).reshape(23, 1).expand(23, 12).reshape(23, *SHAPE) / 23, []

    def record(model, batch):
        seen.append(batch[:, 0, 0, 0])
        return sum_of_pixels(model, batch)

    fit(small_vae(), x, record, epochs=2, batch_size=5, **QUIET)
    first, second = torch.cat(seen[:5]), torch.cat(seen[5:])
    assert torch.equal(first.sort().values, second.sort().values) and len(first.unique()) == 23
    assert not torch.equal(first, second)


def test_the_same_seed_gives_the_same_weights():
    x, weights = patterns(100), []
    for _ in range(2):
        torch.manual_seed(1)
        model = small_vae()
        fit(model, x, epochs=2, **QUIET)
        weights.append(torch.cat([p.flatten() for p in model.parameters()]))
    assert torch.equal(*weights)


def test_schedules_pass_functions_of_progress_to_the_objective():
    seen = []

    def record(model, x, beta=1.0, capacity=0.0):
        seen.append((beta, capacity))
        return sum_of_pixels(model, x)

    schedules = {"beta": lambda t: min(1.0, 2 * t), "capacity": lambda t: 5 * t}
    fit(
        small_vae(),
        patterns(20),
        record,
        epochs=2,
        batch_size=5,
        schedules=schedules,
        validation=patterns(5),
        **QUIET,
    )
    training = [s for s in seen if s != (1.0, 0.0)]  # validation: the objective's own defaults
    assert seen.count((1.0, 0.0)) == 2 and len(training) == 8
    assert [beta for beta, _ in training] == pytest.approx([0, 0.25, 0.5, 0.75, 1, 1, 1, 1])
    assert [capacity for _, capacity in training] == pytest.approx([5 * step / 8 for step in range(8)])


def test_one_cycle_or_constant_learning_rate(monkeypatch):
    rates = []
    step = torch.optim.Adam.step

    def record(self, *args, **kwargs):
        rates.append(self.param_groups[0]["lr"])
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", record)
    fit(small_vae(), patterns(100), epochs=2, batch_size=5, lr=1e-2, **QUIET)
    assert rates[0] < 1e-3 and max(rates) == pytest.approx(1e-2) and rates[-1] < 1e-4
    rates.clear()
    fit(small_vae(), patterns(100), epochs=2, batch_size=5, lr=1e-2, one_cycle=False, **QUIET)
    assert set(rates) == {1e-2}


def test_dynamic_binarization_draws_anew_every_time():
    seen = []

    def record(model, x):
        seen.append(x)
        return sum_of_pixels(model, x)

    x = torch.full((400, *SHAPE), 0.3)
    fit(small_vae(), x, record, epochs=2, batch_size=400, binarize=True, validation=x, **QUIET)
    train, held_out = seen[0::2], seen[1::2]
    assert all(set(batch.unique().tolist()) == {0.0, 1.0} for batch in seen)
    assert not torch.equal(train[0], train[1]) and torch.equal(held_out[0], held_out[1])
    assert abs(seen[0].mean().item() - 0.3) < 5 * math.sqrt(0.21 / x.numel())


def test_autocast_runs_the_matrix_products_in_bfloat16():
    kinds = []

    def record(model, x):
        kinds.append(model.encoder(x)[0].dtype)
        return elbo(model, x)

    model = small_vae()
    fit(model, patterns(50), record, epochs=1, long_run=LongRun(autocast=True), **QUIET)
    fit(model, patterns(50), record, epochs=1, **QUIET)
    assert kinds[0] == torch.bfloat16 and kinds[-1] == torch.float32
    assert all(p.dtype == torch.float32 and p.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("fast", [True, False])
def test_autocast_may_ask_the_device(monkeypatch, fast):
    """In training alone: what is evaluated on the way is float32."""
    kinds = {True: set(), False: set()}

    def record(model, x):
        kinds[model.training].add(model.encoder(x)[0].dtype)
        return elbo(model, x)

    monkeypatch.setattr(long_run, "fast_bfloat16", lambda device: fast)
    run, x = LongRun(autocast="auto"), patterns(50)
    fit(small_vae(), x, record, epochs=1, validation=x, long_run=run, **QUIET)
    assert kinds == {True: {torch.bfloat16 if fast else torch.float32}, False: {torch.float32}}


def test_autocast_leaves_float64_alone():
    def trained(run):
        torch.manual_seed(0)
        model = small_vae().double()
        fit(model, patterns(50).double(), epochs=1, long_run=run, **QUIET)
        return torch.cat([p.flatten() for p in model.parameters()])

    assert torch.equal(trained(LongRun(autocast=True)), trained(LongRun()))


def test_denormals_are_flushed_while_training_and_not_after():
    tiny, seen = torch.tensor([1e-39]), []

    def record(model, x):
        seen.append((tiny * 1).item())
        return elbo(model, x)

    fit(small_vae(), patterns(50), record, epochs=1, **QUIET)
    assert set(seen) == {0.0} and (tiny * 1).item() > 0


def test_autocast_is_one_of_three():
    with pytest.raises(ValueError, match="True, False or \"auto\", got 'yes'"):
        LongRun(autocast="yes")


@pytest.mark.parametrize("likelihood", [Bernoulli, partial(Gaussian, "optimal")])
def test_compiled_it_learns_the_same(monkeypatch, likelihood):
    """The tracing is torch.compile's own; the code generator, which needs a C++ compiler, is left out."""
    compiled = []

    def without_generator(step, **options):
        compiled.append(options.pop("mode"))
        return torch._dynamo.optimize("eager", nopython=True, **options)(step)

    monkeypatch.setattr(torch, "compile", without_generator)
    results = []
    for option in (False, True):
        torch.manual_seed(0)
        model = small_vae(likelihood())
        history = fit(model, patterns(50), epochs=2, batch_size=20, long_run=LongRun(compile=option), **QUIET)
        results.append((history.steps, [p.tolist() for p in model.parameters()]))
    assert results[0] == results[1] and compiled == ["default"]


def test_objectives_that_return_a_plain_tensor():
    history = fit(small_vae(), patterns(50), lambda m, x: iwae_bound(m, x, 3), epochs=1, **QUIET)
    assert set(history.train[0]) == {"value"}


def test_the_model_trains_in_training_mode_and_epochs_are_timed():
    modes, model = [], small_vae().eval()

    def record(model, x):
        modes.append(model.training)
        return elbo(model, x)

    history = fit(model, patterns(50), record, epochs=2, **QUIET)
    assert all(modes) and not model.training and all(seconds > 0 for seconds in history.seconds)


def test_a_run_too_short_for_a_cycle_learns_at_the_full_rate():
    model = small_vae()
    before = model.decoder.net[-1].bias.detach().clone()
    fit(model, patterns(20), epochs=1, lr=0.1, **QUIET)  # one step; Adam's first step has the size lr
    assert (model.decoder.net[-1].bias - before).abs().max().item() == pytest.approx(0.1, rel=1e-3)


@pytest.mark.parametrize(
    ("objective", "error", "message"),
    [
        (
            lambda m, x: elbo(m, x).value.mean(),
            ValueError,
            r"one number per datapoint, \[20\] here, got value \[\]",
        ),
        (lambda m, x: tuple(elbo(m, x)), TypeError, "a named tuple .* got tuple"),
        (lambda m, x: None, TypeError, "got NoneType"),
    ],
)
def test_objectives_of_the_wrong_form(objective, error, message):
    with pytest.raises(error, match=message):
        fit(small_vae(), patterns(20), objective, epochs=1, **QUIET)


def test_double_images_are_brought_to_the_models_precision():
    fit(small_vae(), patterns(20).double(), epochs=1, validation=patterns(5).double(), **QUIET)


def test_ctrl_c_during_validation_leaves_a_history_that_plots():
    calls = []

    def interrupt(model, x):
        calls.append(model.training)
        if calls.count(False) == 2:
            raise KeyboardInterrupt
        return elbo(model, x)

    model = small_vae()
    with pytest.raises(TrainingInterrupted):
        fit(model, patterns(50), interrupt, epochs=3, validation=patterns(9), **QUIET)
    history = model.history
    assert history.interrupted and len(history.train) == len(history.validation) == len(history.seconds) == 1
    plot_history(history)
    with pytest.raises(ValueError, match="no completed epoch"):
        plot_history(History())


def test_callbacks_see_every_epoch_and_the_models_mode_is_training():
    calls = []
    fit(
        small_vae(),
        patterns(50),
        epochs=3,
        validation=patterns(10),
        callbacks=[lambda model, history: calls.append((len(history.train), model.training))],
        **QUIET,
    )
    assert calls == [(1, True), (2, True), (3, True)]


def test_a_callback_that_returns_true_ends_training(capsys):
    stop = lambda model, history: len(history.train) == 2  # noqa: E731
    seen = []
    callbacks = [stop, lambda model, history: seen.append(0)]  # all of them are called
    history = fit(small_vae(), patterns(50), epochs=5, callbacks=callbacks, device="cpu")
    assert len(history.train) == len(seen) == 2 and history.stopped and not history.interrupted
    assert "stopped by a callback" in capsys.readouterr().out
    assert not fit(small_vae(), patterns(50), epochs=2, callbacks=callbacks, **QUIET).stopped  # over anyway


def test_what_follows_the_batches_stops_with_training():
    """After Ctrl-C in the middle of a step, too: no batch is held, the model can be copied, sigma stays."""

    def interrupt(model, x):
        value = elbo(model, x)
        calls.append(model.likelihood.fitting)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return value

    calls, model = [], small_vae(Gaussian("optimal"))
    with pytest.raises(TrainingInterrupted):
        fit(model, patterns(50), interrupt, batch_size=10, **QUIET)
    assert calls == [True] * 3 and not model.likelihood.fitting and model.likelihood.last_batch is None
    before = model.likelihood.log_var.item()
    deepcopy(model.train()).posterior(patterns(2))
    elbo(model, patterns(20))
    assert model.likelihood.log_var.item() == before and math.isfinite(before)


def test_ctrl_c_keeps_what_was_learned_and_stops_what_follows():
    calls = []

    def interrupt(model, x):
        calls.append(0)
        if len(calls) == 8:  # in the middle of the second epoch
            raise KeyboardInterrupt
        return elbo(model, x)

    model = small_vae()
    before = model.encoder.net[0].weight.clone()
    with pytest.raises(KeyboardInterrupt, match="1 epochs in .*stopped by Ctrl-C.*The model keeps its weights"):
        fit(model, patterns(50), interrupt, epochs=4, batch_size=10, device="cpu")
    assert model.history.interrupted and len(model.history.train) == 1 and not model.training
    assert not torch.equal(before, model.encoder.net[0].weight)
    model.posterior(patterns(3))  # still usable


def test_the_first_non_finite_step_is_named_at_the_end_of_its_epoch():
    calls = []

    def explode(model, x):
        calls.append(0)
        value, reconstruction, kl = elbo(model, x)
        if len(calls) == 8:
            kl = kl / 0
            value = reconstruction - kl
        return type(elbo(model, x))(value, reconstruction, kl)

    model = small_vae()
    with pytest.raises(NonFiniteLoss, match=r"value and kl .* at step 7 .*smaller lr.*The weights are spoilt"):
        fit(model, patterns(50), explode, epochs=4, batch_size=10, **QUIET)
    assert len(calls) == 10  # the second epoch of five steps was its last


def test_a_first_step_that_is_not_finite_is_blamed_on_the_data():
    with pytest.raises(NonFiniteLoss, match="value and reconstruction .* at step 0 .*are the data scaled.*Divide"):
        fit(small_vae(Gaussian()), 1e30 * patterns(50), epochs=1, **QUIET)


def test_a_last_image_alone_joins_the_batch_before_it():
    seen = []

    def record(model, x):
        seen.append(len(x))
        return sum_of_pixels(model, x)

    fit(small_vae(), patterns(21), record, epochs=1, batch_size=10, **QUIET)
    assert seen == [10, 11]
    norm = VAE(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.BatchNorm1d(12), MLPEncoder(2, (12,), (8,))),
               MLPDecoder(2, SHAPE, (8,)), Bernoulli(), 2)  # fmt: skip
    history = fit(norm, patterns(21), epochs=2, batch_size=10, **QUIET)
    steps = history.steps["value"]
    assert (10 * steps[0] + 11 * steps[1]) / 21 == pytest.approx(history.train[0]["value"], rel=1e-5)


def test_numbers_of_numpy():
    history = fit(small_vae(), patterns(20), epochs=np.int64(2), batch_size=np.int64(8), lr=np.float64(0.01), **QUIET)
    assert len(history.train) == 2


def test_best_weights_are_kept():
    """Values fall after epoch 2: training ends after two more, and the weights of epoch 2 come back."""
    weights, values = [], iter([1.0, 3.0, 2.0, 2.5, 9.0])

    def note(model, history):
        history.validation[-1]["value"] = next(values)
        weights.append(model.decoder.net[0].weight.detach().clone())

    best, model = EarlyStopping(patience=2), small_vae()
    history = fit(model, patterns(50), epochs=9, validation=patterns(10), callbacks=[note, best], **QUIET)
    assert len(history.train) == 4 and history.stopped
    best.restore(model)
    assert torch.equal(model.decoder.net[0].weight, weights[1])
    with pytest.raises(ValueError, match="pass validation="):
        fit(small_vae(), patterns(50), epochs=1, callbacks=[EarlyStopping()], **QUIET)


class Synchronisations(TorchDispatchMode):
    """Count what makes the host wait for an accelerator: reading a number, or moving a tensor to the CPU."""

    def __init__(self, monkeypatch):
        super().__init__()
        self.count = 0
        for name in ("cpu", "numpy", "tolist"):
            monkeypatch.setattr(torch.Tensor, name, self.counting(getattr(torch.Tensor, name)))

    def counting(self, method):
        def counted(*args, **kwargs):
            self.count += 1
            return method(*args, **kwargs)

        return counted

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        reads = function is torch.ops.aten._local_scalar_dense.default  # item(), bool(), int(), float()
        mask = function is torch.ops.aten.index.Tensor and any(i is not None and i.dtype == torch.bool for i in args[1])
        self.count += reads or mask  # how many a mask selects has to be known before going on
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("n", [1, 2])
def test_the_counter_of_synchronisations_counts(monkeypatch, n):
    x = torch.tensor([1.0])
    with Synchronisations(monkeypatch) as waits:
        for read in (torch.Tensor.item, bool, float, lambda x: x.cpu(), lambda x: x[x > 0]):
            before = waits.count
            for _ in range(n):
                read(x)
            assert waits.count == before + n


@pytest.mark.parametrize(
    ("likelihood", "options"),
    [
        (Bernoulli, {}),
        (Bernoulli, {"binarize": True, "long_run": LongRun(clip_norm=1.0), "one_cycle": False}),
        (Bernoulli, {"objective": partial(iwae_bound, k=3)}),
        (Bernoulli, {"objective": free_bits, "schedules": {"threshold": lambda t: t}}),
        (Bernoulli, {"objective": partial(dreg_bound, k=3), "long_run": LongRun(autocast=True)}),
        (ContinuousBernoulli, {}),
        (partial(Gaussian, "learned", floor=0.1), {}),
        (partial(Gaussian, "optimal", pixels=SHAPE), {}),
    ],
)
def test_an_epoch_does_not_wait_for_the_device(monkeypatch, likelihood, options):
    """On an accelerator every such call would stop the queue: there may be some per epoch, none per step."""
    counts = []
    with Synchronisations(monkeypatch) as waits:
        for n in (100, 1000):
            before = waits.count
            fit(small_vae(likelihood()), torch.rand(n, *SHAPE), epochs=2, batch_size=10, **options, **QUIET)
            counts.append(waits.count - before)
    assert counts[0] == counts[1] > 0


def test_the_argument_checks_of_torch_are_on_again_afterwards():
    fit(small_vae(), patterns(20), epochs=1, **QUIET)
    with pytest.raises(ValueError, match="pixels"):
        elbo(small_vae(), 255 * torch.rand(2, *SHAPE))


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (255 * torch.rand(5, *SHAPE), ValueError, r"pixels in \[0, 1\].*Divide"),
        (torch.full((5, *SHAPE), math.nan), ValueError, "NaN"),
        (torch.rand(5, *SHAPE).index_fill(0, torch.tensor([3]), math.nan), ValueError, "NaN"),
        (torch.rand(5, *SHAPE).index_fill(0, torch.tensor([3]), -math.inf), ValueError, "infinite"),
        ((255 * torch.rand(5, *SHAPE)).byte(), TypeError, "float tensor.*uint8.*/ 255"),
        (torch.rand(0, *SHAPE), ValueError, "at least 1"),
        (torch.rand(5), ValueError, r"\[N, ...\]"),
        ([1.0, 2.0], TypeError, "list.*torch.stack"),
        (np.zeros((5, 1, 3, 4)), TypeError, "ndarray: pass torch.as_tensor"),
        (TensorDataset(torch.rand(5, *SHAPE)), TypeError, r"TensorDataset: pass torch.stack\(\[x for x, \*_ in"),
        (Subset(TensorDataset(torch.rand(5, *SHAPE)), [0]), TypeError, "Subset: pass torch.stack"),
        (DataLoader(TensorDataset(torch.rand(5, *SHAPE))), TypeError, "DataLoader: pass torch.cat"),
        (torch.rand(5, 3, 4), ValueError, r"\[5, 3, 4\], and the decoder makes \[1, 3, 4\].*\.reshape\(-1, 1, 3, 4\)"),
        (torch.rand(5, 12), ValueError, r"\.reshape\(-1, 1, 3, 4\)"),
        (torch.rand(5, 1, 4, 4), ValueError, r"built for images of shape \[1, 3, 4\].*data_shape=\(1, 4, 4\)"),
        (torch.rand(*SHAPE), ValueError, r"\[None\]"),
        (Images(*[torch.rand(5, *SHAPE)] * 4, "x"), TypeError, "data.train"),
    ],
)
def test_data_that_cannot_be_trained_on(images, error, message):
    for arguments in ({"images": images}, {"images": torch.rand(5, *SHAPE), "validation": images}):
        with pytest.raises(error, match=message):
            fit(small_vae(), **arguments, **QUIET)


def test_an_objective_that_is_a_number():
    with pytest.raises(TypeError, match=r"objective must be a function.*got 5.*fit\(model, images, elbo, epochs=5\)"):
        fit(small_vae(), patterns(20), 5, **QUIET)


def test_a_decoder_that_ends_in_a_sigmoid_is_noticed():
    model = small_vae()
    model.decoder = torch.nn.Sequential(model.decoder, torch.nn.Sigmoid())
    with pytest.warns(UserWarning, match="Remove the sigmoid"):
        fit(model, patterns(50), epochs=1, **QUIET)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(small_vae(), patterns(50), epochs=1, **QUIET)


def test_checking_the_data_draws_no_random_numbers():
    torch.manual_seed(3)
    small_vae().check_data(patterns(20))
    torch.manual_seed(3)
    model, x = small_vae(), patterns(20)
    before = torch.get_rng_state()
    model.check_data(x)
    assert torch.equal(before, torch.get_rng_state())


def test_gaussian_data_need_not_be_pixels():
    fit(small_vae(Gaussian()), 10 * torch.randn(20, *SHAPE), epochs=1, **QUIET)


@pytest.mark.parametrize("arguments", [{"epochs": 0}, {"batch_size": 0}])
def test_impossible_numbers(arguments):
    with pytest.raises(ValueError, match="at least 1"):
        fit(small_vae(), patterns(5), **arguments, **QUIET)


def test_it_reports_and_plots(capsys):
    history = fit(small_vae(), patterns(50), epochs=2, validation=patterns(20), device="cpu")
    out = capsys.readouterr().out
    assert "2 epochs in" in out and "on cpu; validation value -" in out and "kl" in out
    fig = plot_history(history)
    assert isinstance(fig, Figure)
    assert [ax.get_ylabel() for ax in fig.axes] == [
        f"{name} (nats per image)" for name in ("objective", "distortion", "rate")
    ]
