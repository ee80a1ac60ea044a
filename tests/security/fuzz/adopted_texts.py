"""What an adoption reads of a device's text: others' objects, lists, and the part that a plan keeps."""

from __future__ import annotations

from collections.abc import Callable

from controller.adoption.reading import read_existing_network
from controller.adoption.take_over.excerpt import make_excerpt, read_list_lines
from controller.adoption.take_over.objects import read_object_lines
from controller.errors import ConfigRefused
from controller.plan.document import TakenObject
from controller.platforms.common.understanding import read_unmanaged
from controller.platforms.device_text.device_text import DeviceText

_TAKEN = (
    TakenObject(kind="vlan", name="vlan 10", old=(), new=("name TSN-staff",)),
    TakenObject(kind="port", name="interface port1.0.1", old=(), new=("description TSN-port",)),
    TakenObject(kind="interface", name="interface Vlan10", old=(), new=("description TSN-interface",)),
    TakenObject(
        kind="filter",
        name="interface Vlan10 ip access-group A in",
        old=("ip access-group A in",),
        new=("ip access-group TSN-10-from-4-01234567 in",),
    ),
)


def adopting(platform: str) -> Callable[[bytes], object]:
    """Return what reads a text of a platform as an adoption does."""

    def read(text: str) -> object:
        read_existing_network(platform, text, "x", "x.cfg")
        for one in _TAKEN:
            read_object_lines(platform, text, one)
        return read_list_lines(platform, make_excerpt(platform, text, ["interface port1.0.1"]))

    def adopt(data: bytes) -> object:
        try:
            return read_unmanaged(DeviceText(data.decode("utf-8", errors="replace")), "x.cfg", read)
        except ConfigRefused as refused:
            if "error of this program" in str(refused):  # the door hides it from users, not from this test
                raise AssertionError(str(refused)) from refused
            raise

    return adopt
