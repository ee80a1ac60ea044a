"""The probe that stands at a school: measures its lines, keeps what it measured, tells the monitor, renews itself.

It runs on a Debian of any processor with Python's standard library alone (`python3 -I -S tsunagu-probe.pyz`), so it
imports nothing of ours but what needs nothing else. It only calls out and listens nowhere.
"""
