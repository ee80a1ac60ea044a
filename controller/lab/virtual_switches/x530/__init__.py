"""A virtual x530: the command line of AlliedWare Plus, written from the vendor's documents and from nothing of ours.

The documents, as the modules name them:
- S1: netmiko, `allied_telesis_awplus.py`;
  S3: Allied Telesis' Ansible collection `awplus` (its texts of devices are S3d)
- S4: oxidized, model `awplus`; S5: a session log of an x510 with 5.5.0; S6: ntc-templates, `allied_telesis_awplus`
- S7: running configurations of x510 and x930 in the Ryu certification; S8: Allied Telesis' `py-networking`
- S9: Command Reference for IE340 Series 5.5.3-0.x (C613-50631-01), pages 1944 to 1989
- S9b: Command Reference for x510 Series 5.4.7-1.x (C613-50170-01); S9c: Software Reference for x310 Series 5.4.4C
  (C613-50046-01); S9d: How To Note on hardware filters of x900 and x908; S9f: Command Reference for GS970EMX 5.5.4-2.3
- S10: Command Reference for x930 Series 5.4.7-1.1, `ipv6 access-list` entries
- S11: Software Reference 5.2.1 (C613-50003-00), "Triggers", and S9c page 2002 and what follows
- S12: public notes of a bench of AlliedWare Plus switches; S13: a made-up configuration for tests of a parser

What no document says is an argument of `Model`, or refused as `% Not modelled by the virtual switch: ...`. The words of
a refusal that no document holds are our own; a client has to see that it is one, not to know its words.
"""
