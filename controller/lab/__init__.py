"""The virtual city: schools of the city as network namespaces with real switches, SSH, hosts and applications.

`tsunagu lab up | status | matrix | down`. One lab a machine; see `city.py` for what makes and removes it.
"""
