"""Commands, with their input, that no plan pushes to a device; its program takes none of them."""

from __future__ import annotations

WRONG_PUSHES = {
    "ovs": (
        ("id", ""),
        ("sh -c id", ""),
        ("ovs-vsctl -t 10 -- del-br br0", ""),
        ("ovs-vsctl -t 10 -- set Port h1 tag=[1] vlan_mode=access trunks=[] -- del-port h2", ""),
        ("ovs-vsctl -t 10 -- set Port h1 tag=[1] vlan_mode=native-untagged trunks=[]", ""),
        ("ovs-vsctl -t 10 --db=tcp:10.0.0.1:1 -- set Port h1 tag=[] vlan_mode=access trunks=[]", ""),
        ("ovs-ofctl -t 30 -O OpenFlow14 --bundle add-flows br1 -", ""),
        ("ovs-ofctl -t 30 -O OpenFlow14 --bundle replace-flows br0 -", ""),
        ("ovs-ofctl -t 30 -O OpenFlow14 --bundle add-flows br0 -", "delete\n"),
        ("ovs-ofctl -t 30 -O OpenFlow14 --bundle add-flows br0 -", "delete cookie=0x0/0x0\n"),
        ("ovs-ofctl -t 30 -O OpenFlow14 --bundle add-flows br0 -", "add priority=9 actions=NORMAL\n"),
        *(
            ("ovs-ofctl -t 30 -O OpenFlow14 --bundle add-flows br0 -", f"add cookie=0x5453000000000000, {odd}\n")
            for odd in (
                "priority=1 actions=controller",
                "priority=1,cookie=0x1 actions=NORMAL",
                "priority=1,tcp,cookie=0x1/0x1 actions=drop",
                "priority=1,hard_timeout=1 actions=drop",
                "priority=1,idle_timeout=1 actions=drop",
                "priority=1,table=7 actions=drop",
                "priority=1,out_port=1 actions=drop",
                "priority=1,actions=flood actions=drop",
                "priority=1,send_flow_rem actions=drop",
                "priority=1,flags=1 actions=drop",
                "priority=1,check_overlap actions=drop",
                "priority=1,importance=1 actions=drop",
            )
        ),
        *(
            ("ovs-ofctl -t 30 -O OpenFlow14 --bundle add-flows br0 -", nul)
            for nul in ("\0", "add priority=9 actions=NORMAL\n\0", "\0\nadd priority=9 actions=NORMAL\n", "#\0\n")
        ),
        (
            "ovs-ofctl -t 30 -O OpenFlow14 --bundle add-flows br0 -",
            "add cookie=0x5453000000000000, priority=1 actions=drop\nadd cookie=0x1, priority=9 actions=NORMAL\n",
        ),
    ),
    "frr": (
        ("id", ""),
        ("configure", ""),
        ("show running-config", ""),
        ("configure terminal", "hostname x\n"),
        ("configure terminal", "hostname x\n\0"),
        ("configure terminal", "\0\nhostname x\n"),
        ("configure terminal", "exit\n\0\nhostname x\n"),
        ("configure terminal", "exit\n\udcff\nhostname x\n"),
        ("configure terminal", "no router bgp 65001\n"),
        ("configure terminal", "neighbor 10.0.0.1 remote-as 1\n"),
        ("configure terminal", "no ip prefix-list LEGACY\n"),
        ("configure terminal", "log file /etc/passwd\n"),
        ("configure terminal", "do start-shell bash\n"),
        ("configure terminal", "route-map TSN-a permit 10\non-match next\n"),
        ("configure terminal", "end\nwrite file\n"),
        ("configure terminal", "exit\nip route 0.0.0.0/0 10.0.0.1\n"),
    ),
    "hostapd": (
        ("id", ""),
        ("replace", ""),
        ("replace networks now", ""),
        ("configure terminal", ""),
        *(
            ("replace networks", odd)
            for odd in (
                "",
                "\0",
                "bss=tsn-20\n",
                "==> /etc/passwd <==\nroot\n",
                "==> /etc/hostapd/hostapd.conf <==\nbss=tsn-20\nssid=open\n",
                "==> /etc/hostapd/hostapd.conf <==\nap_isolate=0\n",
                "==> /etc/hostapd/hostapd.conf <==\nbss=club\nssid=open\n",
                "==> /etc/hostapd/hostapd.conf <==\n\n==> /etc/hostapd/tsn-20.vlan <==\n20 tsn-20.20\n",
                "==> /etc/hostapd/hostapd.conf <==\nbss=tsn-20\nssid=a\nwpa_psk_file=/etc/shadow\n",
                "==> /etc/hostapd/hostapd.conf <==\nctrl_interface=/tmp\n",
            )
        ),
    ),
}
