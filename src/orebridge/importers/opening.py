"""Opening what a user was sent: a file, a folder or a zip (also a wheel or a workbook), with limits and without trust.

Nothing is unpacked: members of a zip are streams, their names are labels and never paths. A SQLite database inside a
zip is copied to a private temporary file under a name of our own, because SQLite needs a file. Databases are opened
read-only and immutable, only their plain tables are read. Workbooks are read without macros, links or entities.
"""

from __future__ import annotations

import hashlib
import io
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast
from urllib.parse import quote

from orebridge.errors import ImportRefused

if TYPE_CHECKING:
    from openpyxl.workbook.workbook import Workbook

ZIP_SUFFIXES = {".zip", ".whl"}
CHUNK = 1 << 20
MB = 1_000_000


@dataclass(frozen=True)
class Limits:
    """What a file may ask of the machine before it is refused. Bytes are unpacked bytes."""

    member_bytes: int = 4_000 * MB
    total_bytes: int = 40_000 * MB
    text_bytes: int = 200 * MB
    database_bytes: int = 2_000 * MB
    workbook_bytes: int = 600 * MB
    members: int = 20_000
    #: A deflated table of figures shrinks to a fifth, a sparse sheet to a thirtieth; a bomb to a thousandth.
    ratio: int = 200
    rows: int = 5_000_000
    cell_bytes: int = 1 * MB


LIMITS = Limits()


#: What zipfile, zlib and the file system raise for a damaged, cut-off or locked file.
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)


def _damaged(name: str, error: Exception) -> ImportRefused:
    return ImportRefused(
        f"{name}: cannot be read to its end ({error}). The file is damaged, cut off or locked with a password; "
        "fetch it again from the publisher and compare its size."
    )


