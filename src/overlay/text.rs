//! Letters as outlines, so that they can be filled, and edged against a bright film.

use ab_glyph::{Font, FontRef, InvalidFont, OutlineCurve};
use tiny_skia::{Path, PathBuilder};

/// DejaVu Sans (Bitstream Vera licence, `assets/fonts/LICENSE-DejaVu.txt`).
const REGULAR: &[u8] = include_bytes!("../../assets/fonts/DejaVuSans.ttf");
/// DejaVu Sans Bold, the same licence.
const BOLD: &[u8] = include_bytes!("../../assets/fonts/DejaVuSans-Bold.ttf");
/// Stands for what the font has no glyph for.
const REPLACEMENT: char = '\u{fffd}';

/// A weight of the letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// The two weights in use.
pub(super) struct Fonts {
    regular: FontRef<'static>,
    bold: FontRef<'static>,
}

impl Fonts {
    pub(super) fn load() -> Result<Self, InvalidFont> {
        Ok(Self { regular: FontRef::try_from_slice(REGULAR)?, bold: FontRef::try_from_slice(BOLD)? })
    }

    fn of(&self, weight: Weight) -> &FontRef<'static> {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }

    /// The width of `text` at `size` (pixels an em).
    pub(super) fn width(&self, text: &str, weight: Weight, size: f32) -> f32 {
        let mut end = 0.0;
        self.each_glyph(text, weight, size, |_, x, advance| end = x + advance);
        end
    }

    /// The outlines of `text`, its baseline beginning at (`x`, `y`); `None` where there is nothing to draw.
    pub(super) fn outline(&self, text: &str, weight: Weight, size: f32, x: f32, y: f32) -> Option<Path> {
        let font = self.of(weight);
        let scale = size / font.units_per_em().unwrap_or(1.0);
        let mut path = PathBuilder::new();
        self.each_glyph(text, weight, size, |id, offset, _| {
            let Some(outline) = font.outline(id) else { return };
            let place = |p: ab_glyph::Point| (x + offset + scale * p.x, y - scale * p.y);
            let mut pen: Option<ab_glyph::Point> = None;
            for curve in outline.curves {
                let (from, to) = match &curve {
                    OutlineCurve::Line(a, b) | OutlineCurve::Quad(a, _, b) | OutlineCurve::Cubic(a, _, _, b) => {
                        (*a, *b)
                    }
                };
                if pen != Some(from) {
                    if pen.is_some() {
                        path.close();
                    }
                    let (px, py) = place(from);
                    path.move_to(px, py);
                }
                let (tx, ty) = place(to);
                match curve {
                    OutlineCurve::Line(..) => path.line_to(tx, ty),
                    OutlineCurve::Quad(_, c, _) => {
                        let (cx, cy) = place(c);
                        path.quad_to(cx, cy, tx, ty);
                    }
                    OutlineCurve::Cubic(_, c, d, _) => {
                        let ((cx, cy), (dx, dy)) = (place(c), place(d));
                        path.cubic_to(cx, cy, dx, dy, tx, ty);
                    }
                }
                pen = Some(to);
            }
            if pen.is_some() {
                path.close();
            }
        });
        path.finish()
    }

    /// `text` in lines no wider than `width`; a word that is wider stands alone.
    pub(super) fn wrap(&self, text: &str, weight: Weight, size: f32, width: f32) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            match lines.last_mut() {
                Some(line) if self.width(&format!("{line} {word}"), weight, size) <= width => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
        }
        lines
    }

    /// Calls `place(glyph, x, advance)` for each letter, from x = 0.
    fn each_glyph(&self, text: &str, weight: Weight, size: f32, mut place: impl FnMut(ab_glyph::GlyphId, f32, f32)) {
        let font = self.of(weight);
        let scale = size / font.units_per_em().unwrap_or(1.0);
        let (mut x, mut last) = (0.0, None);
        for letter in text.chars() {
            let mut id = font.glyph_id(letter);
            if id.0 == 0 {
                id = font.glyph_id(REPLACEMENT);
            }
            if let Some(last) = last {
                x += scale * font.kern_unscaled(last, id);
            }
            let advance = scale * font.h_advance_unscaled(id);
            place(id, x, advance);
            x += advance;
            last = Some(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_weights_have_every_sign_that_is_drawn() {
        let fonts = Fonts::load().unwrap();
        for letter in "C2–C7 +23.4° −1.2 ± 0.5 mm · … “”’ ≥ × äöüßéñçşŁ Шейный �".chars().filter(|c| !c.is_whitespace())
        {
            for weight in [Weight::Regular, Weight::Bold] {
                assert_ne!(fonts.of(weight).glyph_id(letter).0, 0, "{letter} in {weight:?}");
            }
        }
    }

    #[test]
    fn lines_keep_within_their_width_and_lose_no_word() {
        let fonts = Fonts::load().unwrap();
        let text = "Shoulders down on breathing out, weights in both hands";
        let lines = fonts.wrap(text, Weight::Regular, 16.0, 160.0);
        assert!(lines.len() > 1);
        assert!(lines.iter().all(|l| fonts.width(l, Weight::Regular, 16.0) <= 160.0), "{lines:?}");
        assert_eq!(lines.join(" "), text);
    }

    #[test]
    fn an_unknown_letter_leaves_a_mark() {
        let fonts = Fonts::load().unwrap();
        assert!(fonts.width("颈", Weight::Regular, 16.0) > 0.0);
        assert!(fonts.outline("颈", Weight::Regular, 16.0, 0.0, 0.0).is_some());
    }
}
