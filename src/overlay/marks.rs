//! What is drawn on the film: bodies, end-plates, level names, Cobb lines, plumb line, spinolaminar marks.
//!
//! Discs are corners as the global model placed them, squares on their tip those of a specialist and the ends of the
//! spinolaminar line; a hollow mark and a dotted outline belong to a C7 that is hidden. Dashes are Cobb lines, dash and
//! dot is the plumb line.

use super::Layout;
use super::canvas::{AMBER, Align, At, CYAN, Canvas, Face, GREEN, PINK, Pattern, WHITE};
use super::panel::value;
use super::text::Weight;
use crate::domain::anatomy::{Corner, LaminaEnd, LandmarkId, Stage, Vertebra};
use crate::domain::detection::C7Visibility;
use crate::domain::measurement::{Quantity, Reading};
use crate::domain::report::Report;

/// Draws everything that lies on the film.
pub(super) fn paint(canvas: &mut Canvas<'_>, report: &Report, layout: &Layout) {
    let marks = Marks { report, layout };
    for vertebra in Vertebra::ALL {
        marks.lamina(canvas, vertebra);
        marks.body(canvas, vertebra);
    }
    marks.cobb(canvas);
    marks.plumb(canvas);
    for vertebra in Vertebra::ALL {
        marks.points(canvas, vertebra);
        marks.name(canvas, vertebra);
    }
}

struct Marks<'a> {
    report: &'a Report,
    layout: &'a Layout,
}

