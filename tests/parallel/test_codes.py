"""Backend codes: the right variety and script, or an error that names the language."""

import pytest

from xlforget.parallel.codes import FLORES, NoCode, alpha3_code, flores_code, iso_code


def test_flores_codes_are_the_two_hundred_and_two() -> None:
    assert len(FLORES) == 202


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("en", "eng_Latn"), ("ar", "arb_Arab"), ("zh", "zho_Hans"), ("zh-TW", "zho_Hant"), ("ko", "kor_Hang"),
        ("fil", "tgl_Latn"), ("pt-BR", "por_Latn"), ("no", "nob_Latn"), ("nb", "nob_Latn"), ("fa", "pes_Arab"),
        ("sr", "srp_Cyrl"), ("ms", "zsm_Latn"), ("sw", "swh_Latn"), ("gn", "grn_Latn"), ("ckb", "ckb_Arab"),
    ],
)  # fmt: skip
def test_flores_code_of(tag: str, code: str) -> None:
    assert flores_code(tag) == code


@pytest.mark.parametrize("tag", ["sr-Latn", "hi-Latn", "ru-Latn", "uz-Cyrl", "tlh"])
def test_a_script_that_flores_lacks_is_an_error_and_never_another_script(tag: str) -> None:
    with pytest.raises(NoCode, match=tag) as refused:
        flores_code(tag)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(("tag", "code"), [("pt-BR", "pt"), ("zh", "zh"), ("zh-CN", "zh"), ("sr", "sr"), ("gl", "gl")])
def test_iso_code_of(tag: str, code: str) -> None:
    assert iso_code(tag) == code


@pytest.mark.parametrize("tag", ["sr-Latn", "zh-TW", "hi-Latn"])
def test_a_bare_code_never_stands_for_another_script(tag: str) -> None:
    with pytest.raises(NoCode, match="M2M100"):
        iso_code(tag, "M2M100")


def test_three_letters() -> None:
    assert [alpha3_code(tag) for tag in ("en", "es", "ca", "pt-BR")] == ["eng", "spa", "cat", "por"]
