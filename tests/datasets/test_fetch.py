import hashlib
import io
import stat
import struct
import zipfile

import pytest

from overparam_tf.datasets.fetch import _CheckedRedirects, download, place, unzip
from overparam_tf.errors import DataError

LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"  # signatures of the two headers of a zip member


def get(url, target, **options):
    return download(
        url, target, schemes=("http",), **options
    )  # http: the server is on this machine


def test_download_writes_the_file_and_returns_its_checksum(site, tmp_path):
    content = bytes(range(256)) * 1000
    digest = get(site.serve(content), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == content
    assert digest == hashlib.sha256(content).hexdigest()


def test_download_follows_an_allowed_redirect(site, tmp_path):
    get(site.redirect(site.serve(b"content")), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"content"


@pytest.mark.parametrize(
    ("page", "options", "message"),
    [
        (lambda site: site.announce_more(b"half"), {}, r"cut short: 4 of 104 bytes"),
        (
            lambda site: site.serve(b"x" * 1001),
            {"max_bytes": 1000},
            r"has 1001 bytes, more than .* 1000",
        ),
        (
            lambda site: site.stream(b"x" * 1001),
            {"max_bytes": 1000},
            r"more than the allowed 1000 bytes",
        ),
        (lambda site: site.drip(), {"seconds": 0.2}, r"not complete after 0.2 s"),
        (lambda site: site.stall(), {"seconds": 0.1}, r"timed out"),
        (lambda site: site.url + "/nothing.zip", {}, r"server error 404 Not Found"),
        (
            lambda site: "http://127.0.0.1:1/closed.zip",
            {},
            r"Could not download http://127.0.0.1:1/closed.zip",
        ),
        (
            lambda site: site.redirect("https://127.0.0.1/"),
            {},
            r"Only http addresses.*https://127.0.0.1/",
        ),
    ],
    ids="truncated announced-too-large too-large too-slow stalled missing refused redirect".split(),
)
def test_download_refuses(site, tmp_path, page, options, message):
    with pytest.raises(DataError, match=message) as caught:
        get(page(site), tmp_path / "file", **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://localhost/x", "file:///etc/hosts", "ftp://localhost/x", "nonsense"]
)
def test_only_https_is_downloaded_by_default(tmp_path, url):
    with pytest.raises(DataError, match="Only https addresses"):
        download(url, tmp_path / "file")


def test_an_https_download_is_not_redirected_to_http():
    """There is no https server here, so that the redirect handler is asked directly."""
    handler = _CheckedRedirects(("https",))
    with pytest.raises(DataError, match="Only https addresses"):
        handler.redirect_request(None, io.BytesIO(), 302, "Found", {}, "http://127.0.0.1/data.zip")


def make_zip(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def link(name):
    member = zipfile.ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


def test_unzip_takes_exactly_the_wanted_files_from_anywhere(tmp_path):
    archive = make_zip(
        tmp_path / "a.zip",
        ("deep/er/a.dat", "A"),
        ("b.dat", "B"),
        ("deep/", ""),
        ("__MACOSX/._a.dat", "no"),
    )
    (tmp_path / "out").mkdir()
    unzip(archive, tmp_path / "out", ["a.dat", "b.dat"])
    unpacked = {file.name: file.read_text() for file in (tmp_path / "out").iterdir()}
    assert unpacked == {"a.dat": "A", "b.dat": "B"}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("../a.dat", "A")], r"would leave its folder: '../a.dat'"),
        ([("x/../../a.dat", "A")], r"would leave its folder"),
        ([("/a.dat", "A")], r"would leave its folder"),
        ([("..\\a.dat", "A")], r"would leave its folder"),
        ([("C:\\a.dat", "A")], r"would leave its folder"),
        ([("a.dat", "A"), ("../other", "")], r"would leave its folder"),
        ([(link("a.dat"), "/etc/passwd")], r"a link, which is not unpacked: 'a.dat'"),
        ([("x/a.dat", "A"), ("y/a.dat", "B")], r"holds a.dat twice"),
        ([("b.dat", "B")], r"lacks a.dat"),
        ([("a.dat/", "")], r"lacks a.dat"),
        ([("a.dat", b"0" * 2_000_000)], r"more than the allowed size"),
    ],
)
def test_unzip_refuses(tmp_path, members, message):
    archive = make_zip(tmp_path / "a.zip", *members)
    (tmp_path / "out").mkdir()
    with pytest.raises(DataError, match=message):
        unzip(archive, tmp_path / "out", ["a.dat"], max_bytes=1_000_000)
    assert not (tmp_path / "a.dat").exists()


def damage(path, start, offset, value):
    """Overwrite bytes of a zip, counted from its first header with the signature start."""
    content = bytearray(path.read_bytes())
    at = content.index(start) + offset
    content[at : at + len(value)] = value
    path.write_bytes(content)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"<html>Please log in</html>"),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-30]),
        lambda path: damage(path, LOCAL, 30 + len("a.dat"), b"\xff\xff\xff"),
        lambda path: damage(path, CENTRAL, 8, struct.pack("<H", 1)),
        lambda path: damage(path, CENTRAL, 10, struct.pack("<H", 99)),
        lambda path: (
            damage(path, CENTRAL, 8, struct.pack("<H", 0x800)) or damage(path, CENTRAL, 46, b"\xff")
        ),
    ],
    ids=["html", "empty", "truncated", "damaged", "encrypted", "unknown-compression", "no-utf8"],
)
def test_unzip_refuses_what_is_no_good_zip(tmp_path, spoil):
    archive = make_zip(tmp_path / "a.zip", ("a.dat", "content " * 100))
    spoil(archive)
    with pytest.raises(DataError, match=r"a.zip is no zip archive or a damaged one"):
        unzip(archive, tmp_path, ["a.dat"])


def test_unzip_takes_no_packing_whose_pieces_have_no_bound(tmp_path):
    """`zipfile` would unpack this kilobyte of bzip2 to 40 MB at once."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.dat", bytes(40 << 20))
    with pytest.raises(
        DataError, match=r"a.zip .* damaged one: 'a.dat' is neither stored nor deflated"
    ):
        unzip(tmp_path / "a.zip", tmp_path, ["a.dat"], max_bytes=1_000_000)


def test_unzip_counts_bytes_even_if_the_announced_size_lies(tmp_path):
    """The central directory claims 10 bytes for a member of 2,000,000."""
    archive = make_zip(tmp_path / "a.zip", ("a.dat", b"0" * 2_000_000))
    damage(archive, CENTRAL, 24, struct.pack("<I", 10))
    with pytest.raises(DataError):
        unzip(archive, tmp_path, ["a.dat"], max_bytes=1_000_000)
    assert (tmp_path / "a.dat").stat().st_size <= 1_000_000


def test_place_moves_a_folder_in_one_step_and_overwrites_nothing(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    place(tmp_path / "one", tmp_path / "target")
    with pytest.raises(DataError, match=r"Could not move the data to .*target"):
        place(tmp_path / "two", tmp_path / "target")
    assert (tmp_path / "target" / "file").read_text() == "one"
