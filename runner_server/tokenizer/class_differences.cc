// Made by tools/golden/make_class_differences.py, which asks Oniguruma 6.9.8 and Hugging Face's
// tokenizers 0.22.2 about all characters. Do not edit.

#include "runner_server/tokenizer/regex_dialect.h"

namespace chorus::runner {
namespace {

// clang-format off

constexpr char kRanges1[] =
    "\\x{363}-\\x{36F}\\x{897}\\x{C04}\\x{CF3}\\x{F82}-\\x{F83}\\x{1C89}-\\x{1C8A}"
    "\\x{1DD3}-\\x{1DE6}\\x{A7CB}-\\x{A7CD}\\x{A7DA}-\\x{A7DC}\\x{105C0}-\\x{105F3}"
    "\\x{10D40}-\\x{10D65}\\x{10D69}\\x{10D6F}-\\x{10D85}\\x{10EC2}-\\x{10EC4}\\x{10EFC}"
    "\\x{11080}-\\x{11081}\\x{1123F}-\\x{11241}\\x{11380}-\\x{11389}\\x{1138B}\\x{1138E}"
    "\\x{11390}-\\x{113B5}\\x{113B7}-\\x{113C0}\\x{113C2}\\x{113C5}\\x{113C7}-\\x{113CA}"
    "\\x{113CC}-\\x{113CD}\\x{113D1}\\x{113D3}\\x{116D0}-\\x{116E3}\\x{11BC0}-\\x{11BE0}"
    "\\x{11BF0}-\\x{11BF9}\\x{11F00}-\\x{11F10}\\x{11F12}-\\x{11F3A}\\x{11F3E}-\\x{11F40}"
    "\\x{11F50}-\\x{11F59}\\x{1342F}\\x{13441}-\\x{13446}\\x{13460}-\\x{143FA}"
    "\\x{16100}-\\x{1612E}\\x{16130}-\\x{16139}\\x{16D40}-\\x{16D6C}\\x{16D70}-\\x{16D79}"
    "\\x{18CFF}\\x{1B132}\\x{1B155}\\x{1CCF0}-\\x{1CCF9}\\x{1DF25}-\\x{1DF2A}"
    "\\x{1E030}-\\x{1E06D}\\x{1E08F}\\x{1E4D0}-\\x{1E4EB}\\x{1E4F0}-\\x{1E4F9}"
    "\\x{1E5D0}-\\x{1E5ED}\\x{1E5F0}-\\x{1E5FA}\\x{2B739}\\x{2EBF0}-\\x{2EE5D}"
    "\\x{31350}-\\x{323AF}";

constexpr char kRanges2[] =
    "\\x{363}-\\x{36F}\\x{897}\\x{C04}\\x{CF3}\\x{F82}-\\x{F83}\\x{1C89}-\\x{1C8A}"
    "\\x{1DD3}-\\x{1DE6}\\x{A7CB}-\\x{A7CD}\\x{A7DA}-\\x{A7DC}\\x{105C0}-\\x{105F3}"
    "\\x{10D4A}-\\x{10D65}\\x{10D69}\\x{10D6F}-\\x{10D85}\\x{10EC2}-\\x{10EC4}\\x{10EFC}"
    "\\x{11080}-\\x{11081}\\x{1123F}-\\x{11241}\\x{11380}-\\x{11389}\\x{1138B}\\x{1138E}"
    "\\x{11390}-\\x{113B5}\\x{113B7}-\\x{113C0}\\x{113C2}\\x{113C5}\\x{113C7}-\\x{113CA}"
    "\\x{113CC}-\\x{113CD}\\x{113D1}\\x{113D3}\\x{11BC0}-\\x{11BE0}\\x{11F00}-\\x{11F10}"
    "\\x{11F12}-\\x{11F3A}\\x{11F3E}-\\x{11F40}\\x{1342F}\\x{13441}-\\x{13446}"
    "\\x{13460}-\\x{143FA}\\x{16100}-\\x{1612E}\\x{16D40}-\\x{16D6C}\\x{18CFF}\\x{1B132}"
    "\\x{1B155}\\x{1DF25}-\\x{1DF2A}\\x{1E030}-\\x{1E06D}\\x{1E08F}\\x{1E4D0}-\\x{1E4EB}"
    "\\x{1E5D0}-\\x{1E5ED}\\x{1E5F0}\\x{2B739}\\x{2EBF0}-\\x{2EE5D}\\x{31350}-\\x{323AF}";

constexpr char kRanges3[] =
    "\\x{10D40}-\\x{10D49}\\x{116D0}-\\x{116E3}\\x{11BF0}-\\x{11BF9}\\x{11F50}-\\x{11F59}"
    "\\x{16130}-\\x{16139}\\x{16D70}-\\x{16D79}\\x{1CCF0}-\\x{1CCF9}\\x{1E4F0}-\\x{1E4F9}"
    "\\x{1E5F1}-\\x{1E5FA}";

constexpr char kRanges4[] =
    "\\x{897}\\x{CF3}\\x{ECE}\\x{1B4E}-\\x{1B4F}\\x{1B7F}\\x{1C89}-\\x{1C8A}"
    "\\x{2427}-\\x{2429}\\x{2FFC}-\\x{2FFF}\\x{31E4}-\\x{31E5}\\x{31EF}\\x{A7CB}-\\x{A7CD}"
    "\\x{A7DA}-\\x{A7DC}\\x{105C0}-\\x{105F3}\\x{10D40}-\\x{10D65}\\x{10D69}-\\x{10D85}"
    "\\x{10D8E}-\\x{10D8F}\\x{10EC2}-\\x{10EC4}\\x{10EFC}-\\x{10EFF}\\x{1123F}-\\x{11241}"
    "\\x{11380}-\\x{11389}\\x{1138B}\\x{1138E}\\x{11390}-\\x{113B5}\\x{113B7}-\\x{113C0}"
    "\\x{113C2}\\x{113C5}\\x{113C7}-\\x{113CA}\\x{113CC}-\\x{113D5}\\x{113D7}-\\x{113D8}"
    "\\x{113E1}-\\x{113E2}\\x{116D0}-\\x{116E3}\\x{11B00}-\\x{11B09}\\x{11BC0}-\\x{11BE1}"
    "\\x{11BF0}-\\x{11BF9}\\x{11F00}-\\x{11F10}\\x{11F12}-\\x{11F3A}\\x{11F3E}-\\x{11F5A}"
    "\\x{1342F}\\x{13439}-\\x{13455}\\x{13460}-\\x{143FA}\\x{16100}-\\x{16139}"
    "\\x{16D40}-\\x{16D79}\\x{18CFF}\\x{1B132}\\x{1B155}\\x{1CC00}-\\x{1CCF9}"
    "\\x{1CD00}-\\x{1CEB3}\\x{1D2C0}-\\x{1D2D3}\\x{1DF25}-\\x{1DF2A}\\x{1E030}-\\x{1E06D}"
    "\\x{1E08F}\\x{1E4D0}-\\x{1E4F9}\\x{1E5D0}-\\x{1E5FA}\\x{1E5FF}\\x{1F6DC}"
    "\\x{1F774}-\\x{1F776}\\x{1F77B}-\\x{1F77F}\\x{1F7D9}\\x{1F8B2}-\\x{1F8BB}"
    "\\x{1F8C0}-\\x{1F8C1}\\x{1FA75}-\\x{1FA77}\\x{1FA87}-\\x{1FA89}\\x{1FA8F}"
    "\\x{1FAAD}-\\x{1FAAF}\\x{1FABB}-\\x{1FABF}\\x{1FAC6}\\x{1FACE}-\\x{1FACF}"
    "\\x{1FADA}-\\x{1FADC}\\x{1FADF}\\x{1FAE8}-\\x{1FAE9}\\x{1FAF7}-\\x{1FAF8}"
    "\\x{1FBCB}-\\x{1FBEF}\\x{2B739}\\x{2EBF0}-\\x{2EE5D}\\x{31350}-\\x{323AF}";

constexpr char kRanges5[] =
    "\\x{10FC}\\x{1C8A}\\x{A7CD}\\x{A7DB}\\x{A7F2}-\\x{A7F4}\\x{AB69}\\x{10D70}-\\x{10D85}"
    "\\x{1DF25}-\\x{1DF2A}\\x{1E030}-\\x{1E06D}";

constexpr char kRanges6[] =
    "\\x{24}\\x{2B}\\x{3C}-\\x{3E}\\x{5E}\\x{60}\\x{7C}\\x{7E}\\x{A2}-\\x{A6}"
    "\\x{A8}-\\x{A9}\\x{AC}\\x{AE}-\\x{B1}\\x{B4}\\x{B8}\\x{D7}\\x{F7}\\x{2C2}-\\x{2C5}"
    "\\x{2D2}-\\x{2DF}\\x{2E5}-\\x{2EB}\\x{2ED}\\x{2EF}-\\x{2FF}\\x{375}\\x{384}-\\x{385}"
    "\\x{3F6}\\x{482}\\x{58D}-\\x{58F}\\x{606}-\\x{608}\\x{60B}\\x{60E}-\\x{60F}\\x{6DE}"
    "\\x{6E9}\\x{6FD}-\\x{6FE}\\x{7F6}\\x{7FE}-\\x{7FF}\\x{888}\\x{9F2}-\\x{9F3}"
    "\\x{9FA}-\\x{9FB}\\x{AF1}\\x{B70}\\x{BF3}-\\x{BFA}\\x{C7F}\\x{D4F}\\x{D79}\\x{E3F}"
    "\\x{F01}-\\x{F03}\\x{F13}\\x{F15}-\\x{F17}\\x{F1A}-\\x{F1F}\\x{F34}\\x{F36}\\x{F38}"
    "\\x{FBE}-\\x{FC5}\\x{FC7}-\\x{FCC}\\x{FCE}-\\x{FCF}\\x{FD5}-\\x{FD8}\\x{109E}-\\x{109F}"
    "\\x{1390}-\\x{1399}\\x{166D}\\x{17DB}\\x{1940}\\x{19DE}-\\x{19FF}\\x{1B4E}-\\x{1B4F}"
    "\\x{1B61}-\\x{1B6A}\\x{1B74}-\\x{1B7C}\\x{1B7F}\\x{1FBD}\\x{1FBF}-\\x{1FC1}"
    "\\x{1FCD}-\\x{1FCF}\\x{1FDD}-\\x{1FDF}\\x{1FED}-\\x{1FEF}\\x{1FFD}-\\x{1FFE}\\x{2044}"
    "\\x{2052}\\x{207A}-\\x{207C}\\x{208A}-\\x{208C}\\x{20A0}-\\x{20C0}\\x{2100}-\\x{2101}"
    "\\x{2103}-\\x{2106}\\x{2108}-\\x{2109}\\x{2114}\\x{2116}-\\x{2118}\\x{211E}-\\x{2123}"
    "\\x{2125}\\x{2127}\\x{2129}\\x{212E}\\x{213A}-\\x{213B}\\x{2140}-\\x{2144}"
    "\\x{214A}-\\x{214D}\\x{214F}\\x{218A}-\\x{218B}\\x{2190}-\\x{2307}\\x{230C}-\\x{2328}"
    "\\x{232B}-\\x{2429}\\x{2440}-\\x{244A}\\x{249C}-\\x{24E9}\\x{2500}-\\x{2767}"
    "\\x{2794}-\\x{27C4}\\x{27C7}-\\x{27E5}\\x{27F0}-\\x{2982}\\x{2999}-\\x{29D7}"
    "\\x{29DC}-\\x{29FB}\\x{29FE}-\\x{2B73}\\x{2B76}-\\x{2B95}\\x{2B97}-\\x{2BFF}"
    "\\x{2CE5}-\\x{2CEA}\\x{2E50}-\\x{2E51}\\x{2E80}-\\x{2E99}\\x{2E9B}-\\x{2EF3}"
    "\\x{2F00}-\\x{2FD5}\\x{2FF0}-\\x{2FFF}\\x{3004}\\x{3012}-\\x{3013}\\x{3020}"
    "\\x{3036}-\\x{3037}\\x{303E}-\\x{303F}\\x{309B}-\\x{309C}\\x{3190}-\\x{3191}"
    "\\x{3196}-\\x{319F}\\x{31C0}-\\x{31E5}\\x{31EF}\\x{3200}-\\x{321E}\\x{322A}-\\x{3247}"
    "\\x{3250}\\x{3260}-\\x{327F}\\x{328A}-\\x{32B0}\\x{32C0}-\\x{33FF}\\x{4DC0}-\\x{4DFF}"
    "\\x{A490}-\\x{A4C6}\\x{A700}-\\x{A716}\\x{A720}-\\x{A721}\\x{A789}-\\x{A78A}"
    "\\x{A828}-\\x{A82B}\\x{A836}-\\x{A839}\\x{AA77}-\\x{AA79}\\x{AB5B}\\x{AB6A}-\\x{AB6B}"
    "\\x{FB29}\\x{FBB2}-\\x{FBC2}\\x{FD40}-\\x{FD4F}\\x{FDCF}\\x{FDFC}-\\x{FDFF}\\x{FE62}"
    "\\x{FE64}-\\x{FE66}\\x{FE69}\\x{FF04}\\x{FF0B}\\x{FF1C}-\\x{FF1E}\\x{FF3E}\\x{FF40}"
    "\\x{FF5C}\\x{FF5E}\\x{FFE0}-\\x{FFE6}\\x{FFE8}-\\x{FFEE}\\x{FFFC}-\\x{FFFD}"
    "\\x{10137}-\\x{1013F}\\x{10179}-\\x{10189}\\x{1018C}-\\x{1018E}\\x{10190}-\\x{1019C}"
    "\\x{101A0}\\x{101D0}-\\x{101FC}\\x{10877}-\\x{10878}\\x{10AC8}\\x{10D6E}"
    "\\x{10D8E}-\\x{10D8F}\\x{113D4}-\\x{113D5}\\x{113D7}-\\x{113D8}\\x{1173F}"
    "\\x{11B00}-\\x{11B09}\\x{11BE1}\\x{11F43}-\\x{11F4F}\\x{11FD5}-\\x{11FF1}"
    "\\x{16B3C}-\\x{16B3F}\\x{16B45}\\x{16D6D}-\\x{16D6F}\\x{1BC9C}\\x{1CC00}-\\x{1CCEF}"
    "\\x{1CD00}-\\x{1CEB3}\\x{1CF50}-\\x{1CFC3}\\x{1D000}-\\x{1D0F5}\\x{1D100}-\\x{1D126}"
    "\\x{1D129}-\\x{1D164}\\x{1D16A}-\\x{1D16C}\\x{1D183}-\\x{1D184}\\x{1D18C}-\\x{1D1A9}"
    "\\x{1D1AE}-\\x{1D1EA}\\x{1D200}-\\x{1D241}\\x{1D245}\\x{1D300}-\\x{1D356}\\x{1D6C1}"
    "\\x{1D6DB}\\x{1D6FB}\\x{1D715}\\x{1D735}\\x{1D74F}\\x{1D76F}\\x{1D789}\\x{1D7A9}"
    "\\x{1D7C3}\\x{1D800}-\\x{1D9FF}\\x{1DA37}-\\x{1DA3A}\\x{1DA6D}-\\x{1DA74}"
    "\\x{1DA76}-\\x{1DA83}\\x{1DA85}-\\x{1DA86}\\x{1E14F}\\x{1E2FF}\\x{1E5FF}\\x{1ECAC}"
    "\\x{1ECB0}\\x{1ED2E}\\x{1EEF0}-\\x{1EEF1}\\x{1F000}-\\x{1F02B}\\x{1F030}-\\x{1F093}"
    "\\x{1F0A0}-\\x{1F0AE}\\x{1F0B1}-\\x{1F0BF}\\x{1F0C1}-\\x{1F0CF}\\x{1F0D1}-\\x{1F0F5}"
    "\\x{1F10D}-\\x{1F1AD}\\x{1F1E6}-\\x{1F202}\\x{1F210}-\\x{1F23B}\\x{1F240}-\\x{1F248}"
    "\\x{1F250}-\\x{1F251}\\x{1F260}-\\x{1F265}\\x{1F300}-\\x{1F6D7}\\x{1F6DC}-\\x{1F6EC}"
    "\\x{1F6F0}-\\x{1F6FC}\\x{1F700}-\\x{1F776}\\x{1F77B}-\\x{1F7D9}\\x{1F7E0}-\\x{1F7EB}"
    "\\x{1F7F0}\\x{1F800}-\\x{1F80B}\\x{1F810}-\\x{1F847}\\x{1F850}-\\x{1F859}"
    "\\x{1F860}-\\x{1F887}\\x{1F890}-\\x{1F8AD}\\x{1F8B0}-\\x{1F8BB}\\x{1F8C0}-\\x{1F8C1}"
    "\\x{1F900}-\\x{1FA53}\\x{1FA60}-\\x{1FA6D}\\x{1FA70}-\\x{1FA7C}\\x{1FA80}-\\x{1FA89}"
    "\\x{1FA8F}-\\x{1FAC6}\\x{1FACE}-\\x{1FADC}\\x{1FADF}-\\x{1FAE9}\\x{1FAF0}-\\x{1FAF8}"
    "\\x{1FB00}-\\x{1FB92}\\x{1FB94}-\\x{1FBEF}";

constexpr char kRanges7[] =
    "\\x{1C89}\\x{A7CB}-\\x{A7CC}\\x{A7DA}\\x{A7DC}\\x{10D50}-\\x{10D65}";

constexpr char kRanges8[] =
    "\\x{897}\\x{CF3}\\x{ECE}\\x{1C89}-\\x{1C8A}\\x{A7CB}-\\x{A7CD}\\x{A7DA}-\\x{A7DC}"
    "\\x{105C0}-\\x{105F3}\\x{10D40}-\\x{10D65}\\x{10D69}-\\x{10D6D}\\x{10D6F}-\\x{10D85}"
    "\\x{10EC2}-\\x{10EC4}\\x{10EFC}-\\x{10EFF}\\x{1123F}-\\x{11241}\\x{11380}-\\x{11389}"
    "\\x{1138B}\\x{1138E}\\x{11390}-\\x{113B5}\\x{113B7}-\\x{113C0}\\x{113C2}\\x{113C5}"
    "\\x{113C7}-\\x{113CA}\\x{113CC}-\\x{113D3}\\x{113E1}-\\x{113E2}\\x{116D0}-\\x{116E3}"
    "\\x{11BC0}-\\x{11BE0}\\x{11BF0}-\\x{11BF9}\\x{11F00}-\\x{11F10}\\x{11F12}-\\x{11F3A}"
    "\\x{11F3E}-\\x{11F42}\\x{11F50}-\\x{11F5A}\\x{1342F}\\x{13440}-\\x{13455}"
    "\\x{13460}-\\x{143FA}\\x{16100}-\\x{16139}\\x{16D40}-\\x{16D6C}\\x{16D70}-\\x{16D79}"
    "\\x{18CFF}\\x{1B132}\\x{1B155}\\x{1CCF0}-\\x{1CCF9}\\x{1DF25}-\\x{1DF2A}"
    "\\x{1E030}-\\x{1E06D}\\x{1E08F}\\x{1E4D0}-\\x{1E4F9}\\x{1E5D0}-\\x{1E5FA}\\x{2B739}"
    "\\x{2EBF0}-\\x{2EE5D}\\x{31350}-\\x{323AF}";

constexpr char kRanges9[] =
    "\\x{B2}-\\x{B3}\\x{B9}\\x{BC}-\\x{BE}\\x{897}\\x{CF3}\\x{ECE}\\x{1C89}-\\x{1C8A}"
    "\\x{A7CB}-\\x{A7CD}\\x{A7DA}-\\x{A7DC}\\x{105C0}-\\x{105F3}\\x{10D40}-\\x{10D65}"
    "\\x{10D69}-\\x{10D6D}\\x{10D6F}-\\x{10D85}\\x{10EC2}-\\x{10EC4}\\x{10EFC}-\\x{10EFF}"
    "\\x{1123F}-\\x{11241}\\x{11380}-\\x{11389}\\x{1138B}\\x{1138E}\\x{11390}-\\x{113B5}"
    "\\x{113B7}-\\x{113C0}\\x{113C2}\\x{113C5}\\x{113C7}-\\x{113CA}\\x{113CC}-\\x{113D3}"
    "\\x{113E1}-\\x{113E2}\\x{116D0}-\\x{116E3}\\x{11BC0}-\\x{11BE0}\\x{11BF0}-\\x{11BF9}"
    "\\x{11F00}-\\x{11F10}\\x{11F12}-\\x{11F3A}\\x{11F3E}-\\x{11F42}\\x{11F50}-\\x{11F5A}"
    "\\x{1342F}\\x{13440}-\\x{13455}\\x{13460}-\\x{143FA}\\x{16100}-\\x{16139}"
    "\\x{16D40}-\\x{16D6C}\\x{16D70}-\\x{16D79}\\x{18CFF}\\x{1B132}\\x{1B155}"
    "\\x{1CCF0}-\\x{1CCF9}\\x{1DF25}-\\x{1DF2A}\\x{1E030}-\\x{1E06D}\\x{1E08F}"
    "\\x{1E4D0}-\\x{1E4F9}\\x{1E5D0}-\\x{1E5FA}\\x{2B739}\\x{2EBF0}-\\x{2EE5D}"
    "\\x{31350}-\\x{323AF}";

constexpr char kRanges10[] =
    "\\x{897}\\x{10EC2}-\\x{10EC4}\\x{10EFC}-\\x{10EFF}";

constexpr char kRanges11[] =
    "\\x{1B4E}-\\x{1B4F}\\x{1B7F}";

constexpr char kRanges12[] =
    "\\x{897}\\x{CF3}\\x{ECE}\\x{1B4E}-\\x{1B4F}\\x{1B7F}\\x{1C89}-\\x{1C8A}"
    "\\x{2427}-\\x{2429}\\x{2FFC}-\\x{2FFF}\\x{31E4}-\\x{31E5}\\x{31EF}\\x{A7CB}-\\x{A7CD}"
    "\\x{A7DA}-\\x{A7DC}\\x{105C0}-\\x{105F3}\\x{10D40}-\\x{10D65}\\x{10D69}-\\x{10D85}"
    "\\x{10D8E}-\\x{10D8F}\\x{10EC2}-\\x{10EC4}\\x{10EFC}-\\x{10EFF}\\x{1123F}-\\x{11241}"
    "\\x{11380}-\\x{11389}\\x{1138B}\\x{1138E}\\x{11390}-\\x{113B5}\\x{113B7}-\\x{113C0}"
    "\\x{113C2}\\x{113C5}\\x{113C7}-\\x{113CA}\\x{113CC}-\\x{113D5}\\x{113D7}-\\x{113D8}"
    "\\x{113E1}-\\x{113E2}\\x{116D0}-\\x{116E3}\\x{11B00}-\\x{11B09}\\x{11BC0}-\\x{11BE1}"
    "\\x{11BF0}-\\x{11BF9}\\x{11F00}-\\x{11F10}\\x{11F12}-\\x{11F3A}\\x{11F3E}-\\x{11F5A}"
    "\\x{1342F}\\x{13440}-\\x{13455}\\x{13460}-\\x{143FA}\\x{16100}-\\x{16139}"
    "\\x{16D40}-\\x{16D79}\\x{18CFF}\\x{1B132}\\x{1B155}\\x{1CC00}-\\x{1CCF9}"
    "\\x{1CD00}-\\x{1CEB3}\\x{1D2C0}-\\x{1D2D3}\\x{1DF25}-\\x{1DF2A}\\x{1E030}-\\x{1E06D}"
    "\\x{1E08F}\\x{1E4D0}-\\x{1E4F9}\\x{1E5D0}-\\x{1E5FA}\\x{1E5FF}\\x{1F6DC}"
    "\\x{1F774}-\\x{1F776}\\x{1F77B}-\\x{1F77F}\\x{1F7D9}\\x{1F8B2}-\\x{1F8BB}"
    "\\x{1F8C0}-\\x{1F8C1}\\x{1FA75}-\\x{1FA77}\\x{1FA87}-\\x{1FA89}\\x{1FA8F}"
    "\\x{1FAAD}-\\x{1FAAF}\\x{1FABB}-\\x{1FABF}\\x{1FAC6}\\x{1FACE}-\\x{1FACF}"
    "\\x{1FADA}-\\x{1FADC}\\x{1FADF}\\x{1FAE8}-\\x{1FAE9}\\x{1FAF7}-\\x{1FAF8}"
    "\\x{1FBCB}-\\x{1FBEF}\\x{2B739}\\x{2EBF0}-\\x{2EE5D}\\x{31350}-\\x{323AF}";

constexpr char kRanges13[] =
    "\\x{10FC}\\x{1C89}-\\x{1C8A}\\x{A7CB}-\\x{A7CD}\\x{A7DA}-\\x{A7DC}\\x{A7F2}-\\x{A7F4}"
    "\\x{AB69}\\x{10D50}-\\x{10D65}\\x{10D70}-\\x{10D85}\\x{1DF25}-\\x{1DF2A}"
    "\\x{1E030}-\\x{1E06D}";

constexpr char kRanges14[] =
    "\\x{1C89}-\\x{1C8A}\\x{A7CB}-\\x{A7CD}\\x{A7DA}-\\x{A7DC}\\x{10D50}-\\x{10D65}"
    "\\x{10D70}-\\x{10D85}\\x{1DF25}-\\x{1DF2A}";

constexpr char kRanges15[] =
    "\\x{897}\\x{ECE}\\x{10D4E}\\x{10D69}-\\x{10D6D}\\x{10D6F}\\x{10EFC}-\\x{10EFF}\\x{11241}"
    "\\x{113BB}-\\x{113C0}\\x{113CE}\\x{113D0}\\x{113D2}\\x{113E1}-\\x{113E2}"
    "\\x{11F00}-\\x{11F01}\\x{11F36}-\\x{11F3A}\\x{11F40}\\x{11F42}\\x{11F5A}"
    "\\x{13439}-\\x{13440}\\x{13447}-\\x{13455}\\x{1611E}-\\x{16129}\\x{1612D}-\\x{1612F}"
    "\\x{16D40}-\\x{16D42}\\x{16D6B}-\\x{16D6C}\\x{1E030}-\\x{1E06D}\\x{1E08F}"
    "\\x{1E4EB}-\\x{1E4EF}\\x{1E5EE}-\\x{1E5EF}";

constexpr char kRanges16[] =
    "\\x{1171E}";

constexpr char kRanges17[] =
    "\\x{13439}-\\x{1343F}";

constexpr char kRanges18[] =
    "\\x{19B}\\x{264}\\x{1C89}-\\x{1C8A}\\x{A7CB}-\\x{A7CD}\\x{A7DA}-\\x{A7DC}"
    "\\x{10D50}-\\x{10D65}\\x{10D70}-\\x{10D85}";

constexpr char kRanges19[] =
    "\\x{19B}\\x{264}\\x{1C8A}\\x{A7CD}\\x{A7DB}\\x{10D70}-\\x{10D85}";

constexpr char kRanges20[] =
    "\\x{897}\\x{CF3}\\x{ECE}\\x{10D69}-\\x{10D6D}\\x{10EFC}-\\x{10EFF}\\x{11241}"
    "\\x{113B8}-\\x{113C0}\\x{113C2}\\x{113C5}\\x{113C7}-\\x{113CA}\\x{113CC}-\\x{113D0}"
    "\\x{113D2}\\x{113E1}-\\x{113E2}\\x{11F00}-\\x{11F01}\\x{11F03}\\x{11F34}-\\x{11F3A}"
    "\\x{11F3E}-\\x{11F42}\\x{11F5A}\\x{13440}\\x{13447}-\\x{13455}\\x{1611E}-\\x{1612F}"
    "\\x{1E08F}\\x{1E4EC}-\\x{1E4EF}\\x{1E5EE}-\\x{1E5EF}";

constexpr char kRanges21[] =
    "\\x{2427}-\\x{2429}\\x{2FFC}-\\x{2FFF}\\x{31E4}-\\x{31E5}\\x{31EF}\\x{1CC00}-\\x{1CCF9}"
    "\\x{1CD00}-\\x{1CEB3}\\x{1D2C0}-\\x{1D2D3}\\x{1F6DC}\\x{1F774}-\\x{1F776}"
    "\\x{1F77B}-\\x{1F77F}\\x{1F7D9}\\x{1F8B2}-\\x{1F8BB}\\x{1F8C0}-\\x{1F8C1}"
    "\\x{1FA75}-\\x{1FA77}\\x{1FA87}-\\x{1FA89}\\x{1FA8F}\\x{1FAAD}-\\x{1FAAF}"
    "\\x{1FABB}-\\x{1FABF}\\x{1FAC6}\\x{1FACE}-\\x{1FACF}\\x{1FADA}-\\x{1FADC}\\x{1FADF}"
    "\\x{1FAE8}-\\x{1FAE9}\\x{1FAF7}-\\x{1FAF8}\\x{1FBCB}-\\x{1FBEF}";

constexpr char kRanges22[] =
    "\\x{1C89}-\\x{1C8A}\\x{1E030}-\\x{1E06D}\\x{1E08F}";

constexpr char kRanges23[] =
    "\\x{10D6E}";

constexpr char kRanges24[] =
    "\\x{11B00}-\\x{11B09}";

constexpr char kRanges25[] =
    "\\x{E3A}\\x{1734}\\x{1A60}\\x{1BE6}\\x{1BF2}-\\x{1BF3}\\x{A806}\\x{A82C}"
    "\\x{10A38}-\\x{10A3A}\\x{10A3F}\\x{10D4E}\\x{10D69}-\\x{10D6D}\\x{10EFD}-\\x{10EFF}"
    "\\x{1133B}\\x{113CE}-\\x{113D0}\\x{113D2}-\\x{113D3}\\x{113E1}-\\x{113E2}"
    "\\x{11F41}-\\x{11F42}\\x{11F5A}\\x{13447}-\\x{13455}\\x{1612F}\\x{16D6B}-\\x{16D6C}"
    "\\x{1E030}-\\x{1E06D}\\x{1E5EE}-\\x{1E5EF}";

constexpr char kRanges26[] =
    "\\x{1FAF7}-\\x{1FAF8}";

constexpr char kRanges27[] =
    "\\x{1342F}\\x{13439}-\\x{13455}\\x{13460}-\\x{143FA}";

constexpr char kRanges28[] =
    "\\x{1F6DC}\\x{1FA75}-\\x{1FA77}\\x{1FA87}-\\x{1FA89}\\x{1FA8F}\\x{1FAAD}-\\x{1FAAF}"
    "\\x{1FABB}-\\x{1FABF}\\x{1FAC6}\\x{1FACE}-\\x{1FACF}\\x{1FADA}-\\x{1FADC}\\x{1FADF}"
    "\\x{1FAE8}-\\x{1FAE9}\\x{1FAF7}-\\x{1FAF8}";

constexpr char kRanges29[] =
    "\\x{A71}\\x{AFB}\\x{10D4E}\\x{10D6A}\\x{10D6F}\\x{11237}\\x{113D2}-\\x{113D3}\\x{1E5EF}";

constexpr char kRanges30[] =
    "\\x{10D40}-\\x{10D65}\\x{10D69}-\\x{10D85}\\x{10D8E}-\\x{10D8F}";

constexpr char kRanges31[] =
    "\\x{CF3}\\x{1B4E}-\\x{1B4F}\\x{1B7F}\\x{1C89}-\\x{1C8A}\\x{2427}-\\x{2429}"
    "\\x{2FFC}-\\x{2FFF}\\x{31E4}-\\x{31E5}\\x{31EF}\\x{A7CB}-\\x{A7CD}\\x{A7DA}-\\x{A7DC}"
    "\\x{105C0}-\\x{105F3}\\x{10D40}-\\x{10D65}\\x{10D6E}-\\x{10D85}\\x{10D8E}-\\x{10D8F}"
    "\\x{10EC2}-\\x{10EC4}\\x{1123F}-\\x{11240}\\x{11380}-\\x{11389}\\x{1138B}\\x{1138E}"
    "\\x{11390}-\\x{113B5}\\x{113B7}\\x{113B9}-\\x{113BA}\\x{113CA}\\x{113CC}-\\x{113CD}"
    "\\x{113D1}\\x{113D3}-\\x{113D5}\\x{113D7}-\\x{113D8}\\x{116D0}-\\x{116E3}\\x{1171E}"
    "\\x{11B00}-\\x{11B09}\\x{11BC0}-\\x{11BE1}\\x{11BF0}-\\x{11BF9}\\x{11F02}-\\x{11F10}"
    "\\x{11F12}-\\x{11F35}\\x{11F3E}-\\x{11F3F}\\x{11F43}-\\x{11F59}\\x{1342F}"
    "\\x{13441}-\\x{13446}\\x{13460}-\\x{143FA}\\x{16100}-\\x{1611D}\\x{1612A}-\\x{1612C}"
    "\\x{16130}-\\x{16139}\\x{16D40}-\\x{16D79}\\x{18CFF}\\x{1B132}\\x{1B155}"
    "\\x{1CC00}-\\x{1CCF9}\\x{1CD00}-\\x{1CEB3}\\x{1D2C0}-\\x{1D2D3}\\x{1DF25}-\\x{1DF2A}"
    "\\x{1E030}-\\x{1E06D}\\x{1E4D0}-\\x{1E4EB}\\x{1E4F0}-\\x{1E4F9}\\x{1E5D0}-\\x{1E5ED}"
    "\\x{1E5F0}-\\x{1E5FA}\\x{1E5FF}\\x{1F6DC}\\x{1F774}-\\x{1F776}\\x{1F77B}-\\x{1F77F}"
    "\\x{1F7D9}\\x{1F8B2}-\\x{1F8BB}\\x{1F8C0}-\\x{1F8C1}\\x{1FA75}-\\x{1FA77}"
    "\\x{1FA87}-\\x{1FA89}\\x{1FA8F}\\x{1FAAD}-\\x{1FAAF}\\x{1FABB}-\\x{1FABF}\\x{1FAC6}"
    "\\x{1FACE}-\\x{1FACF}\\x{1FADA}-\\x{1FADC}\\x{1FADF}\\x{1FAE8}-\\x{1FAE9}"
    "\\x{1FAF7}-\\x{1FAF8}\\x{1FBCB}-\\x{1FBEF}\\x{2B739}\\x{2EBF0}-\\x{2EE5D}"
    "\\x{31350}-\\x{323AF}";

constexpr char kRanges32[] =
    "\\x{CC0}\\x{CC7}-\\x{CC8}\\x{CCA}-\\x{CCB}\\x{1715}\\x{1734}\\x{1B3B}\\x{1B3D}"
    "\\x{1B43}-\\x{1B44}\\x{1BAA}\\x{1BF2}-\\x{1BF3}\\x{A953}\\x{A9C0}\\x{111C0}\\x{11235}"
    "\\x{1134D}\\x{116B6}\\x{1193D}\\x{16FF0}-\\x{16FF1}\\x{1D166}\\x{1D16D}";

constexpr char kRanges33[] =
    "\\x{897}\\x{CC0}\\x{CC7}-\\x{CC8}\\x{CCA}-\\x{CCB}\\x{ECE}\\x{1715}\\x{1734}\\x{1B3B}"
    "\\x{1B3D}\\x{1B43}-\\x{1B44}\\x{1BAA}\\x{1BF2}-\\x{1BF3}\\x{A953}\\x{A9C0}"
    "\\x{10D69}-\\x{10D6D}\\x{10EFC}-\\x{10EFF}\\x{111C0}\\x{11235}\\x{11241}\\x{1134D}"
    "\\x{113B8}\\x{113BB}-\\x{113C0}\\x{113C2}\\x{113C5}\\x{113C7}-\\x{113C9}"
    "\\x{113CE}-\\x{113D0}\\x{113D2}\\x{113E1}-\\x{113E2}\\x{116B6}\\x{1193D}"
    "\\x{11F00}-\\x{11F01}\\x{11F36}-\\x{11F3A}\\x{11F40}-\\x{11F42}\\x{11F5A}\\x{13440}"
    "\\x{13447}-\\x{13455}\\x{1611E}-\\x{16129}\\x{1612D}-\\x{1612F}\\x{16FF0}-\\x{16FF1}"
    "\\x{1D166}\\x{1D16D}\\x{1E08F}\\x{1E4EC}-\\x{1E4EF}\\x{1E5EE}-\\x{1E5EF}";

constexpr char kRanges34[] =
    "\\x{113CE}-\\x{113D0}\\x{11F41}-\\x{11F42}\\x{1612F}";

constexpr char kRanges35[] =
    "\\x{16100}-\\x{16139}";

constexpr char kRanges36[] =
    "\\x{2B739}\\x{2EBF0}-\\x{2EE5D}\\x{31350}-\\x{323AF}";

constexpr char kRanges37[] =
    "\\x{1B132}";

constexpr char kRanges38[] =
    "\\x{897}\\x{CF3}\\x{ECE}\\x{1C89}-\\x{1C8A}\\x{200C}-\\x{200D}\\x{30FB}"
    "\\x{A7CB}-\\x{A7CD}\\x{A7DA}-\\x{A7DC}\\x{FF65}\\x{105C0}-\\x{105F3}\\x{10D40}-\\x{10D65}"
    "\\x{10D69}-\\x{10D6D}\\x{10D6F}-\\x{10D85}\\x{10EC2}-\\x{10EC4}\\x{10EFC}-\\x{10EFF}"
    "\\x{1123F}-\\x{11241}\\x{11380}-\\x{11389}\\x{1138B}\\x{1138E}\\x{11390}-\\x{113B5}"
    "\\x{113B7}-\\x{113C0}\\x{113C2}\\x{113C5}\\x{113C7}-\\x{113CA}\\x{113CC}-\\x{113D3}"
    "\\x{113E1}-\\x{113E2}\\x{116D0}-\\x{116E3}\\x{11BC0}-\\x{11BE0}\\x{11BF0}-\\x{11BF9}"
    "\\x{11F00}-\\x{11F10}\\x{11F12}-\\x{11F3A}\\x{11F3E}-\\x{11F42}\\x{11F50}-\\x{11F5A}"
    "\\x{1342F}\\x{13440}-\\x{13455}\\x{13460}-\\x{143FA}\\x{16100}-\\x{16139}"
    "\\x{16D40}-\\x{16D6C}\\x{16D70}-\\x{16D79}\\x{18CFF}\\x{1B132}\\x{1B155}"
    "\\x{1CCF0}-\\x{1CCF9}\\x{1DF25}-\\x{1DF2A}\\x{1E030}-\\x{1E06D}\\x{1E08F}"
    "\\x{1E4D0}-\\x{1E4F9}\\x{1E5D0}-\\x{1E5FA}\\x{2B739}\\x{2EBF0}-\\x{2EE5D}"
    "\\x{31350}-\\x{323AF}";

constexpr char kRanges39[] =
    "\\x{B2}-\\x{B3}\\x{B9}\\x{2070}\\x{2074}-\\x{207E}\\x{2080}-\\x{208E}\\x{2202}\\x{2207}"
    "\\x{221E}\\x{1D6C1}\\x{1D6DB}\\x{1D6FB}\\x{1D715}\\x{1D735}\\x{1D74F}\\x{1D76F}"
    "\\x{1D789}\\x{1D7A9}\\x{1D7C3}";

constexpr char kRanges40[] =
    "\\x{2202}\\x{2207}\\x{221E}\\x{1D6C1}\\x{1D6DB}\\x{1D6FB}\\x{1D715}\\x{1D735}"
    "\\x{1D74F}\\x{1D76F}\\x{1D789}\\x{1D7A9}\\x{1D7C3}";

constexpr char kRanges41[] =
    "\\x{18CFF}\\x{2B739}\\x{2EBF0}-\\x{2EE5D}\\x{31350}-\\x{323AF}";

constexpr char kRanges42[] =
    "\\x{1C89}-\\x{1C8A}\\x{A7CB}-\\x{A7CD}\\x{A7DA}-\\x{A7DC}\\x{105C0}-\\x{105F3}"
    "\\x{10D4A}-\\x{10D65}\\x{10D6F}-\\x{10D85}\\x{10EC2}-\\x{10EC4}\\x{1123F}-\\x{11240}"
    "\\x{11380}-\\x{11389}\\x{1138B}\\x{1138E}\\x{11390}-\\x{113B5}\\x{113B7}\\x{113D1}"
    "\\x{113D3}\\x{11BC0}-\\x{11BE0}\\x{11F02}\\x{11F04}-\\x{11F10}\\x{11F12}-\\x{11F33}"
    "\\x{1342F}\\x{13441}-\\x{13446}\\x{13460}-\\x{143FA}\\x{16100}-\\x{1611D}"
    "\\x{16D40}-\\x{16D6C}\\x{18CFF}\\x{1B132}\\x{1B155}\\x{1DF25}-\\x{1DF2A}"
    "\\x{1E030}-\\x{1E06D}\\x{1E4D0}-\\x{1E4EB}\\x{1E5D0}-\\x{1E5ED}\\x{1E5F0}\\x{2B739}"
    "\\x{2EBF0}-\\x{2EE5D}\\x{31350}-\\x{323AF}";

constexpr char kRanges43[] =
    "\\x{2FFC}-\\x{2FFD}\\x{31EF}";

constexpr char kRanges44[] =
    "\\x{2FFE}-\\x{2FFF}";

constexpr char kRanges45[] =
    "\\x{1B155}";

constexpr char kRanges46[] =
    "\\x{CF3}";

constexpr char kRanges47[] =
    "\\x{11F00}-\\x{11F10}\\x{11F12}-\\x{11F3A}\\x{11F3E}-\\x{11F5A}";

constexpr char kRanges48[] =
    "\\x{18CFF}";

constexpr char kRanges49[] =
    "\\x{1123F}-\\x{11241}";

constexpr char kRanges50[] =
    "\\x{16D40}-\\x{16D79}";

constexpr char kRanges51[] =
    "\\x{ECE}";

constexpr char kRanges52[] =
    "\\x{A7CB}-\\x{A7CD}\\x{A7DA}-\\x{A7DC}\\x{1DF25}-\\x{1DF2A}";

constexpr char kRanges53[] =
    "\\x{1C8A}\\x{A7CD}\\x{A7DB}\\x{10D70}-\\x{10D85}\\x{1DF25}-\\x{1DF2A}";

constexpr char kRanges54[] =
    "\\x{10D4E}\\x{10D6F}\\x{16D40}-\\x{16D42}\\x{16D6B}-\\x{16D6C}\\x{1E030}-\\x{1E06D}"
    "\\x{1E4EB}";

constexpr char kRanges55[] =
    "\\x{105C0}-\\x{105F3}\\x{10D4A}-\\x{10D4D}\\x{10D4F}\\x{10EC2}-\\x{10EC4}"
    "\\x{1123F}-\\x{11240}\\x{11380}-\\x{11389}\\x{1138B}\\x{1138E}\\x{11390}-\\x{113B5}"
    "\\x{113B7}\\x{113D1}\\x{113D3}\\x{11BC0}-\\x{11BE0}\\x{11F02}\\x{11F04}-\\x{11F10}"
    "\\x{11F12}-\\x{11F33}\\x{1342F}\\x{13441}-\\x{13446}\\x{13460}-\\x{143FA}"
    "\\x{16100}-\\x{1611D}\\x{16D43}-\\x{16D6A}\\x{18CFF}\\x{1B132}\\x{1B155}"
    "\\x{1E4D0}-\\x{1E4EA}\\x{1E5D0}-\\x{1E5ED}\\x{1E5F0}\\x{2B739}\\x{2EBF0}-\\x{2EE5D}"
    "\\x{31350}-\\x{323AF}";

constexpr char kRanges56[] =
    "\\x{10D8E}-\\x{10D8F}";

constexpr char kRanges57[] =
    "\\x{CF3}\\x{113B8}-\\x{113BA}\\x{113C2}\\x{113C5}\\x{113C7}-\\x{113CA}"
    "\\x{113CC}-\\x{113CD}\\x{113CF}\\x{1171E}\\x{11F03}\\x{11F34}-\\x{11F35}"
    "\\x{11F3E}-\\x{11F3F}\\x{11F41}\\x{1612A}-\\x{1612C}";

constexpr char kRanges58[] =
    "\\x{654}-\\x{655}\\x{658}\\x{6DC}\\x{6E3}\\x{6E7}-\\x{6E8}\\x{8CA}-\\x{8CB}"
    "\\x{8CD}-\\x{8CF}\\x{8D3}\\x{8F3}";

constexpr char kRanges59[] =
    "\\x{897}\\x{ECE}\\x{10D69}-\\x{10D6D}\\x{10EFC}-\\x{10EFF}\\x{11241}\\x{113BB}-\\x{113C0}"
    "\\x{113CE}\\x{113D0}\\x{113D2}\\x{113E1}-\\x{113E2}\\x{11F00}-\\x{11F01}"
    "\\x{11F36}-\\x{11F3A}\\x{11F40}\\x{11F42}\\x{11F5A}\\x{13440}\\x{13447}-\\x{13455}"
    "\\x{1611E}-\\x{16129}\\x{1612D}-\\x{1612F}\\x{1E08F}\\x{1E4EC}-\\x{1E4EF}"
    "\\x{1E5EE}-\\x{1E5EF}";

constexpr char kRanges60[] =
    "\\x{116D0}-\\x{116E3}";

constexpr char kRanges61[] =
    "\\x{10D40}-\\x{10D49}\\x{116D0}-\\x{116E3}\\x{11BF0}-\\x{11BF9}\\x{11F50}-\\x{11F59}"
    "\\x{16130}-\\x{16139}\\x{16D70}-\\x{16D79}\\x{1CCF0}-\\x{1CCF9}\\x{1D2C0}-\\x{1D2D3}"
    "\\x{1E4F0}-\\x{1E4F9}\\x{1E5F1}-\\x{1E5FA}";

constexpr char kRanges62[] =
    "\\x{1E4D0}-\\x{1E4F9}";

constexpr char kRanges63[] =
    "\\x{1D2C0}-\\x{1D2D3}";

constexpr char kRanges64[] =
    "\\x{363}-\\x{36F}\\x{897}\\x{C04}\\x{CF3}\\x{F82}-\\x{F83}\\x{1DD3}-\\x{1DE6}\\x{10D69}"
    "\\x{10EFC}\\x{11080}-\\x{11081}\\x{11241}\\x{113B8}-\\x{113C0}\\x{113C2}\\x{113C5}"
    "\\x{113C7}-\\x{113CA}\\x{113CC}-\\x{113CD}\\x{11F00}-\\x{11F01}\\x{11F03}"
    "\\x{11F34}-\\x{11F3A}\\x{11F3E}-\\x{11F40}\\x{1611E}-\\x{1612E}\\x{1E08F}";

constexpr char kRanges65[] =
    "\\x{CC0}\\x{CC7}-\\x{CC8}\\x{CCA}-\\x{CCB}\\x{1715}\\x{1734}\\x{1B3B}\\x{1B3D}"
    "\\x{1B43}-\\x{1B44}\\x{1BAA}\\x{1BF2}-\\x{1BF3}\\x{A953}\\x{A9C0}\\x{111C0}\\x{11235}"
    "\\x{1134D}\\x{113B8}\\x{113C2}\\x{113C5}\\x{113C7}-\\x{113C9}\\x{113CF}\\x{116B6}"
    "\\x{1193D}\\x{11F41}\\x{16FF0}-\\x{16FF1}\\x{1D166}\\x{1D16D}";

constexpr char kRanges66[] =
    "\\x{200C}-\\x{200D}\\x{30FB}\\x{FF65}";

constexpr char kRanges67[] =
    "\\x{1E5D0}-\\x{1E5FA}\\x{1E5FF}";

constexpr char kRanges68[] =
    "\\x{10FC}\\x{A7F2}-\\x{A7F4}\\x{AB69}\\x{1E030}-\\x{1E06D}";

constexpr char kRanges69[] =
    "\\x{1B4E}-\\x{1B4F}\\x{1B7F}\\x{113D4}-\\x{113D5}\\x{113D7}-\\x{113D8}"
    "\\x{11B00}-\\x{11B09}\\x{11BE1}\\x{11F43}-\\x{11F4F}\\x{16D6D}-\\x{16D6F}\\x{1E5FF}";

constexpr char kRanges70[] =
    "\\x{2427}-\\x{2429}\\x{2FFC}-\\x{2FFF}\\x{31E4}-\\x{31E5}\\x{31EF}\\x{1CC00}-\\x{1CCEF}"
    "\\x{1CD00}-\\x{1CEB3}\\x{1F6DC}\\x{1F774}-\\x{1F776}\\x{1F77B}-\\x{1F77F}\\x{1F7D9}"
    "\\x{1F8B2}-\\x{1F8BB}\\x{1F8C0}-\\x{1F8C1}\\x{1FA75}-\\x{1FA77}\\x{1FA87}-\\x{1FA89}"
    "\\x{1FA8F}\\x{1FAAD}-\\x{1FAAF}\\x{1FABB}-\\x{1FABF}\\x{1FAC6}\\x{1FACE}-\\x{1FACF}"
    "\\x{1FADA}-\\x{1FADC}\\x{1FADF}\\x{1FAE8}-\\x{1FAE9}\\x{1FAF7}-\\x{1FAF8}"
    "\\x{1FBCB}-\\x{1FBEF}";

constexpr char kRanges71[] =
    "\\x{1B4E}-\\x{1B4F}\\x{1B7F}\\x{10D6E}\\x{113D4}-\\x{113D5}\\x{113D7}-\\x{113D8}"
    "\\x{11B00}-\\x{11B09}\\x{11BE1}\\x{11F43}-\\x{11F4F}\\x{16D6D}-\\x{16D6F}\\x{1E5FF}";

constexpr char kRanges72[] =
    "\\x{21}-\\x{2F}\\x{3A}-\\x{40}\\x{5B}-\\x{60}\\x{7B}-\\x{7E}\\x{A1}-\\x{A9}"
    "\\x{AB}-\\x{AC}\\x{AE}-\\x{B1}\\x{B4}\\x{B6}-\\x{B8}\\x{BB}\\x{BF}\\x{D7}\\x{F7}"
    "\\x{2C2}-\\x{2C5}\\x{2D2}-\\x{2DF}\\x{2E5}-\\x{2EB}\\x{2ED}\\x{2EF}-\\x{2FF}\\x{375}"
    "\\x{37E}\\x{384}-\\x{385}\\x{387}\\x{3F6}\\x{482}\\x{55A}-\\x{55F}\\x{589}-\\x{58A}"
    "\\x{58D}-\\x{58F}\\x{5BE}\\x{5C0}\\x{5C3}\\x{5C6}\\x{5F3}-\\x{5F4}\\x{606}-\\x{60F}"
    "\\x{61B}\\x{61D}-\\x{61F}\\x{66A}-\\x{66D}\\x{6D4}\\x{6DE}\\x{6E9}\\x{6FD}-\\x{6FE}"
    "\\x{700}-\\x{70D}\\x{7F6}-\\x{7F9}\\x{7FE}-\\x{7FF}\\x{830}-\\x{83E}\\x{85E}\\x{888}"
    "\\x{964}-\\x{965}\\x{970}\\x{9F2}-\\x{9F3}\\x{9FA}-\\x{9FB}\\x{9FD}\\x{A76}"
    "\\x{AF0}-\\x{AF1}\\x{B70}\\x{BF3}-\\x{BFA}\\x{C77}\\x{C7F}\\x{C84}\\x{D4F}\\x{D79}"
    "\\x{DF4}\\x{E3F}\\x{E4F}\\x{E5A}-\\x{E5B}\\x{F01}-\\x{F17}\\x{F1A}-\\x{F1F}\\x{F34}"
    "\\x{F36}\\x{F38}\\x{F3A}-\\x{F3D}\\x{F85}\\x{FBE}-\\x{FC5}\\x{FC7}-\\x{FCC}"
    "\\x{FCE}-\\x{FDA}\\x{104A}-\\x{104F}\\x{109E}-\\x{109F}\\x{10FB}\\x{1360}-\\x{1368}"
    "\\x{1390}-\\x{1399}\\x{1400}\\x{166D}-\\x{166E}\\x{169B}-\\x{169C}\\x{16EB}-\\x{16ED}"
    "\\x{1735}-\\x{1736}\\x{17D4}-\\x{17D6}\\x{17D8}-\\x{17DB}\\x{1800}-\\x{180A}\\x{1940}"
    "\\x{1944}-\\x{1945}\\x{19DE}-\\x{19FF}\\x{1A1E}-\\x{1A1F}\\x{1AA0}-\\x{1AA6}"
    "\\x{1AA8}-\\x{1AAD}\\x{1B4E}-\\x{1B4F}\\x{1B5A}-\\x{1B6A}\\x{1B74}-\\x{1B7F}"
    "\\x{1BFC}-\\x{1BFF}\\x{1C3B}-\\x{1C3F}\\x{1C7E}-\\x{1C7F}\\x{1CC0}-\\x{1CC7}\\x{1CD3}"
    "\\x{1FBD}\\x{1FBF}-\\x{1FC1}\\x{1FCD}-\\x{1FCF}\\x{1FDD}-\\x{1FDF}\\x{1FED}-\\x{1FEF}"
    "\\x{1FFD}-\\x{1FFE}\\x{2010}-\\x{2027}\\x{2030}-\\x{205E}\\x{207A}-\\x{207E}"
    "\\x{208A}-\\x{208E}\\x{20A0}-\\x{20C0}\\x{2100}-\\x{2101}\\x{2103}-\\x{2106}"
    "\\x{2108}-\\x{2109}\\x{2114}\\x{2116}-\\x{2118}\\x{211E}-\\x{2123}\\x{2125}\\x{2127}"
    "\\x{2129}\\x{212E}\\x{213A}-\\x{213B}\\x{2140}-\\x{2144}\\x{214A}-\\x{214D}\\x{214F}"
    "\\x{218A}-\\x{218B}\\x{2190}-\\x{2429}\\x{2440}-\\x{244A}\\x{249C}-\\x{24E9}"
    "\\x{2500}-\\x{2775}\\x{2794}-\\x{2B73}\\x{2B76}-\\x{2B95}\\x{2B97}-\\x{2BFF}"
    "\\x{2CE5}-\\x{2CEA}\\x{2CF9}-\\x{2CFC}\\x{2CFE}-\\x{2CFF}\\x{2D70}\\x{2E00}-\\x{2E2E}"
    "\\x{2E30}-\\x{2E5D}\\x{2E80}-\\x{2E99}\\x{2E9B}-\\x{2EF3}\\x{2F00}-\\x{2FD5}"
    "\\x{2FF0}-\\x{2FFF}\\x{3001}-\\x{3004}\\x{3008}-\\x{3020}\\x{3030}\\x{3036}-\\x{3037}"
    "\\x{303D}-\\x{303F}\\x{309B}-\\x{309C}\\x{30A0}\\x{30FB}\\x{3190}-\\x{3191}"
    "\\x{3196}-\\x{319F}\\x{31C0}-\\x{31E5}\\x{31EF}\\x{3200}-\\x{321E}\\x{322A}-\\x{3247}"
    "\\x{3250}\\x{3260}-\\x{327F}\\x{328A}-\\x{32B0}\\x{32C0}-\\x{33FF}\\x{4DC0}-\\x{4DFF}"
    "\\x{A490}-\\x{A4C6}\\x{A4FE}-\\x{A4FF}\\x{A60D}-\\x{A60F}\\x{A673}\\x{A67E}"
    "\\x{A6F2}-\\x{A6F7}\\x{A700}-\\x{A716}\\x{A720}-\\x{A721}\\x{A789}-\\x{A78A}"
    "\\x{A828}-\\x{A82B}\\x{A836}-\\x{A839}\\x{A874}-\\x{A877}\\x{A8CE}-\\x{A8CF}"
    "\\x{A8F8}-\\x{A8FA}\\x{A8FC}\\x{A92E}-\\x{A92F}\\x{A95F}\\x{A9C1}-\\x{A9CD}"
    "\\x{A9DE}-\\x{A9DF}\\x{AA5C}-\\x{AA5F}\\x{AA77}-\\x{AA79}\\x{AADE}-\\x{AADF}"
    "\\x{AAF0}-\\x{AAF1}\\x{AB5B}\\x{AB6A}-\\x{AB6B}\\x{ABEB}\\x{FB29}\\x{FBB2}-\\x{FBC2}"
    "\\x{FD3E}-\\x{FD4F}\\x{FDCF}\\x{FDFC}-\\x{FDFF}\\x{FE10}-\\x{FE19}\\x{FE30}-\\x{FE52}"
    "\\x{FE54}-\\x{FE66}\\x{FE68}-\\x{FE6B}\\x{FF01}-\\x{FF0F}\\x{FF1A}-\\x{FF20}"
    "\\x{FF3B}-\\x{FF40}\\x{FF5B}-\\x{FF65}\\x{FFE0}-\\x{FFE6}\\x{FFE8}-\\x{FFEE}"
    "\\x{FFFC}-\\x{FFFD}\\x{10100}-\\x{10102}\\x{10137}-\\x{1013F}\\x{10179}-\\x{10189}"
    "\\x{1018C}-\\x{1018E}\\x{10190}-\\x{1019C}\\x{101A0}\\x{101D0}-\\x{101FC}\\x{1039F}"
    "\\x{103D0}\\x{1056F}\\x{10857}\\x{10877}-\\x{10878}\\x{1091F}\\x{1093F}"
    "\\x{10A50}-\\x{10A58}\\x{10A7F}\\x{10AC8}\\x{10AF0}-\\x{10AF6}\\x{10B39}-\\x{10B3F}"
    "\\x{10B99}-\\x{10B9C}\\x{10D6E}\\x{10D8E}-\\x{10D8F}\\x{10EAD}\\x{10F55}-\\x{10F59}"
    "\\x{10F86}-\\x{10F89}\\x{11047}-\\x{1104D}\\x{110BB}-\\x{110BC}\\x{110BE}-\\x{110C1}"
    "\\x{11140}-\\x{11143}\\x{11174}-\\x{11175}\\x{111C5}-\\x{111C8}\\x{111CD}\\x{111DB}"
    "\\x{111DD}-\\x{111DF}\\x{11238}-\\x{1123D}\\x{112A9}\\x{113D4}-\\x{113D5}"
    "\\x{113D7}-\\x{113D8}\\x{1144B}-\\x{1144F}\\x{1145A}-\\x{1145B}\\x{1145D}\\x{114C6}"
    "\\x{115C1}-\\x{115D7}\\x{11641}-\\x{11643}\\x{11660}-\\x{1166C}\\x{116B9}"
    "\\x{1173C}-\\x{1173F}\\x{1183B}\\x{11944}-\\x{11946}\\x{119E2}\\x{11A3F}-\\x{11A46}"
    "\\x{11A9A}-\\x{11A9C}\\x{11A9E}-\\x{11AA2}\\x{11B00}-\\x{11B09}\\x{11BE1}"
    "\\x{11C41}-\\x{11C45}\\x{11C70}-\\x{11C71}\\x{11EF7}-\\x{11EF8}\\x{11F43}-\\x{11F4F}"
    "\\x{11FD5}-\\x{11FF1}\\x{11FFF}\\x{12470}-\\x{12474}\\x{12FF1}-\\x{12FF2}"
    "\\x{16A6E}-\\x{16A6F}\\x{16AF5}\\x{16B37}-\\x{16B3F}\\x{16B44}-\\x{16B45}"
    "\\x{16D6D}-\\x{16D6F}\\x{16E97}-\\x{16E9A}\\x{16FE2}\\x{1BC9C}\\x{1BC9F}"
    "\\x{1CC00}-\\x{1CCEF}\\x{1CD00}-\\x{1CEB3}\\x{1CF50}-\\x{1CFC3}\\x{1D000}-\\x{1D0F5}"
    "\\x{1D100}-\\x{1D126}\\x{1D129}-\\x{1D164}\\x{1D16A}-\\x{1D16C}\\x{1D183}-\\x{1D184}"
    "\\x{1D18C}-\\x{1D1A9}\\x{1D1AE}-\\x{1D1EA}\\x{1D200}-\\x{1D241}\\x{1D245}"
    "\\x{1D300}-\\x{1D356}\\x{1D6C1}\\x{1D6DB}\\x{1D6FB}\\x{1D715}\\x{1D735}\\x{1D74F}"
    "\\x{1D76F}\\x{1D789}\\x{1D7A9}\\x{1D7C3}\\x{1D800}-\\x{1D9FF}\\x{1DA37}-\\x{1DA3A}"
    "\\x{1DA6D}-\\x{1DA74}\\x{1DA76}-\\x{1DA83}\\x{1DA85}-\\x{1DA8B}\\x{1E14F}\\x{1E2FF}"
    "\\x{1E5FF}\\x{1E95E}-\\x{1E95F}\\x{1ECAC}\\x{1ECB0}\\x{1ED2E}\\x{1EEF0}-\\x{1EEF1}"
    "\\x{1F000}-\\x{1F02B}\\x{1F030}-\\x{1F093}\\x{1F0A0}-\\x{1F0AE}\\x{1F0B1}-\\x{1F0BF}"
    "\\x{1F0C1}-\\x{1F0CF}\\x{1F0D1}-\\x{1F0F5}\\x{1F10D}-\\x{1F1AD}\\x{1F1E6}-\\x{1F202}"
    "\\x{1F210}-\\x{1F23B}\\x{1F240}-\\x{1F248}\\x{1F250}-\\x{1F251}\\x{1F260}-\\x{1F265}"
    "\\x{1F300}-\\x{1F6D7}\\x{1F6DC}-\\x{1F6EC}\\x{1F6F0}-\\x{1F6FC}\\x{1F700}-\\x{1F776}"
    "\\x{1F77B}-\\x{1F7D9}\\x{1F7E0}-\\x{1F7EB}\\x{1F7F0}\\x{1F800}-\\x{1F80B}"
    "\\x{1F810}-\\x{1F847}\\x{1F850}-\\x{1F859}\\x{1F860}-\\x{1F887}\\x{1F890}-\\x{1F8AD}"
    "\\x{1F8B0}-\\x{1F8BB}\\x{1F8C0}-\\x{1F8C1}\\x{1F900}-\\x{1FA53}\\x{1FA60}-\\x{1FA6D}"
    "\\x{1FA70}-\\x{1FA7C}\\x{1FA80}-\\x{1FA89}\\x{1FA8F}-\\x{1FAC6}\\x{1FACE}-\\x{1FADC}"
    "\\x{1FADF}-\\x{1FAE9}\\x{1FAF0}-\\x{1FAF8}\\x{1FB00}-\\x{1FB92}\\x{1FB94}-\\x{1FBEF}";

constexpr char kRanges73[] =
    "\\x{2427}-\\x{2429}\\x{2FFC}-\\x{2FFF}\\x{31E4}-\\x{31E5}\\x{31EF}\\x{10D8E}-\\x{10D8F}"
    "\\x{1CC00}-\\x{1CCEF}\\x{1CD00}-\\x{1CEB3}\\x{1F6DC}\\x{1F774}-\\x{1F776}"
    "\\x{1F77B}-\\x{1F77F}\\x{1F7D9}\\x{1F8B2}-\\x{1F8BB}\\x{1F8C0}-\\x{1F8C1}"
    "\\x{1FA75}-\\x{1FA77}\\x{1FA87}-\\x{1FA89}\\x{1FA8F}\\x{1FAAD}-\\x{1FAAF}"
    "\\x{1FABB}-\\x{1FABF}\\x{1FAC6}\\x{1FACE}-\\x{1FACF}\\x{1FADA}-\\x{1FADC}\\x{1FADF}"
    "\\x{1FAE8}-\\x{1FAE9}\\x{1FAF7}-\\x{1FAF8}\\x{1FBCB}-\\x{1FBEF}";

constexpr char kRanges74[] =
    "\\x{1E04C}-\\x{1E04D}\\x{1E068}";

constexpr char kRanges75[] =
    "\\x{17D4}-\\x{17D5}\\x{1B4E}-\\x{1B4F}\\x{1B7F}\\x{2024}\\x{2CF9}-\\x{2CFB}\\x{FE12}"
    "\\x{FE15}-\\x{FE16}\\x{113D4}-\\x{113D5}\\x{11F43}-\\x{11F44}\\x{16D6E}-\\x{16D6F}";

constexpr char kRanges76[] =
    "\\x{11BC0}-\\x{11BE1}\\x{11BF0}-\\x{11BF9}";

constexpr char kRanges77[] =
    "\\x{1B4E}-\\x{1B4F}\\x{1B7F}\\x{2024}\\x{2CF9}-\\x{2CFB}\\x{FE12}\\x{FE15}-\\x{FE16}"
    "\\x{113D4}-\\x{113D5}\\x{11F43}-\\x{11F44}\\x{16D6E}-\\x{16D6F}";

constexpr char kRanges78[] =
    "\\x{836}";

constexpr char kRanges79[] =
    "\\x{105C0}-\\x{105F3}";

constexpr char kRanges80[] =
    "\\x{11380}-\\x{11389}\\x{1138B}\\x{1138E}\\x{11390}-\\x{113B5}\\x{113B7}-\\x{113C0}"
    "\\x{113C2}\\x{113C5}\\x{113C7}-\\x{113CA}\\x{113CC}-\\x{113D5}\\x{113D7}-\\x{113D8}"
    "\\x{113E1}-\\x{113E2}";

constexpr ClassDifference kRows[] = {
    {"[:alnum:]", kRanges1, "", false},
    {"[:alpha:]", kRanges2, "", false},
    {"[:digit:]", kRanges3, "", false},
    {"[:graph:]", kRanges4, "", false},
    {"[:lower:]", kRanges5, "", false},
    {"[:print:]", kRanges4, "", false},
    {"[:punct:]", kRanges6, "", false},
    {"[:upper:]", kRanges7, "", false},
    {"[:word:]", kRanges8, "", false},
    {"[\\w]", kRanges8, "", false},
    {"[word]", kRanges8, "", false},
    {"\\d", kRanges3, "", false},
    {"\\w", kRanges9, "", false},
    {"alnum", kRanges1, "", false},
    {"alpha", kRanges2, "", false},
    {"alphabetic", kRanges2, "", false},
    {"arab", kRanges10, "", false},
    {"arabic", kRanges10, "", false},
    {"assigned", kRanges4, "", false},
    {"bali", kRanges11, "", false},
    {"balinese", kRanges11, "", false},
    {"c", "", kRanges12, false},
    {"cased", kRanges13, "", false},
    {"casedletter", kRanges14, "", false},
    {"caseignorable", kRanges15, kRanges16, false},
    {"cf", kRanges17, "", false},
    {"changeswhencasefolded", kRanges7, "", false},
    {"changeswhencasemapped", kRanges18, "", false},
    {"changeswhenlowercased", kRanges7, "", false},
    {"changeswhentitlecased", kRanges19, "", false},
    {"changeswhenuppercased", kRanges19, "", false},
    {"ci", kRanges15, kRanges16, false},
    {"cn", "", kRanges4, false},
    {"combiningmark", kRanges20, "", false},
    {"common", kRanges21, "", false},
    {"cwcf", kRanges7, "", false},
    {"cwcm", kRanges18, "", false},
    {"cwl", kRanges7, "", false},
    {"cwt", kRanges19, "", false},
    {"cwu", kRanges19, "", false},
    {"cyrillic", kRanges22, "", false},
    {"cyrl", kRanges22, "", false},
    {"dash", kRanges23, "", false},
    {"dashpunctuation", kRanges23, "", false},
    {"decimalnumber", kRanges3, "", false},
    {"deva", kRanges24, "", false},
    {"devanagari", kRanges24, "", false},
    {"dia", kRanges25, "", false},
    {"diacritic", kRanges25, "", false},
    {"digit", kRanges3, "", false},
    {"ebase", kRanges26, "", false},
    {"egyp", kRanges27, "", false},
    {"egyptianhieroglyphs", kRanges27, "", false},
    {"emoji", kRanges28, "", false},
    {"emojimodifierbase", kRanges26, "", false},
    {"emojipresentation", kRanges28, "", false},
    {"epres", kRanges28, "", false},
    {"ext", kRanges29, "", false},
    {"extender", kRanges29, "", false},
    {"format", kRanges17, "", false},
    {"gara", kRanges30, "", true},
    {"garay", kRanges30, "", true},
    {"graph", kRanges4, "", false},
    {"graphemebase", kRanges31, kRanges32, false},
    {"graphemeextend", kRanges33, kRanges16, false},
    {"graphemelink", kRanges34, "", false},
    {"grbase", kRanges31, kRanges32, false},
    {"grext", kRanges33, kRanges16, false},
    {"grlink", kRanges34, "", false},
    {"gukh", kRanges35, "", true},
    {"gurungkhema", kRanges35, "", true},
    {"han", kRanges36, "", false},
    {"hani", kRanges36, "", false},
    {"hira", kRanges37, "", false},
    {"hiragana", kRanges37, "", false},
    {"idc", kRanges38, "", false},
    {"idcompatmathcontinue", kRanges39, "", true},
    {"idcompatmathstart", kRanges40, "", true},
    {"idcontinue", kRanges38, "", false},
    {"ideo", kRanges41, "", false},
    {"ideographic", kRanges41, "", false},
    {"ids", kRanges42, "", false},
    {"idsb", kRanges43, "", false},
    {"idsbinaryoperator", kRanges43, "", false},
    {"idstart", kRanges42, "", false},
    {"idsu", kRanges44, "", true},
    {"idsunaryoperator", kRanges44, "", true},
    {"kana", kRanges45, "", false},
    {"kannada", kRanges46, "", false},
    {"katakana", kRanges45, "", false},
    {"kawi", kRanges47, "", true},
    {"khitansmallscript", kRanges48, "", false},
    {"khoj", kRanges49, "", false},
    {"khojki", kRanges49, "", false},
    {"kiratrai", kRanges50, "", true},
    {"kits", kRanges48, "", false},
    {"knda", kRanges46, "", false},
    {"krai", kRanges50, "", true},
    {"l", kRanges42, "", false},
    {"lao", kRanges51, "", false},
    {"laoo", kRanges51, "", false},
    {"latin", kRanges52, "", false},
    {"latn", kRanges52, "", false},
    {"lc", kRanges14, "", false},
    {"letter", kRanges42, "", false},
    {"ll", kRanges53, "", false},
    {"lm", kRanges54, "", false},
    {"lo", kRanges55, "", false},
    {"lower", kRanges5, "", false},
    {"lowercase", kRanges5, "", false},
    {"lowercaseletter", kRanges53, "", false},
    {"lu", kRanges7, "", false},
    {"m", kRanges20, "", false},
    {"mark", kRanges20, "", false},
    {"math", kRanges56, "", false},
    {"mathsymbol", kRanges56, "", false},
    {"mc", kRanges57, "", false},
    {"mcm", kRanges58, "", true},
    {"mn", kRanges59, kRanges16, false},
    {"modifiercombiningmark", kRanges58, "", true},
    {"modifierletter", kRanges54, "", false},
    {"myanmar", kRanges60, "", false},
    {"mymr", kRanges60, "", false},
    {"n", kRanges61, "", false},
    {"nagm", kRanges62, "", true},
    {"nagmundari", kRanges62, "", true},
    {"nd", kRanges3, "", false},
    {"no", kRanges63, "", false},
    {"nonspacingmark", kRanges59, kRanges16, false},
    {"number", kRanges61, "", false},
    {"oalpha", kRanges64, "", false},
    {"ogrext", kRanges65, "", false},
    {"oidc", kRanges66, "", false},
    {"olonal", kRanges67, "", true},
    {"olower", kRanges68, "", false},
    {"onao", kRanges67, "", true},
    {"other", "", kRanges12, false},
    {"otheralphabetic", kRanges64, "", false},
    {"othergraphemeextend", kRanges65, "", false},
    {"otheridcontinue", kRanges66, "", false},
    {"otherletter", kRanges55, "", false},
    {"otherlowercase", kRanges68, "", false},
    {"othernumber", kRanges63, "", false},
    {"otherpunctuation", kRanges69, "", false},
    {"othersymbol", kRanges70, "", false},
    {"p", kRanges71, "", false},
    {"pd", kRanges23, "", false},
    {"po", kRanges69, "", false},
    {"posixpunct", kRanges72, "", true},
    {"print", kRanges4, "", false},
    {"punct", kRanges71, "", false},
    {"punctuation", kRanges71, "", false},
    {"s", kRanges73, "", false},
    {"sd", kRanges74, "", false},
    {"sentenceterminal", kRanges75, "", false},
    {"sm", kRanges56, "", false},
    {"so", kRanges70, "", false},
    {"softdotted", kRanges74, "", false},
    {"spacingmark", kRanges57, "", false},
    {"sterm", kRanges75, "", false},
    {"sunu", kRanges76, "", true},
    {"sunuwar", kRanges76, "", true},
    {"symbol", kRanges73, "", false},
    {"term", kRanges77, kRanges78, false},
    {"terminalpunctuation", kRanges77, kRanges78, false},
    {"todhri", kRanges79, "", true},
    {"todr", kRanges79, "", true},
    {"tulutigalari", kRanges80, "", true},
    {"tutg", kRanges80, "", true},
    {"uideo", kRanges36, "", false},
    {"unassigned", "", kRanges4, false},
    {"unifiedideograph", kRanges36, "", false},
    {"unknown", "", kRanges4, false},
    {"upper", kRanges7, "", false},
    {"uppercase", kRanges7, "", false},
    {"uppercaseletter", kRanges7, "", false},
    {"word", kRanges9, "", false},
    {"xidc", kRanges38, "", false},
    {"xidcontinue", kRanges38, "", false},
    {"xids", kRanges42, "", false},
    {"xidstart", kRanges42, "", false},
    {"zyyy", kRanges21, "", false},
    {"zzzz", "", kRanges4, false},
};

// clang-format on

}  // namespace

const std::span<const ClassDifference> kClassDifferences(kRows);

}  // namespace chorus::runner
