//! What is cut, damaged or made to do harm: an error each time, never a panic, never a large allocation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod decode_support;

use std::sync::LazyLock;

use decode_support::{Film, JPEG_2000, JPEG_2000_FRAME, decode, encapsulated, jpeg_2000_film, lossless_variants};
use proptest::prelude::*;
use sagitta::decode::{Completeness, Settings, completeness};
use sagitta::domain::fault::FaultCode;

static VARIANTS: LazyLock<Vec<(&str, Vec<u8>)>> = LazyLock::new(|| {
    let mut variants = lossless_variants(&Film::new());
    variants.push(("JPEG 2000", encapsulated(&jpeg_2000_film().0, JPEG_2000, JPEG_2000_FRAME)));
    variants
});

#[test]
fn a_file_cut_anywhere_is_truncated() {
    for (name, file) in VARIANTS.iter() {
        for sixteenth in 0..16 {
            let cut = &file[..file.len() * sixteenth / 16];
            let code = decode(cut).expect_err("cut").code();
            assert_eq!(code, FaultCode::Truncated, "{sixteenth}/16 of {name}");
            assert_eq!(completeness(cut), Completeness::Partial, "{sixteenth}/16 of {name}");
        }
        for missing in 1..40 {
            let cut = &file[..file.len() - missing];
            let code = decode(cut).expect_err("cut").code();
            assert!(matches!(code, FaultCode::Truncated | FaultCode::Corrupt), "{missing} bytes off {name}: {code:?}");
            assert_eq!(completeness(cut), Completeness::Partial, "{missing} bytes off {name}");
        }
    }
}

#[test]
fn every_beginning_of_a_header_is_partial() {
    for (name, file) in VARIANTS.iter().take(3) {
        for cut in 0..700 {
            let _ = decode(&file[..cut]);
            assert_eq!(completeness(&file[..cut]), Completeness::Partial, "{cut} bytes of {name}");
        }
    }
}

#[test]
fn a_deflated_bomb_is_refused() {
    use std::io::Write as _;
    let (_, deflated) = VARIANTS.iter().find(|(name, _)| *name == "deflated").expect("deflated");
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(b"\x09\0\x10\0OB\0\0\0\0\0\x40").expect("in memory");
    for _ in 0..1024 {
        encoder.write_all(&[0; 65_536]).expect("in memory");
    }
    let bomb = encoder.finish().expect("in memory");
    // what precedes the data set is its meta information: its length stands in its first element
    let length = u32::from_le_bytes(deflated[140..144].try_into().unwrap()) as usize;
    let file = [&deflated[..144 + length], &bomb].concat();
    let settings = Settings { max_bytes: 1_000_000, ..Settings::default() };
    assert!(file.len() < 200_000);
    assert_eq!(sagitta::decode::decode(&file, &settings).expect_err("a bomb").code(), FaultCode::TooLarge);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Bytes changed anywhere, most of them in the header, where they mean most.
    #[test]
    fn damaged_files_never_panic(
        variant in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), prop::bool::weighted(0.8)), 1..12),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let (_, file) = variant.get(&VARIANTS);
        let mut file = file.clone();
        for (at, byte, in_header) in damage {
            let within = if in_header { file.len().min(1500) } else { file.len() };
            let at = at.index(within);
            file[at] = byte;
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        let _ = completeness(&file);
        if let Err(error) = decode(&file) {
            prop_assert!(!error.to_string().contains("DOE"));
        }
    }

    #[test]
    fn any_bytes_behind_a_signature_never_panic(
        signature in prop::sample::select(vec![
            &b"\x89PNG\r\n\x1a\n"[..], b"\xff\xd8\xff\xe0", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"II+\0\x08\0\0\0",
            b"\x02\0\0\0UL\x04\0", b"\x08\0\x05\0CS\x0a\0", b"\0\x08\0\x05CS\0\x0a", b"\x08\0\0\0\x04\0\0\0", b"\x30\x82",
        ]),
        rest in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let file = [signature, &rest].concat();
        let _ = completeness(&file);
        prop_assert!(decode(&file).is_err());
    }
}
