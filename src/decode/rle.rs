//! RLE lossless (PS3.5 annex G): one segment of packed bits for each byte of a sample, most significant byte first.

use super::error::DecodeError;

/// The header of a frame: the number of segments and 15 offsets (PS3.5 G.5).
const HEADER: usize = 64;

/// Decodes one frame of `count` samples of 1 or 2 bytes.
///
/// # Errors
/// `Corrupt` where the segments do not lie in the frame, or hold fewer samples than the film has.
pub(super) fn decode(frame: &[u8], count: usize, bytes_per_sample: usize) -> Result<Vec<u16>, DecodeError> {
    let word = |index: usize| {
        let bytes = frame.get(4 * index..4 * index + 4)?;
        usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
    };
    let segments = word(0).unwrap_or(0);
    if segments != bytes_per_sample {
        let what = format!("the RLE frame has {segments} segments where the pixels need {bytes_per_sample}");
        return Err(DecodeError::Corrupt(what));
    }
    let mut samples = Vec::new();
    for segment in 0..segments {
        let start = word(1 + segment).filter(|s| *s >= HEADER);
        let end = if segment + 1 < segments { word(2 + segment) } else { Some(frame.len()) };
        let packed = start.zip(end).and_then(|(s, e)| frame.get(s..e));
        let packed = packed.ok_or_else(|| corrupt("has segments outside itself"))?;
        if segment == 0 {
            // packed bits can hold at most 128 samples in two bytes: a frame that claims more holds them not
            if packed.len().saturating_mul(64) < count {
                return Err(corrupt("holds fewer pixels than the film"));
            }
            samples = vec![0_u16; count];
        }
        unpack(packed, &mut samples)?;
    }
    Ok(samples)
}

/// Shifts each unpacked byte into the sample it belongs to (PS3.5 G.3.1).
fn unpack(packed: &[u8], samples: &mut [u16]) -> Result<(), DecodeError> {
    let mut packed = packed.iter().copied();
    let mut samples = samples.iter_mut();
    while samples.len() > 0 {
        let control = packed.next().ok_or_else(|| corrupt("holds fewer pixels than the film"))?;
        match control {
            0..=127 => {
                let literal = usize::from(control) + 1;
                for sample in samples.by_ref().take(literal) {
                    let byte = packed.next().ok_or_else(|| corrupt("ends inside a run"))?;
                    *sample = *sample << 8 | u16::from(byte);
                }
            }
            128 => {}
            129..=255 => {
                let byte = u16::from(packed.next().ok_or_else(|| corrupt("ends inside a run"))?);
                for sample in samples.by_ref().take(257 - usize::from(control)) {
                    *sample = *sample << 8 | byte;
                }
            }
        }
    }
    Ok(())
}

fn corrupt(what: &str) -> DecodeError {
    DecodeError::Corrupt(format!("the RLE frame {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(segments: &[&[u8]]) -> Vec<u8> {
        let mut header = vec![segments.len() as u32];
        let mut at = HEADER as u32;
        for segment in segments {
            header.push(at);
            at += segment.len() as u32;
        }
        header.resize(16, 0);
        header.iter().flat_map(|w| w.to_le_bytes()).chain(segments.concat()).collect()
    }

    #[test]
    fn runs_and_literals() {
        // the classic example of packed bits, and a no-op in its midst
        let packed = [0xFE, 0xAA, 0x02, 0x80, 0x00, 0x2A, 0x80, 0xFD, 0xAA, 0x00, 0x22];
        let expected = [0xAA, 0xAA, 0xAA, 0x80, 0x00, 0x2A, 0xAA, 0xAA, 0xAA, 0xAA, 0x22];
        assert_eq!(decode(&frame(&[&packed]), 11, 1).expect("valid"), expected);
    }

    #[test]
    fn the_most_significant_byte_comes_first() {
        assert_eq!(decode(&frame(&[&[0xFF, 0x12], &[0x01, 0x34, 0x56]]), 2, 2).expect("valid"), [0x1234, 0x1256]);
    }

    #[test]
    fn what_does_not_fit_is_corrupt() {
        let good = frame(&[&[0xFF, 0x12], &[0x01, 0x34, 0x56]]);
        assert!(decode(&good, 3, 2).is_err(), "too few pixels");
        assert!(decode(&good, 2, 1).is_err(), "too many segments");
        assert!(decode(&good, usize::MAX / 4, 2).is_err(), "too many to allocate");
        for cut in 0..good.len() {
            assert!(decode(&good[..cut], 2, 2).is_err(), "{cut}");
        }
        let mut outside = good;
        outside[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(decode(&outside, 2, 2).is_err());
        outside[0..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(decode(&outside, 2, 2).is_err());
    }
}