class Stream:
    """Reads bytes; damage that shows only while reading becomes a refusal that names the file."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream, self._name = stream, name

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, all if negative; empty at the end."""
        try:
            return self._stream.read(size)
        except DAMAGE as error:
            raise _damaged(self._name, error) from error

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer as far as bytes come at once; how many came, 0 at the end."""
        try:
            return self._stream.readinto(buffer)  # type: ignore[attr-defined,no-any-return]
        except DAMAGE as error:
            raise _damaged(self._name, error) from error


@dataclass
class Member:
    """One file of what was given. `sha256` is known once all of it has been read through `open`."""

    name: str
    size: int
    _open: Callable[[], BinaryIO] = field(repr=False)
    sha256: str = ""

    @property
    def base(self) -> str:
        """The name without folders."""
        return self.name.replace("\\", "/").rsplit("/", 1)[-1]

    @contextmanager
    def open(self) -> Iterator[Stream]:
        """A stream of its bytes; closed afterwards."""
        try:
            stream = self._open()
        except DAMAGE as error:
            raise _damaged(self.name, error) from error
        with stream:
            yield Stream(stream, self.name)

    def read(self, limit: int, limits: Limits = LIMITS) -> bytes:
        """All bytes, at most `limit`; also sets `sha256`."""
        if self.size > limit:
            raise ImportRefused(f"{self.name}: {self.size:,} bytes, more than the {limit:,} that such a file may have.")
        with self.open() as stream:
            data = stream.read(limit + 1)
        if len(data) > limit:
            raise ImportRefused(f"{self.name}: more than the {limit:,} bytes that such a file may have.")
        self.sha256 = hashlib.sha256(data).hexdigest()
        return data


@dataclass
class Opened:
    """What the user gave, as a list of members."""

    path: Path
    members: tuple[Member, ...]

    def find(self, wanted: Callable[[str], bool]) -> list[Member]:
        """Members whose base name in lower case is wanted, by name."""
        return sorted((m for m in self.members if wanted(m.base.lower())), key=lambda m: m.name)

    def listing(self, most: int = 8) -> str:
        """The names there are, for messages."""
        names = [member.base for member in self.members]
        more = f" and {len(names) - most} more" if len(names) > most else ""
        return (", ".join(names[:most]) or "nothing") + more


@contextmanager
def opened(path: Path, limits: Limits = LIMITS) -> Iterator[Opened]:
    """Open a file, a folder or a zip; raises ImportRefused if it is missing, damaged or asks for too much."""
    if path.is_dir():
        files = _files_below(path, limits)
        yield Opened(path, tuple(_plain(p, p.relative_to(path).as_posix(), limits) for p in files))
    elif not path.is_file():
        raise ImportRefused(f"{path}: no such file or folder.")
    elif path.suffix.lower() in ZIP_SUFFIXES:
        try:
            archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise ImportRefused(
                f"{path}: not a whole zip ({error}). The download was cut off or it is another kind of file; "
                "fetch it again."
            ) from error
        with archive:
            yield Opened(path, tuple(_zipped(archive, path, limits)))
    else:
        yield Opened(path, (_plain(path, path.name, limits),))


def _files_below(path: Path, limits: Limits) -> list[Path]:
    """Plain files below a folder (links are not followed), few enough to be a source."""
    found: list[Path] = []
    try:
        for entry in path.rglob("*"):
            if entry.is_file() and not entry.is_symlink():
                found.append(entry)
            if len(found) > limits.members:
                raise ImportRefused(
                    f"{path}: more than {limits.members:,} files; name the folder that holds the source."
                )
    except OSError as error:
        raise ImportRefused(
            f"{path}: cannot be looked through ({error}); name the folder that holds the source."
        ) from error
    return sorted(found)


def _plain(path: Path, name: str, limits: Limits) -> Member:
    size = path.stat().st_size
    if size > limits.member_bytes:
        raise ImportRefused(f"{name}: {size:,} bytes, more than the {limits.member_bytes:,} that are read.")
    return Member(name, size, lambda: path.open("rb"))


def _zipped(archive: zipfile.ZipFile, path: Path, limits: Limits) -> Iterator[Member]:
    infos = [info for info in archive.infolist() if not info.is_dir()]
    check_zip(infos, str(path), limits)
    for info in infos:
        # zipfile stops at the size the directory states and then compares the checksum, so a member that lies about
        # its size cannot unpack more than was allowed here.
        yield Member(info.filename, info.file_size, lambda info=info: cast(BinaryIO, archive.open(info)))  # type: ignore[misc]


def check_zip(infos: Sequence[zipfile.ZipInfo], name: str, limits: Limits = LIMITS) -> None:
    """Refuse a zip that would unpack to too much, holds a name twice or overlapping members."""
    if len(infos) > limits.members:
        raise ImportRefused(f"{name}: {len(infos):,} members in the zip; more than {limits.members:,} are not read.")
    names = [info.filename for info in infos]
    if len(set(names)) != len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise ImportRefused(f"{name}: the zip holds {twice!r} twice, so it is not clear which is meant; pack it anew.")
    total = sum(info.file_size for info in infos)
    if total > limits.total_bytes:
        raise ImportRefused(f"{name}: unpacks to {total:,} bytes, more than the {limits.total_bytes:,} that are read.")
    for info in infos:
        if info.file_size > limits.member_bytes:
            raise ImportRefused(
                f"{name}: {info.filename} unpacks to {info.file_size:,} bytes, more than {limits.member_bytes:,}."
            )
        if info.file_size > 10 * MB and info.file_size > limits.ratio * max(1, info.compress_size):
            raise ImportRefused(
                f"{name}: {info.filename} would grow {info.file_size // max(1, info.compress_size):,}-fold on "
                "unpacking, as a decompression bomb does; no table of figures shrinks that far."
            )


@contextmanager
def database(member: Member, limits: Limits = LIMITS) -> Iterator[sqlite3.Connection]:
    """A SQLite database for reading plain tables only; views, triggers, extensions and attached files are denied.

    Sets the member's hash. Raises ImportRefused if it is no database or is damaged.
    """
    if member.size > limits.database_bytes:
        raise ImportRefused(f"{member.name}: {member.size:,} bytes, more than the {limits.database_bytes:,} allowed.")
    with tempfile.TemporaryDirectory(prefix="orebridge-") as folder:
        copy = Path(folder) / "source.db"
        digest = hashlib.sha256()
        with member.open() as stream, copy.open("wb") as out:
            head = stream.read(16)
            if head != b"SQLite format 3\0":
                raise ImportRefused(f"{member.name}: not a SQLite database; it begins with {head[:16]!r}.")
            piece = head
            while piece:
                digest.update(piece)
                out.write(piece)
                piece = stream.read(CHUNK)
        member.sha256 = digest.hexdigest()
        connection = sqlite3.connect(f"file:{quote(str(copy))}?mode=ro&immutable=1", uri=True)
        try:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, limits.cell_bytes)
            connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA cell_size_check = ON")
            connection.set_authorizer(_reading_only)
            yield connection
        except sqlite3.DatabaseError as error:
            raise ImportRefused(
                f"{member.name}: the database is damaged or cut off ({error}); fetch it again."
            ) from error
        finally:
            connection.close()


def _reading_only(action: int, first: str | None, second: str | None, base: str | None, inside: str | None) -> int:
    """What SQL may do: select and read; `inside` names a view or trigger that asks, which is denied."""
    allowed = action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION)
    pragma = action == sqlite3.SQLITE_PRAGMA and first == "table_info"
    return sqlite3.SQLITE_OK if (allowed or pragma) and inside is None else sqlite3.SQLITE_DENY


def tables_of(connection: sqlite3.Connection) -> dict[str, list[str]]:
    """Plain tables and their columns; views are left out."""
    names = [str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: [str(row[1]) for row in connection.execute(f"PRAGMA table_info({quoted(name)})")] for name in names}


def quoted(name: str) -> str:
    """An SQL identifier in quotes.

    >>> quoted('Rare "Earths"')
    '"Rare ""Earths\"""'
    """
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def workbook(member: Member, limits: Limits = LIMITS) -> Iterator[Workbook]:
    """An .xlsx workbook, values only. Sets the member's hash; raises ImportRefused for anything that is not one."""
    if member.base.lower().endswith((".xls", ".xlsb")):
        raise ImportRefused(f"{member.name}: the old Excel format is not read; save it as .xlsx.")
    data = member.read(limits.workbook_bytes, limits)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            if sum(info.file_size for info in infos) > limits.workbook_bytes:
                raise ImportRefused(f"{member.name}: unpacks to more than {limits.workbook_bytes:,} bytes.")
            check_zip(infos, member.name, limits)
            _refuse_entities(archive, infos, member.name)
    except zipfile.BadZipFile as error:
        raise ImportRefused(
            f"{member.name}: not a whole .xlsx workbook ({error}); the download was cut off or it is another format."
        ) from error
    from openpyxl import load_workbook

    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False, keep_vba=False)
    except Exception as error:  # openpyxl raises whatever its parsers raise
        raise ImportRefused(
            f"{member.name}: cannot be read as a workbook ({type(error).__name__}: {error})."
        ) from error
    try:
        yield book
    finally:
        book.close()


