"""The state of a training run on disk, from which `fit` goes on as if it had never stopped."""

import io
import tempfile
from dataclasses import asdict
from os import PathLike
from pathlib import Path

import torch
from torch import nn

from ..files import write_atomically
from .history import History
from .identity import difference
from .torchrun import Processes


class Checkpoint:
    """Where a run is stored: weights, optimizer, schedule, epochs done, history, random numbers.

    The file is read with `weights_only=True`: no code in it is ever executed.

    Args:
        path: the file, or None to store nothing.
        identity: what the run is; a file of another run is refused.
        parts: the objects whose `state_dict` is stored, by name.
        device: whose random numbers are stored with the CPU's.
        processes: of which rank 0 writes.

    Raises:
        FileNotFoundError: for a folder that does not exist.
        PermissionError: for one that cannot be written to.
        IsADirectoryError: if the path itself is a folder.
    """

    def __init__(
        self, path: str | PathLike | None, identity: dict, parts: dict, device: torch.device, processes: Processes
    ):
        self.path = None if path is None else Path(path)
        self.identity, self.parts, self.device, self.processes = identity, parts, device, processes
        if self.path is not None:
            _check_place(self.path)

    def load(self) -> History:
        """The stored history after putting everything back as it was; an empty one if there is no file yet.

        Raises ValueError if the file is not a checkpoint, or one of another run. The file stays as it is.
        """
        if self.path is None or not self.path.exists():
            return History()
        state = _read(self.path)
        if what := difference(state["identity"], self.identity):
            raise ValueError(
                f"{self.path} is another run: {what}. Go on with the same settings, or name another file. "
                "(To train a finished model further: load_weights(model, file), and fit with a new file.)"
            )
        for name, part in self.parts.items():
            part.load_state_dict(state["parts"][name])
        history = History(**state["history"])
        self._say_where(len(history.train), history.stopped)
        self._restore_random_numbers(state["random"])
        return history

    def save(self, history: History) -> None:
        """Store the run after a completed epoch; the old file stays until the new one is whole.

        If it cannot be stored, for want of space for one, that is said, and training goes on.
        """
        if self.path is None:
            return
        state = {
            "identity": self.identity,
            "parts": {name: part.state_dict() for name, part in self.parts.items()},
            "random": self.processes.gather(_random_state(self.device)),
            "history": asdict(history),
        }
        if self.processes.rank == 0:
            whole = io.BytesIO()
            torch.save(state, whole)
            try:
                write_atomically(self.path, lambda temporary: temporary.write_bytes(whole.getbuffer()))
            except OSError as error:
                epochs = len(history.train)
                print(f"epoch {epochs} could not be stored in {self.path}: {error.strerror}. Training goes on.")

    def _say_where(self, done: int, stopped: bool) -> None:
        if self.processes.rank == 0:
            over = stopped or done >= self.identity["epochs"]
            what = "already complete, nothing trained" if over else f"continues at epoch {done + 1}"
            print(f"{self.path}: {what} ({done} of {self.identity['epochs']} epochs stored)")

    def _restore_random_numbers(self, of_all: list[list[torch.Tensor]]) -> None:
        states = of_all[self.processes.rank]
        torch.set_rng_state(states[0])
        if self.device.type != "cpu" and len(states) > 1:
            torch.get_device_module(self.device).set_rng_state(states[1])
        elif self.device.type != "cpu" or len(states) > 1:
            print("The run was stored on another kind of device: it goes on with other random numbers.")


def load_weights(model: nn.Module, path: str | PathLike) -> None:
    """Put the weights of a trained model into a new one of the same structure, for use or for more training.

    Args:
        model: a new model; stays on its device, in evaluation mode.
        path: a checkpoint of `fit`, or a file made by `torch.save(model.state_dict(), path)`.

    Raises:
        FileNotFoundError: for a file that is not there.
        ValueError: for a file that holds no weights, or those of another model.

    Example:
        >>> from vae_helpers import VAE, Bernoulli, MLPDecoder, MLPEncoder
        >>> model, again = (VAE(MLPEncoder(2), MLPDecoder(2), Bernoulli(), latent_dim=2) for _ in range(2))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     torch.save(model.state_dict(), f"{folder}/vae.pt")
        ...     load_weights(again, f"{folder}/vae.pt")
        >>> torch.equal(again.encoder.net[0].weight, model.encoder.net[0].weight)
        True
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}: fit(..., long_run=LongRun(checkpoint=...)) makes one")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        weights = state["parts"]["model"] if "parts" in state else state
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"{path} holds the weights of another model: {error}") from error
    except Exception as error:
        raise ValueError(f"{path} holds no weights that torch.load can read safely: {error}") from error
    model.eval()


def _check_place(path: Path) -> None:
    """Try, before training, what will be done after an epoch."""
    if path.is_dir():
        raise IsADirectoryError(f"the checkpoint {path} is a folder: name a file in it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} for the checkpoint: make it first")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise PermissionError(
            f"{path.parent} cannot be written to ({error.strerror}): choose another folder"
        ) from error


def _read(path: Path) -> dict:
    """The state in a file, all parts of it; ValueError for a file that is no checkpoint."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(f"{path} is no checkpoint of fit(): name another file") from error
    state = state if isinstance(state, dict) else {}
    found = {*state, *state.get("parts", ())}
    if missing := sorted({"identity", "parts", "random", "history", "model", "optimizer"} - found):
        raise ValueError(f"{path} is no checkpoint of fit(): it has no {', no '.join(missing)}. Name another file")
    return state


def _random_state(device: torch.device) -> list[torch.Tensor]:
    """Of the CPU's generator and, if there is one, of the accelerator's."""
    states = [torch.get_rng_state()]
    if device.type != "cpu":
        states.append(torch.get_device_module(device).get_rng_state())
    return states
