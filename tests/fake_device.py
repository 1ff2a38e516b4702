"""A device that is none: it calls itself MPS, computes on the CPU, and refuses what MPS refuses.

`FakeMPS` is a mode in which tensors that are made on, or moved to, "mps" are wrapped. Every operation on them is
seen: float64 on the device, a mix of devices, and operations that MPS lacks raise the errors that a Mac raises.
"""

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

MPS = torch.device("mps")
MISSING = {"aten.aminmax.default", "aten._linalg_eigh.default", "aten.histc.default", "aten.special_ndtri.default"}


class OnDevice(torch.Tensor):
    """A tensor that says it is on the device. (Autograd, which would need its streams, takes it for the CPU's.)"""

    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, strides=inner.stride(), dtype=inner.dtype)

    def __init__(self, inner):
        self.inner = inner

    @property
    def device(self):
        return MPS

    def cpu(self):
        return self.inner.detach()

    def to(self, *args, **kwargs):
        if args and isinstance(args[0], torch.Tensor):
            args = args[0].device, args[0].dtype
        device, dtype, *_ = torch._C._nn._parse_to(*args, **kwargs)
        if device is not None and device.type == "cpu":
            return self.inner.detach().to(dtype=dtype or self.dtype)
        return self if dtype in (None, self.dtype) else super().to(dtype)

    def __repr__(self):
        return f"on mps: {self.inner!r}"

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return run(function, args, kwargs or {})


def run(function, args, kwargs):
    """One operation, of which a tensor is on the device or whose result shall be there."""
    name = str(function)
    flat, _ = tree_flatten((args, kwargs))
    tensors = [t for t in flat if isinstance(t, torch.Tensor)]
    wrapped = [t for t in tensors if isinstance(t, OnDevice)]
    target = kwargs.get("device")
    moves = name in ("aten._to_copy.default", "aten.copy_.default")
    if name in MISSING:
        raise NotImplementedError(f"The operator {name} is not currently implemented for the MPS device.")
    if wrapped and not moves:
        strangers = [t for t in tensors if not isinstance(t, OnDevice) and t.ndim]
        if strangers and "index" not in name:
            raise RuntimeError(f"Expected all tensors to be on the same device, but {name} got cpu and mps:0")
    to_device = torch.device(target).type == "mps" if target is not None else bool(wrapped)
    if name == "aten.copy_.default":
        to_device = isinstance(args[0], OnDevice)
    known = {id(t.inner): t for t in wrapped}
    inner_args, inner_kwargs = tree_map(lambda t: t.inner if isinstance(t, OnDevice) else t, (args, kwargs))
    if target is not None:
        inner_kwargs["device"] = torch.device("cpu")
    result = function(*inner_args, **inner_kwargs)

    def place(out):
        if not isinstance(out, torch.Tensor):
            return out
        if id(out) in known:
            return known[id(out)]
        return on_device(out, name) if to_device else out

    return tree_map(place, result)


def on_device(tensor, name):
    """The tensor on the device, if that knows its kind of numbers."""
    if tensor.dtype == torch.float64:
        raise TypeError(f"Cannot convert a MPS Tensor to float64 dtype, which MPS does not support ({name})")
    return OnDevice(tensor)


class FakeMPS(TorchDispatchMode):
    """Sees what is made on the device or moved to it; the rest is `OnDevice`'s."""

    def __enter__(self):
        self.functions = _Moves()
        self.functions.__enter__()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self.functions.__exit__(*error)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        flat, _ = tree_flatten((args, kwargs))
        device = kwargs.get("device")
        here = device is not None and torch.device(device).type == "mps"
        if here or any(isinstance(t, OnDevice) for t in flat):
            return run(function, args, kwargs)
        return function(*args, **kwargs)


class _Moves(TorchFunctionMode):
    """x.to("mps") and x.to(other), onto the device where the other one is."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function in (torch.as_tensor, torch.tensor) and kwargs.get("device") == MPS:
            if isinstance(args[0], OnDevice):
                return args[0].to(kwargs.get("dtype", args[0].dtype))
            return on_device(function(*args, **kwargs | {"device": "cpu"}), "as_tensor")
        if function is torch.Tensor.to and not isinstance(args[0], OnDevice):
            if isinstance(args[1], OnDevice):
                args = (args[0], MPS, args[1].dtype)
            elif isinstance(args[1], torch.Tensor):
                return function(*args, **kwargs)
            device, dtype, *_ = torch._C._nn._parse_to(*args[1:], **kwargs)
            if device is not None and device.type == "mps":
                return on_device(args[0].detach().to(dtype=dtype or args[0].dtype), "to")
        return function(*args, **kwargs)