impl Marks<'_> {
    fn at(&self, id: LandmarkId) -> Option<At> {
        let position = self.report.keypoints.get(id)?.position;
        let scale = self.layout.scale;
        Some(((position.x * scale) as f32, (position.y * scale) as f32))
    }

    fn corner(&self, vertebra: Vertebra, corner: Corner) -> Option<At> {
        self.at(LandmarkId::Corner(vertebra, corner))
    }

    /// Antero-superior, antero-inferior, postero-superior, postero-inferior.
    fn corners(&self, vertebra: Vertebra) -> Option<[At; 4]> {
        let [Some(a), Some(b), Some(c), Some(d)] = Corner::ALL.map(|c| self.corner(vertebra, c)) else { return None };
        Some([a, b, c, d])
    }

    fn hidden(&self, vertebra: Vertebra) -> bool {
        vertebra == Vertebra::C7 && self.report.assessment.quality.c7_visibility == Some(C7Visibility::Hidden)
    }

    /// Walls thin, end-plates strong; C2's upper side is no end-plate.
    fn body(&self, canvas: &mut Canvas<'_>, vertebra: Vertebra) {
        use Corner::{AnteroInferior, AnteroSuperior, PosteroInferior, PosteroSuperior};
        let dash = if self.hidden(vertebra) { Pattern::Dotted } else { Pattern::Solid };
        let superior = if vertebra == Vertebra::C2 { 1.2 } else { 2.6 };
        for (from, to, width) in [
            (AnteroSuperior, AnteroInferior, 1.2),
            (PosteroSuperior, PosteroInferior, 1.2),
            (AnteroSuperior, PosteroSuperior, superior),
            (AnteroInferior, PosteroInferior, 2.6),
        ] {
            if let (Some(from), Some(to)) = (self.corner(vertebra, from), self.corner(vertebra, to)) {
                canvas.line(&[from, to], CYAN, width, dash);
            }
        }
    }

    fn lamina(&self, canvas: &mut Canvas<'_>, vertebra: Vertebra) {
        let [superior, inferior] = LaminaEnd::ALL.map(|e| self.at(LandmarkId::Spinolaminar(vertebra, e)));
        if let (Some(superior), Some(inferior)) = (superior, inferior) {
            canvas.line(&[superior, inferior], PINK, 1.8, Pattern::Solid);
        }
        for end in [superior, inferior].into_iter().flatten() {
            canvas.diamond(end, PINK, 3.6, self.hidden(vertebra));
        }
    }

    fn points(&self, canvas: &mut Canvas<'_>, vertebra: Vertebra) {
        for corner in Corner::ALL {
            let id = LandmarkId::Corner(vertebra, corner);
            if let (Some(at), Some(landmark)) = (self.at(id), self.report.keypoints.get(id)) {
                match landmark.stage {
                    Stage::Global => canvas.disc(at, WHITE, 2.8, self.hidden(vertebra)),
                    Stage::Refined => canvas.diamond(at, WHITE, 3.6, self.hidden(vertebra)),
                }
            }
        }
    }

    /// The level's name in front of the body, or across it where the film ends.
    fn name(&self, canvas: &mut Canvas<'_>, vertebra: Vertebra) {
        let Some([a, b, c, d]) = self.corners(vertebra) else { return };
        let (front, back) = (middle(a, b), middle(c, d));
        let unit = canvas.unit();
        let away = direction(back, front);
        let at = (front.0 + 26.0 * unit * away.0, front.1 + 26.0 * unit * away.1 + 7.0 * unit);
        let margin = 16.0 * unit;
        let x = at.0.clamp(margin, (self.layout.film_width as f32 - margin).max(margin));
        canvas.text(vertebra.name(), (x, at.1), Align::Centre, Face::edged(19.0, WHITE));
    }

    /// The two end-plates of the Cobb angle that can be relied on, drawn out to the front.
    fn cobb(&self, canvas: &mut Canvas<'_>) {
        let reading = |q| self.report.measurements.get(q, None);
        let ok = |q| matches!(reading(q), Some(Reading::Ok(_)));
        let (quantity, lower) = if !ok(Quantity::C2C7Cobb) && ok(Quantity::C2C6Cobb) {
            (Quantity::C2C6Cobb, Vertebra::C6)
        } else {
            (Quantity::C2C7Cobb, Vertebra::C7)
        };
        let Some(reading) = reading(quantity) else { return };
        let mut ends = [Vertebra::C2, lower].into_iter().filter_map(|v| {
            let (anterior, posterior) =
                (self.corner(v, Corner::AnteroInferior)?, self.corner(v, Corner::PosteroInferior)?);
            let (dx, dy) = (anterior.0 - posterior.0, anterior.1 - posterior.1);
            let (front, back) =
                ((anterior.0 + 1.6 * dx, anterior.1 + 1.6 * dy), (posterior.0 - 0.7 * dx, posterior.1 - 0.7 * dy));
            canvas.line(&[anterior, front], AMBER, 1.6, Pattern::Dashed);
            canvas.line(&[posterior, back], AMBER, 1.6, Pattern::Dashed);
            Some((front, (dx, dy)))
        });
        let (Some((upper, forward)), Some(_)) = (ends.next(), ends.next()) else { return };
        let title = if quantity == Quantity::C2C6Cobb { "Cobb C2–C6" } else { "Cobb C2–C7" };
        // At the line's far end, running on to the front; on the side away from the line where it has to move back.
        let align = if forward.0 < 0.0 { Align::Right } else { Align::Left };
        let aside = if forward.1 > 0.0 { 24.0 } else { -9.0 };
        let beside = (upper.0, upper.1 + aside * canvas.unit());
        self.label(canvas, &format!("{title} {}", value(quantity, reading)), beside, align, AMBER);
    }

    /// The plumb line from C2's centre to the height of C7, and the distance at its foot.
    fn plumb(&self, canvas: &mut Canvas<'_>) {
        let Some(reading) = self.report.measurements.get(Quantity::Sva, None) else { return };
        let (Some(corners), Some(lowest)) = (self.corners(Vertebra::C2), self.corners(Vertebra::C7)) else { return };
        let [_, front, c7, back] = lowest;
        let Some(centre) = crossing(corners) else { return };
        let unit = canvas.unit();
        let foot = (centre.0, c7.1);
        // Down to where the lower Cobb line ends, so that the label stands clear of it.
        let end = front.1.max(front.1 + 1.6 * (front.1 - back.1)) + 16.0 * unit;
        canvas.line(&[centre, (foot.0, end)], GREEN, 1.6, Pattern::DashDot);
        canvas.line(&[foot, c7], GREEN, 1.6, Pattern::Solid);
        for (x, y) in [foot, c7] {
            canvas.line(&[(x, y - 7.0 * unit), (x, y + 7.0 * unit)], GREEN, 1.6, Pattern::Solid);
        }
        canvas.disc(centre, GREEN, 4.0, true);
        let text = format!("SVA {}", value(Quantity::Sva, reading));
        self.label(canvas, &text, (foot.0, end + 20.0 * unit), Align::Centre, GREEN);
    }

    /// A label at `at`, moved as far as needed to stay on the film.
    fn label(&self, canvas: &mut Canvas<'_>, text: &str, at: At, align: Align, ink: [u8; 3]) {
        let unit = canvas.unit();
        let size = 18.0;
        let (length, margin) = (canvas.fonts().width(text, Weight::Bold, size * unit), 8.0 * unit);
        let (width, height) = (self.layout.film_width as f32, self.layout.film_height as f32);
        let (left, right) = match align {
            Align::Left => (0.0, length),
            Align::Centre => (length / 2.0, length / 2.0),
            Align::Right => (length, 0.0),
        };
        let x = at.0.min(width - margin - right).max(margin + left);
        let y = at.1.min(height - margin).max(24.0 * unit);
        canvas.text(text, (x, y), align, Face::edged(size, ink));
    }
}

fn middle(a: At, b: At) -> At {
    ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0)
}

/// The unit vector from `from` to `to`; none where they coincide.
fn direction(from: At, to: At) -> At {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy);
    if length > 0.0 { (dx / length, dy / length) } else { (0.0, 0.0) }
}

/// Where a body's diagonals cross; `None` where they do not.
fn crossing([a, b, c, d]: [At; 4]) -> Option<At> {
    let (one, other) = ((d.0 - a.0, d.1 - a.1), (c.0 - b.0, c.1 - b.1));
    let share = ((b.0 - a.0) * other.1 - (b.1 - a.1) * other.0) / (one.0 * other.1 - one.1 * other.0);
    share.is_finite().then_some((a.0 + share * one.0, a.1 + share * one.1))
}
