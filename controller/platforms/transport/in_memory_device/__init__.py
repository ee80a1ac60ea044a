r"""A device in memory, to be used in the place of a real one: it keeps what a device keeps, on a clock that one turns.

It is written from what `platforms.base.Operable` promises and from what `own_restore.sh` answers, and shares no code
with the procedure that it tests, nor with the controller's side of those commands. What it does not know it refuses.

    clock = ManualClock()
    device = MemoryDevice("kw-s01-core1", LineConfiguration("vlan 10 staff\n"), clock)
    transport = MemoryTransport([device])

`device.running` is its truth, whatever it says: faults (`faults.py`) make it say something else.
"""
