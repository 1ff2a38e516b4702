"""The state of a training run on disk, from which `fit` goes on as if it had never stopped."""

from dataclasses import asdict
from os import PathLike
from pathlib import Path

import torch

from ..files import write_atomically
from .torchrun import Processes


class Checkpoint:
    """Where a run is stored: weights, optimizer, schedule, epochs done, history, random numbers.

    The file is read with `weights_only=True`: no code in it is ever executed.

    Args:
        path: the file, or None to store nothing.
        settings: what the run was told (numbers and strings); a file of other settings is refused.
        parts: the objects whose `state_dict` is stored, by name.
        device: whose random numbers are stored with the CPU's.
        processes: of which rank 0 writes.

    Raises:
        FileNotFoundError: for a folder that does not exist.
    """

    def __init__(
        self,
        path: str | PathLike | None,
        settings: dict,
        parts: dict,
        device: torch.device,
        processes: Processes,
    ):
        self.path = None if path is None else Path(path)
        self.settings, self.parts, self.device, self.processes = settings, parts, device, processes
        if self.path is not None and not self.path.parent.is_dir():
            raise FileNotFoundError(f"there is no folder {self.path.parent} for the checkpoint: make it first")

    def load(self) -> dict | None:
        """The stored history after putting everything back as it was; None if there is no file yet.

        Raises ValueError if the file is not a checkpoint, or one of a run with other settings.
        """
        if self.path is None or not self.path.exists():
            return None
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            stored = state["settings"]
        except Exception as error:
            raise ValueError(f"{self.path} is no checkpoint of fit(): delete it, or name another file") from error
        for name, value in self.settings.items():
            if stored.get(name) != value:
                raise ValueError(
                    f"{self.path} is a run with {name} = {stored.get(name)}, and this one has {value}. "
                    "Go on with the same settings, or name another file for a new run."
                )
        try:
            for name, part in self.parts.items():
                part.load_state_dict(state["parts"][name])
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"{self.path} is a run of another model: {error}") from error
        _set_random_state(state["random"][self.processes.rank], self.device)
        return state["history"]

    def save(self, history: object) -> None:
        """Store the run after a completed epoch; the old file stays until the new one is whole."""
        if self.path is None:
            return
        state = {
            "settings": self.settings,
            "parts": {name: part.state_dict() for name, part in self.parts.items()},
            "random": self.processes.gather(_random_state(self.device)),
            "history": asdict(history),
        }
        if self.processes.rank == 0:
            write_atomically(self.path, lambda temporary: torch.save(state, temporary))


def _random_state(device: torch.device) -> list[torch.Tensor]:
    """Of the CPU's generator and, if there is one, of the accelerator's."""
    states = [torch.get_rng_state()]
    if device.type != "cpu":
        states.append(torch.get_device_module(device).get_rng_state())
    return states


def _set_random_state(states: list[torch.Tensor], device: torch.device) -> None:
    torch.set_rng_state(states[0])
    if device.type != "cpu":
        torch.get_device_module(device).set_rng_state(states[1])
