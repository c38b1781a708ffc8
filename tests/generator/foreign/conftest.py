"""A tiny prior, and a watch over what reading a file sets off."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ganinv.generator.checkpoint import Prior, build_discriminator, build_generator, fingerprint
from ganinv.generator.foreign import folder, torch_file  # noqa: F401 (else imported late, which the watch would see)

b"x".decode("cp437")  # likewise what zipfile imports for names of older zips

FORBIDDEN = (
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.remove", "os.rename", "os.rmdir", "os.mkdir",
    "os.symlink", "os.chmod", "os.putenv", "os.kill", "subprocess.", "socket.", "shutil.", "ctypes.", "urllib.", "pty.",
    "exec", "compile", "import", "marshal.", "pickle.find_class", "webbrowser.", "code.__new__", "function.__new__",
)  # fmt: skip
ARCHITECTURE = {
    "z_dim": 8,
    "w_dim": 8,
    "c_dim": 0,
    "img_resolution": 16,
    "img_channels": 3,
    "mapping_layers": 3,
    "channel_base": 96,
    "channel_max": 12,
    "mbstd_group_size": 4,
}


def build(**changes) -> Prior:
    architecture = ARCHITECTURE | changes
    generator = build_generator(architecture)
    generator.mapping.w_avg.normal_()
    return Prior(
        generator=generator.requires_grad_(False).eval(),
        discriminator=build_discriminator(architecture).requires_grad_(False).eval(),
        fingerprint=fingerprint(generator),
        architecture=architecture,
        name="tiny",
    )


@pytest.fixture
def prior() -> Prior:
    return build()


class Watch:
    """Notes what Python's audit events tell while it is armed; such a hook cannot be taken away again."""

    def __init__(self) -> None:
        self.is_armed, self.seen = False, []
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple) -> None:
        if self.is_armed and (event.startswith(FORBIDDEN) or (event == "open" and self._writes(arguments))):
            self.seen.append(f"{event} {str(arguments)[:200]}")

    @staticmethod
    def _writes(arguments: tuple) -> bool:
        return isinstance(arguments[1], str) and any(letter in arguments[1] for letter in "wax+")

    @contextmanager
    def armed(self) -> Iterator[None]:
        self.is_armed = True
        try:
            yield
        finally:
            self.is_armed = False


@pytest.fixture(scope="session")
def watch() -> Watch:
    return Watch()
