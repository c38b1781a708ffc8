"""The source text that goes with each network into a pickle of NVIDIA's form, in place of NVIDIA's own.

Where a tool loads such a pickle, it executes this text and looks up the classes in it: they are the tool's own.
"""

FIND = """\
# Written by ganinv (MIT licence). The classes are those of the tool that loads this file.
import importlib
import importlib.util


def _find(*names):
    for name in names:
        try:
            if importlib.util.find_spec(name):
                return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != "training":
                raise
    raise ImportError(
        "this file needs one of " + ", ".join(names) + ": put the file of that name, of NVIDIA's stylegan3 (or of"
        " stylegan2-ada-pytorch, where it has one), into the folder training of this tool"
    )


"""

STYLEGAN2 = (
    FIND
    + """\
host = _find("training.networks_stylegan2", "training.networks")  # of stylegan3, of stylegan2-ada-pytorch
globals().update({name: value for name, value in vars(host).items() if isinstance(value, type)})


class Generator(host.Generator):
    def __setstate__(self, state):
        super().__setstate__(state)
        if host.__name__ == "training.networks_stylegan2":
            # It takes the arguments of the synthesis network beside the others.
            self._init_kwargs.update(self._init_kwargs.pop("synthesis_kwargs", {}))
        self.__class__ = host.Generator
"""
)

STYLEGAN3 = (
    FIND
    + """\
host = _find("training.networks_stylegan3")
globals().update({name: value for name, value in vars(host).items() if isinstance(value, type)})
"""
)

ABSENT = """\
# Written by ganinv (MIT licence): tools expect a module here, and the file was made without a discriminator.
import torch


class Absent(torch.nn.Module):
    def forward(self, *args, **kwargs):
        raise RuntimeError("this file was written without a discriminator")
"""
