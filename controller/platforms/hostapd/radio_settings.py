"""Which settings of others decide on the whole radio, and so on the networks of ours that stand on it.

hostapd takes a setting of the radio from wherever it stands in the file of the radio, also from below another network.
Most (channels, rates, powers, queues) say how the radio sends. Those here can silence it or keep stations away, so each
has the values with which it does not. Source: the annotated hostapd.conf of hostapd 2.10 at each name.
"""

from __future__ import annotations

import re

_OFF = re.compile("0")
_FAR = re.compile("0|-(?:[7-9][0-9]|1[0-2][0-9])")
"""Signals, in dBm, at which nothing can be used any more; 0 is off."""
_NEVER = re.compile(r"0(?:\.0+)?")
_ASKED_RATES = re.compile("(?:10|20|55|60|110|120|240)(?: (?:10|20|55|60|110|120|240))*")
"""Rates, in 100 kbit/s, that every station of a band has to know: 1, 2, 5.5 and 11, or 6, 12 and 24 Mbit/s."""
_OFFERED_RATES = re.compile("(?:[0-9]+ )*(?:10|20|55|60|110|120|240)(?: [0-9]+)*")
_HARMLESS_VALUES = {
    "driver": re.compile("nl80211"),
    "driver_params": re.compile(""),
    "send_probe_response": re.compile("1"),
    "beacon_int": re.compile("[1-9][0-9]{1,2}"),
    "basic_rates": _ASKED_RATES,
    "supported_rates": _OFFERED_RATES,
    "beacon_rate": re.compile("10|20|55|60|110|120|240"),
    "local_pwr_constraint": re.compile("[0-9]|1[0-9]"),
    "rssi_reject_assoc_rssi": _FAR,
    "rssi_ignore_probe_request": _FAR,
    "require_ht": _OFF,
    "require_vht": _OFF,
    "he_twt_required": _OFF,
    "pbss": _OFF,
    "ignore_probe_probability": _NEVER,
    "ignore_auth_probability": _NEVER,
    "ignore_assoc_probability": _NEVER,
    "ignore_reassoc_probability": _NEVER,
    "corrupt_gtk_rekey_mic_probability": _NEVER,
}
_ADMISSION = re.compile("(?:wmm_ac|he_mu_edca_ac)_(?:be|bk|vi|vo)_acm")
"""Stations must ask before they send: the most do not."""


def decides_on_radio(key: str, value: str) -> bool:
    """Say if a setting can silence the radio, or keep stations away from all of its networks.

    >>> decides_on_radio("driver", "nl80211"), decides_on_radio("driver", "none"), decides_on_radio("channel", "36")
    (False, True, False)
    """
    harmless = _OFF if _ADMISSION.fullmatch(key) else _HARMLESS_VALUES.get(key)
    return harmless is not None and harmless.fullmatch(value) is None
