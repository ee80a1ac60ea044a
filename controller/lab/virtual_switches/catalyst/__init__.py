"""A virtual Catalyst: Cisco IOS and IOS XE on a switch, written from the vendor's documents."""

from controller.lab.virtual_switches.catalyst import exec_commands, file_commands, show_commands
from controller.lab.virtual_switches.catalyst.device import CatalystSwitch, Login
from controller.lab.virtual_switches.catalyst.model import C3560, C9300, MODELS, CatalystModel, fit_ports

COMMANDS = (exec_commands, file_commands, show_commands)
__all__ = ["C3560", "C9300", "MODELS", "CatalystModel", "CatalystSwitch", "Login", "fit_ports"]
