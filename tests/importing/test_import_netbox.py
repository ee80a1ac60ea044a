"""`tsunagu import netbox`: sites become schools; what NetBox says wrongly, or not at all, changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from controller.importing.netbox.bounded_session import NetBoxBusy, NetBoxRefused
from controller.importing.netbox.read_netbox import NetBoxReader
from controller.lab.iap.certificate_authority import CERTIFICATE, CertificateAuthority, create_authority
from controller.model.loading.load_city import load_city
from controller.operations.device_access import CredentialSource
from controller.operations.netbox_access import NetBoxAccess
from tests.cli.running import here
from tests.importing.netbox_stand_in import (
    SITES,
    V1_TOKEN,
    V2_TOKEN,
    VERSIONS,
    StandIn,
    make_device,
    make_site,
    serve,
)
from tests.importing.tables import RunImport, Scene


class StillClock:
    """A clock that a test turns: nothing is waited for."""

    def __init__(self) -> None:
        self.waited: list[float] = []
        self.at = 0.0

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)


def make_reader(stand_in: StandIn, token: str = V1_TOKEN) -> NetBoxReader:
    access = NetBoxAccess(url=stand_in.url, token=CredentialSource(env="NETBOX_TOKEN"))
    return NetBoxReader(access, token, StillClock())


def refuse(stand_in: StandIn, *words: str, token: str = V1_TOKEN) -> None:
    with pytest.raises(NetBoxRefused) as refused:
        make_reader(stand_in, token).read_sites()
    for word in words:
        assert word in str(refused.value), refused.value
    assert token not in str(refused.value)


def test_sites_become_schools_and_a_second_time_nothing_is_left(scene: Scene, netbox: StandIn, run: RunImport) -> None:
    netbox.sites += [
        make_site(3, "市役所", region="第一区"),
        make_site(4, "旧小学校", region="第一区", status="retired", pupils=1),
    ]
    netbox.devices = [make_device(1, "e01-core", "core-switch", 1), make_device(2, None, "ups", 9)]
    shown = run()
    assert shown.code == 2, shown
    assert "~ first-e01 第一小学校: pupils 300 -> 312" in shown.said
    assert "+ first-e02 第二小学校: number 2, first, elementary, 420 pupils" in shown.said
    assert "! 1 sites are not active, and are left out: 旧小学校" in shown.said
    assert "! 1 sites say no kind of school (" in shown.said
    assert "! 2 devices of NetBox are not taken over (1 core-switch, 1 ups); name their role" in shown.said
    assert run("--write").code == 0
    again = json.loads(run("--json").said)
    assert (again["new"], again["changed"], again["files"]) == ([], [], [])
    assert any("市役所" in note for note in again["notes"])
    assert [one.pupils for one in load_city(scene.folder / "our-city").schools] == [312, 420]
    assert V1_TOKEN not in shown.said + shown.errors


def test_a_new_city_from_netbox(tmp_path: Path, netbox: StandIn, run: RunImport) -> None:
    del run  # it names the operators' file
    netbox.sites.append(make_site(3, "市役所", region="第一区"))
    netbox.devices = [make_device(1, "a", "ups", 1)]
    done = here("init", "new", "--from", "netbox", "--line", "LTE:50", cwd=tmp_path)
    assert done.code == 0, done
    assert "! 1 sites say no kind of school (" in done.said
    assert "! 1 devices of NetBox are not taken over (1 ups)" in done.said
    assert [one.name for one in load_city(tmp_path / "new").schools] == ["第一小学校", "第二小学校"]


def test_without_a_netbox_in_the_operators_file_it_says_what_to_write(scene: Scene) -> None:
    done = here("import", "netbox", "--policies", "our-city", cwd=scene.folder)
    assert done.code == 1
    assert "names no NetBox; write there: netbox: {url: https://" in done.errors


def test_a_token_that_is_not_there_is_named_by_its_variable(run: RunImport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NETBOX_TOKEN")
    done = run()
    assert (done.code, "the environment variable NETBOX_TOKEN" in done.errors) == (1, True)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_versions_are_read(netbox: StandIn, version: str) -> None:
    netbox.version = version
    netbox.devices = [make_device(1, "a", "core", 1, version)]
    tokens = (V1_TOKEN, V2_TOKEN, f"Bearer {V2_TOKEN}\n") if version == "4.5" else (V1_TOKEN,)
    for token in tokens:
        table = make_reader(netbox, token).read_sites()
        assert len(table.rows) == 2
        assert [one.role for one in table.devices] == ["core"]
    assert netbox.tokens[-1].startswith("Bearer nbt_" if version == "4.5" else "Token 0123")


def test_a_version_that_is_not_known_is_refused(netbox: StandIn) -> None:
    netbox.version = "5.0"
    refuse(netbox, "speaks version 5.0 of the API; 3.x and 4.x are understood")
    netbox.version = ""
    refuse(netbox, "name no version of NetBox's API")


@pytest.mark.parametrize(("count", "size"), [(0, 1000), (1, 1000), (100, 1000), (101, 1000), (350, 100), (90, 20)])
def test_all_pages_are_read(netbox: StandIn, count: int, size: int) -> None:
    netbox.sites = [make_site(number, f"第{number}小学校", region="第一区") for number in range(1, count + 1)]
    netbox.max_page_size = size
    assert [row.origin.line for row in make_reader(netbox).read_sites().rows] == list(range(1, count + 1))
    assert len(netbox.asked) < 12


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, ("does not know the token (401)", "'netbox.token'")),
        (403, ("the token may not read sites (403)",)),
        (404, ("has no /api/dcim/sites/ (404)", "without /api")),
        (500, ("refuses to list sites (500: ***)",)),
        (301, ("sends us on to '/elsewhere'",)),
    ],
)
def test_a_refusal_of_the_server_is_said_with_what_to_do(netbox: StandIn, status: int, words: tuple[str, ...]) -> None:
    body = json.dumps({"detail": V1_TOKEN}).encode()
    netbox.answers = lambda _path, _number: (status, {"Location": "/elsewhere"} if status == 301 else {}, body)
    refuse(netbox, *words)


def test_a_wrong_token_is_refused_as_netbox_does(netbox: StandIn) -> None:
    refuse(netbox, "the token may not read sites (403)", token="f" * 40)


@pytest.mark.parametrize("token", ["", "short", "a b c d e f g h", "abcdefgh\r\nX-Other: 1", "あ" * 40])
def test_what_is_no_token_is_never_sent(netbox: StandIn, token: str) -> None:
    with pytest.raises(NetBoxRefused, match="is none"):
        make_reader(netbox, token).read_sites()
    assert netbox.asked == []


def test_the_server_may_ask_to_wait(netbox: StandIn) -> None:
    netbox.answers = lambda _path, number: (429, {"Retry-After": "7"}, b"{}") if number == 1 else None
    reader = make_reader(netbox)
    assert len(reader.read_sites().rows) == 2
    assert isinstance(reader.clock, StillClock)
    assert reader.clock.waited == [7]


@pytest.mark.parametrize(("after", "asked"), [("3600", 1), ("2", 3), ("Sun, 29 Nov 2026 12:00:00 GMT", 3)])
def test_a_server_that_stays_busy_is_left(netbox: StandIn, after: str, asked: int) -> None:
    netbox.answers = lambda _path, _number: (429, {"Retry-After": after}, b"{}")
    with pytest.raises(NetBoxBusy, match="asks to come back later"):
        make_reader(netbox).read_sites()
    assert len(netbox.asked) == asked


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b'{"count": 2, "next": null, "previous": null, "results": [{"id": 1, "na', "answers no JSON"),
        (b'{"count": 2, "next": null, "previous": null, "results": [{"id": 1, "name": "x"}]}', "and 1 came"),
        (b'{"count": 1, "next": null, "results": [{"name": "x"}]}', "is not what NetBox documents"),
        (b'{"count": 1, "next": null, "results": [{"id": true, "name": "x"}]}', "is not what NetBox documents"),
        (b'{"count": 1, "next": null, "results": [{"id": 1, "name": 5}]}', "is not what NetBox documents"),
        (b'{"count": 1, "next": null, "results": [{"id": 1, "name": "x", "region": {"id": 3}}]}', "is not what NetBox"),
        (b'{"count": 2, "next": null, "results": [{"id": 1, "name": "x"}, {"id": 1, "name": "x"}]}', "came twice"),
        (b'{"count": 1, "results": [{"id": 1, "name": "x"}]}', "is not what NetBox documents"),
        (b'{"detail": "x"}', "is not what NetBox documents"),
        (b"[1, 2]", "is not what NetBox documents"),
        (b'"x"', "is not what NetBox documents"),
        (b"<html>login</html>", "answers no JSON"),
        (b"[" * 100, "answers no JSON"),
    ],
)  # fmt: skip
def test_half_an_answer_is_none(netbox: StandIn, body: bytes, word: str) -> None:
    netbox.answers = lambda _path, _number: (200, {}, body)
    refuse(netbox, word)


def test_an_answer_that_breaks_off_is_none(netbox: StandIn) -> None:
    netbox.answers = lambda _path, _number: (200, {"Content-Length": "5000"}, b'{"count": 1')
    refuse(netbox, "the answer broke off in the middle")


def test_an_answer_without_an_end_is_left(netbox: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.importing.netbox.bounded_session.MOST_BYTES", 100_000)
    netbox.answers = lambda _path, _number: (200, {}, b" " * 200_000)
    refuse(netbox, "an answer is larger than")


def test_pages_without_an_end_are_left(netbox: StandIn) -> None:
    def answer(path: str, number: int) -> tuple[int, dict[str, str], bytes]:
        page = {"count": 9_000, "next": f"{netbox.url}{path}?offset={number}", "results": [{"id": number, "name": "x"}]}
        return 200, {}, json.dumps(page).encode()

    netbox.answers = answer
    refuse(netbox, "its list does not end after 500 pages")


def test_a_slow_answer_is_left(netbox: StandIn) -> None:
    reader = make_reader(netbox)
    clock = reader.clock
    assert isinstance(clock, StillClock)

    def answer(_path: str, _number: int) -> None:
        clock.at += 100

    netbox.answers = answer
    ticking = iter(range(0, 10_000, 100))
    clock.monotonic = lambda: float(next(ticking))  # type: ignore[method-assign] # each look costs 100 s
    with pytest.raises(NetBoxRefused, match="takes longer than 60 s"):
        reader.read_sites()


def test_a_token_goes_to_no_other_server(netbox: StandIn) -> None:
    with serve(StandIn()) as other:

        def answer(_path: str, _number: int) -> tuple[int, dict[str, str], bytes]:
            page = {
                "count": 900,
                "next": f"{other.url}/api/dcim/sites/?offset=1",
                "results": [{"id": len(netbox.asked), "name": "x"}],
            }
            return 200, {}, json.dumps(page).encode()

        netbox.answers = answer
        refuse(netbox, "its answer leads to", "is not below")
        assert other.asked == []


def test_a_server_that_is_not_there_is_said() -> None:
    gone = StandIn(url="http://127.0.0.1:9")
    refuse(gone, "127.0.0.1:9: cannot be reached; is 'netbox.url' in the operators' file right")


def test_the_certificate_of_the_server_is_checked(tmp_path: Path) -> None:
    create_authority(tmp_path)
    with serve(StandIn(sites=SITES), CertificateAuthority(tmp_path).context("127.0.0.1")) as netbox:
        refuse(netbox, "its certificate is not trusted; name the file of its authority in 'netbox.certificates'")
        assert netbox.tokens == []
        source = CredentialSource(env="NETBOX_TOKEN")
        access = NetBoxAccess(url=netbox.url, token=source, certificates=tmp_path / CERTIFICATE)
        assert len(NetBoxReader(access, V1_TOKEN, StillClock()).read_sites().rows) == 2


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://netbox.example.jp", "a token is shown to https only"),
        ("http://127.0.0.1.example.jp", "a token is shown to https only"),
        ("https://user:secret@netbox.example.jp", "url"),
        ("https://netbox.example.jp/?x=1", "url"),
        ("https://netbox.example.jp:x", "url"),
        ("ftp://netbox.example.jp", "url"),
    ],
)
def test_an_address_that_would_show_the_token_is_refused(url: str, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        NetBoxAccess(url=url, token=CredentialSource(env="NETBOX_TOKEN"))


def test_the_stand_in_refuses_what_it_does_not_model(netbox: StandIn) -> None:
    import requests  # noqa: PLC0415 only here

    login = {"Authorization": f"Token {V1_TOKEN}"}
    for path, status in (
        ("/api/dcim/sites/?name=x", 400),
        ("/api/dcim/devices/?exclude=x", 400),
        ("/api/dcim/racks/", 404),
        ("/api/dcim/sites", 301),
    ):
        answer = requests.get(f"{netbox.url}{path}", headers=login, timeout=5, allow_redirects=False)
        assert answer.status_code == status, path
    assert requests.post(f"{netbox.url}/api/dcim/sites/", headers=login, timeout=5).status_code == 405
    assert requests.get(f"{netbox.url}/api/dcim/sites/", timeout=5).status_code == 403


def test_which_field_is_the_ward_is_asked_where_several_could_be(netbox: StandIn, run: RunImport) -> None:
    netbox.sites[0]["tenant"] = {"id": 3, "name": "教育委員会", "slug": "x"}
    done = run()
    assert (
        done.code,
        "which of these holds the ward: region, tenant? say it, e.g. --ward-from region" in done.errors,
    ) == (1, True)
    assert run("--ward-from", "region").code == 2
    assert "no site has a group" in run("--ward-from", "group").errors
    assert "netbox dcim/sites:1: tenant: '教育委員会' is no ward" in run("--ward-from", "tenant").errors


def test_a_new_site_that_says_too_little_is_named(netbox: StandIn, run: RunImport) -> None:
    netbox.sites += [make_site(3, "第三小学校", region="第一区")]
    done = run()
    assert done.code == 1
    assert "netbox dcim/sites:3: '第三小学校' is new, and lacks its pupils (a field 'pupils')" in done.errors
    netbox.sites[2] = make_site(
        3, "第三小学校", region="第一区", pupils="\N{FULLWIDTH DIGIT FOUR}0", kind={"value": "小学校", "label": "x"}
    )
    assert "has full-width digits; write 40" in run("--line", "LTE:50").errors
    netbox.sites[2] = make_site(3, "第三小学校", pupils=40, kind="小学校")
    assert "netbox dcim/sites:3: region: is empty" in run("--line", "LTE:50").errors


def test_an_export_of_netbox_is_read_as_well(scene: Scene) -> None:
    rows = (
        "1,第一小学校,site-1,Active,第一区,,312,,",
        "2,第二小学校,site-2,Active,第一区,,420,閉域VPN,200",
        "3,市役所,site-3,Active,第一区,,,,",
        "4,旧小学校,site-4,Retired,第一区,,1,,",
    )
    scene.write(*rows, header="No,Name,Slug,Status,Region,Tenant,Pupils,Line,Mbps")
    done = scene.run("--write")
    assert done.code == 0, done
    assert "columns that say nothing here: No" in done.said
    assert "! 1 sites are not active, and are left out: 旧小学校" in done.said
    assert [one.pupils for one in load_city(scene.folder / "our-city").schools] == [312, 420]
    scene.write(rows[2], header="No,Name,Slug,Status,Region,Tenant,Pupils,Line,Mbps")
    assert "holds no school" in scene.run().errors
