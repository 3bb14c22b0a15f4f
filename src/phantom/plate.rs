//! A film's pixels as a detector stores them.

use super::draw::Draw;

/// Pixels, depth and polarity.
#[derive(Debug, Clone)]
pub struct Plate {
    /// Columns and rows.
    pub size: (usize, usize),
    /// Row by row, in the lowest `bits` bits.
    pub pixels: Vec<u16>,
    /// 10 … 15.
    pub bits: u16,
    /// Whether bone is dark: MONOCHROME1.
    pub inverted: bool,
}

impl Plate {
    /// `pixels` (0 … 1, bone bright) as the make of detector that `study` draws stores them: 10 to 15 bits, a third of
    /// the makes with bone dark.
    pub fn new(size: (usize, usize), pixels: &[f32], study: u64) -> Self {
        let mut draw = Draw::new(study, 9700);
        let bits = [10, 12, 12, 14, 15][draw.below(5)];
        let inverted = draw.chance(0.33);
        let top = ((1u32 << bits) - 1) as f32;
        let stored = |p: &f32| {
            let bright = p.clamp(0.0, 1.0);
            ((if inverted { 1.0 - bright } else { bright }) * top).round() as u16
        };
        Self { size, pixels: pixels.iter().map(stored).collect(), bits, inverted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bone_is_at_one_end_of_the_depth() {
        for study in 0..20 {
            let plate = Plate::new((2, 1), &[0.0, 1.0], study);
            let top = ((1u32 << plate.bits) - 1) as u16;
            let expected = if plate.inverted { [top, 0] } else { [0, top] };
            assert_eq!(plate.pixels, expected, "study {study}");
        }
    }
}
