"""Tables of schools for the tests, and a small city that they are brought into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from controller.starter.write_city import write_starter_city
from tests.cli.running import Done, here

HEADER = "学校名,区,種別,児童生徒数,回線,回線速度"
FIRST = "第一小学校,第一区,小学校,300,閉域VPN,100"
SECOND = "第二小学校,第一区,小学校,420,閉域VPN,200"


RunImport = Callable[..., Done]
"""`tsunagu import netbox` with these words."""


@dataclass(frozen=True)
class Scene:
    """A folder with the small city in it, and what is imported there."""

    folder: Path

    @property
    def schools(self) -> Path:
        """The file of the city's one ward."""
        return self.folder / "our-city/city/schools/first.yaml"

    def write(self, *rows: str, header: str = HEADER, encoding: str = "utf-8", end: str = "\r\n") -> None:
        """Write schools.csv."""
        self.write_bytes("".join(f"{row}{end}" for row in (header, *rows)).encode(encoding))

    def write_bytes(self, content: bytes) -> None:
        """Write schools.csv as it is."""
        (self.folder / "schools.csv").write_bytes(content)

    def run(self, *words: str) -> Done:
        """`tsunagu import schools.csv` with these words."""
        return here("import", "schools.csv", "--policies", "our-city", *words, cwd=self.folder)

    def edit(self, name: str, old: str, new: str) -> str:
        """Replace a text in a file of the city, and return the file's new text."""
        path = self.folder / "our-city" / name
        before = path.read_text(encoding="utf-8")
        assert old in before
        path.write_text(before.replace(old, new, 1), encoding="utf-8")
        return path.read_text(encoding="utf-8")

    def read_policy(self) -> dict[str, bytes]:
        """Every file of the city, to see that nothing was written."""
        place = self.folder / "our-city"
        return {str(one.relative_to(place)): one.read_bytes() for one in place.rglob("*") if one.is_file()}


def make_scene(folder: Path) -> Scene:
    write_starter_city(folder / "our-city")
    return Scene(folder)
