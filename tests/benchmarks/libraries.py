"""Libraries that train a VAE, each used as its documentation does it, for the network of `peers`.

They get the images as they lie in memory. One that is not installed is left out:

    pip install -c constraints.txt -e '.[peers]'    # Pyro and Lightning
    pip install pythae                              # asks for a `dataclasses` that constraints.txt cannot pin
"""

import logging
import tempfile
import warnings
from contextlib import redirect_stderr
from importlib.metadata import version
from importlib.util import find_spec
from io import StringIO

import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from .measuring import BATCH, DEVICE, LATENT, clock
from .peers import Peer, TutorialVAE, times


def pyro(images: Tensor, labels: Tensor) -> Peer:
    """SVI with its own Adam, nothing validated, as in Pyro's tutorial on the VAE; the KL in closed form."""
    import pyro
    from pyro import distributions as dist
    from pyro.infer import SVI, TraceMeanField_ELBO

    network, images = TutorialVAE().to(DEVICE), images.flatten(1).to(DEVICE)

    def model(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            prior = dist.Normal(x.new_zeros(len(x), LATENT), x.new_ones(len(x), LATENT), validate_args=False)
            z = pyro.sample("z", prior.to_event(1))
            pyro.sample("x", dist.Bernoulli(network.decoder(z), validate_args=False).to_event(1), obs=x)

    def guide(x: Tensor) -> None:
        pyro.module("network", network)
        with pyro.plate("data", len(x)):
            mu, log_var = network.encode(x)
            pyro.sample("z", dist.Normal(mu, torch.exp(0.5 * log_var), validate_args=False).to_event(1))

    pyro.clear_param_store()
    svi = SVI(model, guide, pyro.optim.Adam({"lr": 1e-3}), TraceMeanField_ELBO())

    def epoch() -> None:
        total = 0.0
        for rows in torch.randperm(len(images), device=DEVICE).split(BATCH):
            total += svi.step(images[rows])

    return network, times(epoch)


def pythae(images: Tensor, labels: Tensor) -> Peer:
    """Its VAE and its BaseTrainer; what they print and store goes nowhere."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from pythae.trainers.training_callbacks import TrainingCallback

    class Encoder(BaseEncoder):
        def __init__(self, network: TutorialVAE):
            super().__init__()
            self.network = network

        def forward(self, x: Tensor) -> ModelOutput:
            mu, log_var = self.network.encode(x.flatten(1))
            return ModelOutput(embedding=mu, log_covariance=log_var)

    class Decoder(BaseDecoder):
        def __init__(self, network: TutorialVAE):
            super().__init__()
            self.net = network.decoder

        def forward(self, z: Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.net(z).unflatten(-1, (1, 28, 28)))

    class Clock(TrainingCallback):
        def __init__(self):
            self.taken = []

        def on_epoch_begin(self, training_config, **kwargs) -> None:
            self.start = clock()

        def on_epoch_end(self, training_config, **kwargs) -> None:
            self.taken.append(clock() - self.start)

    network, data = TutorialVAE(), BaseDataset(images, labels)
    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=LATENT, reconstruction_loss="bce")
    model = VAE(config, encoder=Encoder(network), decoder=Decoder(network))

    def train(epochs: int) -> list[float]:
        clock, on_cpu = Clock(), DEVICE.type == "cpu"
        logging.disable(logging.CRITICAL)
        with tempfile.TemporaryDirectory() as folder, redirect_stderr(StringIO()):
            settings = BaseTrainerConfig(folder, BATCH, num_epochs=epochs, learning_rate=1e-3, no_cuda=on_cpu)
            BaseTrainer(model, data, training_config=settings, callbacks=[clock]).train()
        logging.disable(logging.NOTSET)
        return clock.taken

    return network, train


def lightning(images: Tensor, labels: Tensor) -> Peer:
    """A LightningModule and a Trainer, on a DataLoader of tensors; nothing logged, stored or shown."""
    import lightning as pl

    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.network = TutorialVAE()

        def training_step(self, batch: list[Tensor], index: int) -> Tensor:
            x = batch[0].flatten(1)
            return sum(self.network.losses(x)) / len(x)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=1e-3)

    class Clock(pl.Callback):
        def __init__(self):
            self.taken = []

        def on_train_epoch_start(self, trainer, module) -> None:
            self.start = clock()

        def on_train_epoch_end(self, trainer, module) -> None:
            self.taken.append(clock() - self.start)

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    module, loader = Module(), DataLoader(TensorDataset(images, labels), batch_size=BATCH, shuffle=True)
    quiet = dict(logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)

    def train(epochs: int) -> list[float]:
        clock = Clock()
        place = {"cuda": "gpu"}.get(DEVICE.type, DEVICE.type)
        pl.Trainer(max_epochs=epochs, accelerator=place, devices=1, callbacks=[clock], **quiet).fit(module, loader)
        module.to(DEVICE)
        return clock.taken

    return module.network, train


PACKAGES = {"Pyro": ("pyro-ppl", pyro), "pythae": ("pythae", pythae), "Lightning": ("lightning", lightning)}
INSTALLED = {name: peer for name, (_, peer) in PACKAGES.items() if find_spec(name.lower())}


def versions() -> dict[str, str]:
    """Of every library, or that it is not installed."""
    return {name: version(package) if name in INSTALLED else "not installed" for name, (package, _) in PACKAGES.items()}
