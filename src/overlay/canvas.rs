//! Lines, marks and letters, each edged with dark so that it stands out on bone as on air.

use image::{Rgb, RgbImage};
use tiny_skia::{
    Color, FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, StrokeDash, Transform,
};

use super::text::{Fonts, Weight};

/// A colour of the drawing.
pub(super) type Ink = [u8; 3];

/// Text.
pub(super) const WHITE: Ink = [240, 243, 246];
/// What stands behind.
pub(super) const DIM: Ink = [158, 168, 180];
/// Bodies and end-plates.
pub(super) const CYAN: Ink = [92, 214, 244];
/// Cobb lines.
pub(super) const AMBER: Ink = [255, 190, 70];
/// The plumb line.
pub(super) const GREEN: Ink = [124, 232, 130];
/// The spinolaminar line.
pub(super) const PINK: Ink = [244, 142, 232];
/// What asks for action.
pub(super) const RED: Ink = [255, 118, 105];
/// Behind the panel.
pub(super) const PANEL: Ink = [20, 24, 30];

/// A point on the picture.
pub(super) type At = (f32, f32);

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pattern {
    Solid,
    Dotted,
    Dashed,
    DashDot,
}

/// Where a text stands against its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Centre,
    Right,
}

/// How letters look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Face {
    /// Units an em.
    pub(super) size: f32,
    pub(super) weight: Weight,
    pub(super) ink: Ink,
    /// With a dark edge, for the film.
    pub(super) edged: bool,
}

impl Face {
    /// Letters on the film.
    pub(super) const fn edged(size: f32, ink: Ink) -> Self {
        Self { size, weight: Weight::Bold, ink, edged: true }
    }

    /// Letters on the panel.
    pub(super) const fn plain(size: f32, weight: Weight, ink: Ink) -> Self {
        Self { size, weight, ink, edged: false }
    }
}

/// A picture being drawn; `unit` is a thousandth of the side that the panel runs along.
pub(super) struct Canvas<'a> {
    pixmap: Pixmap,
    unit: f32,
    fonts: &'a Fonts,
}

impl<'a> Canvas<'a> {
    /// Width of the dark edge around lines and letters, in units.
    const EDGE: f32 = 1.6;

    pub(super) fn new(width: u32, height: u32, unit: f32, fonts: &'a Fonts) -> Option<Self> {
        let mut pixmap = Pixmap::new(width, height)?;
        pixmap.fill(colour(PANEL, 255));
        Some(Self { pixmap, unit, fonts })
    }

    pub(super) const fn unit(&self) -> f32 {
        self.unit
    }

    pub(super) const fn fonts(&self) -> &'a Fonts {
        self.fonts
    }

    pub(super) fn set_gray(&mut self, x: u32, y: u32, value: u8) {
        let index = y as usize * self.pixmap.width() as usize + x as usize;
        if let (Some(pixel), Some(gray)) = (
            self.pixmap.pixels_mut().get_mut(index),
            tiny_skia::PremultipliedColorU8::from_rgba(value, value, value, 255),
        ) {
            *pixel = gray;
        }
    }

    /// A line through `points`, `width` units wide.
    pub(super) fn line(&mut self, points: &[At], ink: Ink, width: f32, dash: Pattern) {
        let mut builder = PathBuilder::new();
        for (index, (x, y)) in points.iter().enumerate() {
            if index == 0 { builder.move_to(*x, *y) } else { builder.line_to(*x, *y) }
        }
        let Some(path) = builder.finish() else { return };
        let width = self.unit * width;
        let pattern = match dash {
            Pattern::Solid => None,
            Pattern::Dotted => StrokeDash::new(vec![0.1, 2.6 * width], 0.0),
            Pattern::Dashed => StrokeDash::new(vec![5.0 * width, 3.5 * width], 0.0),
            Pattern::DashDot => StrokeDash::new(vec![7.0 * width, 3.0 * width, 0.1, 3.0 * width], 0.0),
        };
        self.stroke(&path, [0, 0, 0], 150, width + 2.0 * Self::EDGE * self.unit, pattern.clone());
        self.stroke(&path, ink, 255, width, pattern);
    }

    /// A disc of `radius` units; with `hollow` only its rim.
    pub(super) fn disc(&mut self, at: At, ink: Ink, radius: f32, hollow: bool) {
        let radius = self.unit * radius;
        if let Some(path) = PathBuilder::from_circle(at.0, at.1, radius) {
            self.mark(&path, ink, hollow);
        }
    }

    /// A square standing on its tip, `radius` units from centre to tip.
    pub(super) fn diamond(&mut self, at: At, ink: Ink, radius: f32, hollow: bool) {
        let r = self.unit * radius;
        let (x, y) = at;
        let mut builder = PathBuilder::new();
        builder.move_to(x, y - r);
        builder.line_to(x + r, y);
        builder.line_to(x, y + r);
        builder.line_to(x - r, y);
        builder.close();
        if let Some(path) = builder.finish() {
            self.mark(&path, ink, hollow);
        }
    }

    /// A filled rectangle.
    pub(super) fn fill(&mut self, (x, y): At, width: f32, height: f32, ink: Ink) {
        if let Some(rect) = Rect::from_xywh(x, y, width, height) {
            self.pixmap.fill_rect(rect, &paint(ink, 255), Transform::identity(), None);
        }
    }

    /// `text` with its baseline at `at`.
    pub(super) fn text(&mut self, text: &str, at: At, align: Align, face: Face) {
        let Face { size, weight, ink, edged } = face;
        let size = self.unit * size;
        let width = self.fonts.width(text, weight, size);
        let x = match align {
            Align::Left => at.0,
            Align::Centre => at.0 - width / 2.0,
            Align::Right => at.0 - width,
        };
        let Some(path) = self.fonts.outline(text, weight, size, x, at.1) else { return };
        if edged {
            self.stroke(&path, [0, 0, 0], 200, 2.4 * Self::EDGE * self.unit, None);
        }
        self.pixmap.fill_path(&path, &paint(ink, 255), FillRule::Winding, Transform::identity(), None);
    }

    pub(super) fn into_image(self) -> RgbImage {
        let (width, height) = (self.pixmap.width(), self.pixmap.height());
        let mut image = RgbImage::new(width, height);
        // The background is opaque, so that premultiplied colours are the colours.
        for (pixel, colour) in image.pixels_mut().zip(self.pixmap.pixels()) {
            *pixel = Rgb([colour.red(), colour.green(), colour.blue()]);
        }
        image
    }

    fn mark(&mut self, path: &Path, ink: Ink, hollow: bool) {
        let edge = Self::EDGE * self.unit;
        if hollow {
            self.stroke(path, [0, 0, 0], 170, 3.0 * edge, None);
            self.stroke(path, ink, 255, edge, None);
        } else {
            self.stroke(path, [0, 0, 0], 170, 2.0 * edge, None);
            self.pixmap.fill_path(path, &paint(ink, 255), FillRule::Winding, Transform::identity(), None);
        }
    }

    fn stroke(&mut self, path: &Path, ink: Ink, alpha: u8, width: f32, dash: Option<StrokeDash>) {
        let stroke = Stroke { width, line_cap: LineCap::Round, line_join: LineJoin::Round, dash, ..Stroke::default() };
        self.pixmap.stroke_path(path, &paint(ink, alpha), &stroke, Transform::identity(), None);
    }
}

fn colour([r, g, b]: Ink, alpha: u8) -> Color {
    Color::from_rgba8(r, g, b, alpha)
}

fn paint(ink: Ink, alpha: u8) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color(colour(ink, alpha));
    paint
}
