"""The code page of a file without a mark, by names and towns of the languages it is used for."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.exports.code_pages import likeliest
from connectors.exports.decoding import SAMPLE_BYTES, decoded

NAMES = {
    "cp1252": "Íñigo Muñoz, Begoña Núñez, Hélène Lefèvre, João Simões, Jürgen Groß, Søren Kjær, Conceição Guimarães",
    "cp1250": "Łukasz Wiśniewski, Żaneta Błaszczyk, Małgorzata Dąbrowska, Jiří Dvořák, Božena Černá, Zsófia Szőke",
    "cp1251": "Дмитрий Соколов, Екатерина Кузнецова, Наталья Михайлова, Санкт-Петербург",
    "cp1253": "Γιώργος Παπαδόπουλος, Ελένη Νικολάου, Αθήνα, Πάτρα",
    "cp1254": "Işık Yıldız, Ayşe Şahin, Çağrı Doğan, İzmir, Eskişehir",
    "cp1257": "Žydrūnas Kazlauskas, Rūta Jankauskienė, Jānis Bērziņš, Klaipėda",
    "cp932": "山田太郎, 佐藤花子, 東京都, 大阪市",
    "gb18030": "王伟, 张秀英, 李娜, 北京市, 上海市",
    "cp949": "김민준, 이서연, 박지훈, 서울특별시",
    "mac_roman": "Íñigo Muñoz, Begoña Núñez, Iñaki Ibáñez, A Coruña, Logroño",
}


@pytest.mark.parametrize("codec", NAMES)
def test_names_tell_the_code_page(codec: str) -> None:
    found = likeliest(NAMES[codec].encode(codec))

    assert NAMES[codec].encode(codec).decode(found.codec) == NAMES[codec]


def test_little_evidence_is_in_doubt_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    path.write_bytes("First Name,Email\nRené,rene@kite.example\n".encode("cp1252"))

    with path.open("rb") as file:
        text = decoded("few.csv", file)
        assert text.head().splitlines()[1] == "René,rene@kite.example"
    assert not likeliest("René".encode("cp1252")).is_sure
    assert text.encoding.startswith("cp1252")


def test_a_few_bad_bytes_leave_a_file_in_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "nearly.csv"
    path.write_bytes("Łukasz,Łódź\nĐorđe,Čačak\n".encode() + "Álvaro\n".encode("cp1252"))

    with path.open("rb") as file:
        text = decoded("nearly.csv", file)
        assert text.head() == "Łukasz,Łódź\nĐorđe,Čačak\nÁlvaro\n"
    assert text.encoding == "utf-8, with a few bytes of cp1252"


def test_letters_far_behind_the_beginning_tell_the_code_page(tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    path.write_bytes(b"Ada,Lovelace\n" * (SAMPLE_BYTES // 10) + NAMES["cp1250"].encode("cp1250"))

    with path.open("rb") as file:
        assert decoded("late.csv", file).encoding == "cp1250"
