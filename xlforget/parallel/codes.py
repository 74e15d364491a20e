"""What each backend calls a language. Tags are BCP-47 inside; a backend's own code is looked up here and nowhere else.

A tag that a backend has no code for is an error with the tag's name, never the nearest code: "sr-Latn" must not come back
in Cyrillic. Codes of FLORES-200 are those of the NLLB-200 model card (https://huggingface.co/facebook/nllb-200-distilled-600M).
"""

from functools import lru_cache

import langcodes

from xlforget.errors import UsageError

FLORES = frozenset(
    """
    ace_Arab ace_Latn acm_Arab acq_Arab aeb_Arab afr_Latn ajp_Arab aka_Latn amh_Ethi apc_Arab arb_Arab ars_Arab ary_Arab
    arz_Arab asm_Beng ast_Latn awa_Deva ayr_Latn azb_Arab azj_Latn bak_Cyrl bam_Latn ban_Latn bel_Cyrl bem_Latn ben_Beng
    bho_Deva bjn_Arab bjn_Latn bod_Tibt bos_Latn bug_Latn bul_Cyrl cat_Latn ceb_Latn ces_Latn cjk_Latn ckb_Arab crh_Latn
    cym_Latn dan_Latn deu_Latn dik_Latn dyu_Latn dzo_Tibt ell_Grek eng_Latn epo_Latn est_Latn eus_Latn ewe_Latn fao_Latn
    pes_Arab fij_Latn fin_Latn fon_Latn fra_Latn fur_Latn fuv_Latn gla_Latn gle_Latn glg_Latn grn_Latn guj_Gujr hat_Latn
    hau_Latn heb_Hebr hin_Deva hne_Deva hrv_Latn hun_Latn hye_Armn ibo_Latn ilo_Latn ind_Latn isl_Latn ita_Latn jav_Latn
    jpn_Jpan kab_Latn kac_Latn kam_Latn kan_Knda kas_Arab kas_Deva kat_Geor knc_Arab knc_Latn kaz_Cyrl kbp_Latn kea_Latn
    khm_Khmr kik_Latn kin_Latn kir_Cyrl kmb_Latn kon_Latn kor_Hang kmr_Latn lao_Laoo lvs_Latn lij_Latn lim_Latn lin_Latn
    lit_Latn lmo_Latn ltg_Latn ltz_Latn lua_Latn lug_Latn luo_Latn lus_Latn mag_Deva mai_Deva mal_Mlym mar_Deva min_Latn
    mkd_Cyrl plt_Latn mlt_Latn mni_Beng khk_Cyrl mos_Latn mri_Latn zsm_Latn mya_Mymr nld_Latn nno_Latn nob_Latn npi_Deva
    nso_Latn nus_Latn nya_Latn oci_Latn gaz_Latn ory_Orya pag_Latn pan_Guru pap_Latn pol_Latn por_Latn prs_Arab pbt_Arab
    quy_Latn ron_Latn run_Latn rus_Cyrl sag_Latn san_Deva sat_Beng scn_Latn shn_Mymr sin_Sinh slk_Latn slv_Latn smo_Latn
    sna_Latn snd_Arab som_Latn sot_Latn spa_Latn als_Latn srd_Latn srp_Cyrl ssw_Latn sun_Latn swe_Latn swh_Latn szl_Latn
    tam_Taml tat_Cyrl tel_Telu tgk_Cyrl tgl_Latn tha_Thai tir_Ethi taq_Latn taq_Tfng tpi_Latn tsn_Latn tso_Latn tuk_Latn
    tum_Latn tur_Latn twi_Latn tzm_Tfng uig_Arab ukr_Cyrl umb_Latn urd_Arab uzn_Latn vec_Latn vie_Latn war_Latn wol_Latn
    xho_Latn ydd_Hebr yor_Latn yue_Hant zho_Hans zho_Hant zul_Latn
    """.split()
)

# Languages that FLORES names by one variety, which langcodes does not choose by itself.
_FLORES_LANGUAGE = {
    "ar": "arb", "az": "azj", "fa": "pes", "ku": "kmr", "lv": "lvs", "mg": "plt", "mn": "khk", "ms": "zsm", "ne": "npi",
    "no": "nob", "om": "gaz", "or": "ory", "ps": "pbt", "qu": "quy", "sq": "als", "sw": "swh", "uz": "uzn", "yi": "ydd",
    "ay": "ayr", "ff": "fuv", "kr": "knc", "fil": "tgl", "ak": "aka", "gn": "grn",
}  # fmt: skip
# Scripts that CLDR calls by a name of their own.
_FLORES_SCRIPT = {"Kore": "Hang"}


class NoCode(UsageError):
    """A backend has no code for a language (exit 2)."""

    def __init__(self, tag: str, backend: str) -> None:
        super().__init__(
            f"{backend} has no code for the language {tag}.",
            do="Leave the language out, or use a translator that has it.",
            code="UNKNOWN_LANGUAGE",
        )


@lru_cache(maxsize=1024)
def flores_code(tag: str) -> str:
    """The FLORES-200 code that NLLB uses: "ar" is "arb_Arab", "zh-TW" is "zho_Hant". NoCode: "sr-Latn", "hi-Latn"."""
    full = langcodes.Language.get(tag).maximize()
    language = _FLORES_LANGUAGE.get(full.language or "") or _alpha3(full)
    code = f"{language}_{_FLORES_SCRIPT.get(full.script or '', full.script)}"
    if code not in FLORES:
        raise NoCode(tag, "FLORES-200")
    return code


@lru_cache(maxsize=1024)
def iso_code(tag: str, backend: str = "ISO 639") -> str:
    """The bare language of a tag in its usual script ("pt-BR" is "pt"), as M2M100 and MADLAD have it.

    NoCode where the tag asks for a script that the bare code does not stand for ("sr-Latn", "zh-TW").
    """
    asked = langcodes.Language.get(tag).maximize()
    if asked.language is None or asked.script != langcodes.Language.get(asked.language).maximize().script:
        raise NoCode(tag, backend)
    return str(asked.language)


def alpha3_code(tag: str, backend: str = "ISO 639-3") -> str:
    """The three-letter code of a tag's language ("es" is "spa"); NoCode as `iso_code`."""
    return _alpha3(langcodes.Language.get(iso_code(tag, backend)))


def _alpha3(language: langcodes.Language) -> str:
    try:
        return str(language.to_alpha3())
    except LookupError:
        return str(language.language)