def _refuse_entities(archive: zipfile.ZipFile, infos: Sequence[zipfile.ZipInfo], name: str) -> None:
    """A workbook never declares document types; entity bombs do. Parts that are never parsed (customXml) are let be."""
    for info in infos:
        if info.filename.lower().endswith((".xml", ".rels")) and not info.filename.lower().startswith("customxml/"):
            with archive.open(info) as stream:
                head = stream.read(2048)
            if b"<!DOCTYPE" in head or b"<!ENTITY" in head or head[:2] in (b"\xff\xfe", b"\xfe\xff"):
                raise ImportRefused(f"{name}: {info.filename} declares a document type, which no workbook needs.")


def text_of(member: Member, encodings: Sequence[str], limits: Limits = LIMITS) -> str:
    """The text of a file in the first of the encodings that fits; raises ImportRefused naming byte and encodings.

    A byte-order mark of UTF-16 is named, since spreadsheets write it; NUL bytes are refused.
    """
    data = member.read(limits.text_bytes, limits)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ImportRefused(f"{member.name}: the file is UTF-16; export it as {encodings[0]} CSV.")
    if b"\0" in data:
        raise ImportRefused(f"{member.name}: holds NUL bytes, so it is no text; is it the file that was meant?")
    reasons = []
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            reasons.append(f"not {encoding} (line {line}, byte {data[error.start : error.start + 1]!r})")
    raise ImportRefused(f"{member.name}: {'; '.join(reasons)}. Take the file as the publisher gives it.")
