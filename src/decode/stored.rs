//! Stored values: bit patterns of up to 16 bits, perhaps signed, some of them padding (PS3.3 C.7.6.3, C.7.5.1.1.2).

/// How the stored values are to be read: `bits` (1…16) of them, perhaps signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) bits: u16,
    pub(super) signed: bool,
    /// PixelPaddingValue and its range limit, lower first, both included, as stored values.
    pub(super) padding: Option<(i32, i32)>,
}

impl Stored {
    /// The stored value of the bit pattern `code`.
    pub(super) const fn value(self, code: u16) -> i32 {
        let above = 32 - self.bits as u32;
        let pattern = (code as u32) << above;
        if self.signed { pattern.cast_signed() >> above } else { (pattern >> above).cast_signed() }
    }

    /// The bit pattern of the lowest and of the highest value that can be stored.
    pub(super) const fn extremes(self) -> (u16, u16) {
        let ones = u16::MAX >> (16 - self.bits);
        if self.signed { (ones ^ (ones >> 1), ones >> 1) } else { (0, ones) }
    }

    /// Whether it is padding rather than film.
    pub(super) fn is_padding(self, value: i32) -> bool {
        self.padding.is_some_and(|(low, high)| (low..=high).contains(&value))
    }
}
