//! How one number comes about, drawn on the bodies it belongs to, with its definition and source beneath.
//!
//! Points, lines and angles are those of `measure`, redrawn in the film's own frame; the drawing computes no number, it writes
//! the report's. Amber are lines through end-plates and walls, dotted where one is moved to where it can be compared; green is
//! what is measured as a length; pink is the spinolaminar line.

use image::RgbImage;

use super::canvas::{AMBER, Align, At, CYAN, Canvas, DIM, Face, GREEN, PINK, Pattern, WHITE};
use super::film::{self, Cut};
use super::panel::value;
use super::text::{Fonts, Weight};
use super::{MAX_SIDE, MIN_SIDE, OverlayError};
use crate::domain::anatomy::{Corner, Keypoints, LaminaEnd, LandmarkId, Vertebra};
use crate::domain::measurement::{Measurement, Quantity, Reading};
use crate::domain::radiograph::GrayImage;
use crate::domain::report::Report;
use crate::measure::frame::Point;
use crate::measure::{balance, canal};

use Corner::{AnteroInferior, AnteroSuperior, PosteroInferior, PosteroSuperior};

/// Letters of the caption and the space around them, as shares of the picture's width.
const LETTER: f32 = 0.034;
const MARGIN: f32 = 0.03;
const LEADING: f32 = 1.35;

/// The drawing of `measurement`, `width` pixels wide; `None` where the number was withheld: there is nothing to draw then.
///
/// # Errors
/// `Size` where `width` is out of range.
pub fn construction(
    film: &GrayImage,
    report: &Report,
    measurement: &Measurement,
    width: u32,
) -> Result<Option<RgbImage>, OverlayError> {
    let size = || OverlayError::Size { width, height: width };
    if !(MIN_SIDE..=MAX_SIDE).contains(&width) {
        return Err(size());
    }
    if measurement.reading.estimate().is_none() {
        return Ok(None);
    }
    let Some(sketch) = Sketch::of(&report.keypoints, measurement) else { return Ok(None) };
    let cut = sketch.cut(film).ok_or_else(size)?;
    let scale = f64::from(width) / f64::from(cut.width);
    let height = (f64::from(cut.height) * scale).round() as u32;
    let fonts = Fonts::load()?;
    let caption = Caption::of(measurement, width as f32, &fonts);
    let unit = width as f32 / 420.0;
    let total = height + caption.height.ceil() as u32;
    let mut canvas = Canvas::new(width, total, unit, &fonts).ok_or_else(size)?;
    film::paint_part(&mut canvas, film, cut, width, height);
    let place = |p: Point| -> At {
        (((p.x - f64::from(cut.left)) * scale) as f32, ((p.y - f64::from(cut.top)) * scale) as f32)
    };
    sketch.paint(&mut canvas, &place);
    // What ran over the film's lower edge.
    canvas.fill((0.0, height as f32), width as f32, caption.height + 1.0, super::canvas::PANEL);
    caption.paint(&mut canvas, height as f32);
    Ok(Some(canvas.into_image()))
}

/// One stroke of the drawing, in the film's pixels.
#[derive(Debug, Clone, PartialEq)]
enum Stroke {
    Line([Point; 2], [u8; 3], f32, Pattern),
    Arc(Vec<Point>),
    Dot(Point, [u8; 3]),
}

/// What is drawn, and how large a body is.
struct Sketch {
    strokes: Vec<Stroke>,
    /// What must be seen.
    points: Vec<Point>,
    depth: f64,
}

impl Sketch {
    fn of(keypoints: &Keypoints, measurement: &Measurement) -> Option<Self> {
        let bones = Bones(keypoints);
        let (upper, lower) = match (measurement.level, measurement.quantity) {
            (Some(level), _) => (level.upper(), level.lower()),
            (None, Quantity::C2Slope) => (Vertebra::C2, Vertebra::C2),
            (None, Quantity::C7Slope) => (Vertebra::C7, Vertebra::C7),
            (None, Quantity::C2C6Cobb) => (Vertebra::C2, Vertebra::C6),
            (None, _) => (Vertebra::C2, Vertebra::C7),
        };
        let depth = bones.depth(upper)?;
        let mut sketch = Self { strokes: Vec::new(), points: Vec::new(), depth };
        for vertebra in Vertebra::ALL.into_iter().filter(|v| (upper..=lower).contains(v)) {
            sketch.outline(&bones, vertebra);
        }
        sketch.construct(&bones, measurement.quantity, upper, lower)?;
        Some(sketch)
    }

    /// The geometry of `quantity` between the bodies `upper` and `lower`, which may be one.
    fn construct(&mut self, bones: &Bones<'_>, quantity: Quantity, upper: Vertebra, lower: Vertebra) -> Option<()> {
        use Quantity as Q;
        match quantity {
            Q::C2C7Cobb | Q::C2C6Cobb => self.angle(bones.inferior_plate(upper)?, bones.inferior_plate(lower)?),
            Q::SegmentalAngle => self.angle(bones.inferior_plate(upper)?, bones.superior_plate(lower)?),
            Q::BodyWedge => self.angle(bones.superior_plate(upper)?, bones.inferior_plate(upper)?),
            Q::SlipAngle => {
                let wall = |v| Some([bones.corner(v, PosteroInferior)?, bones.corner(v, PosteroSuperior)?]);
                self.angle(wall(upper)?, wall(lower)?);
            }
            Q::C2Slope => self.slope(bones.inferior_plate(upper)?),
            Q::C7Slope => self.slope(bones.superior_plate(lower)?),
            Q::Sva => self.plumb(bones.body(upper)?, bones.corner(lower, PosteroSuperior)?),
            Q::SlipDistance => {
                let wall = [bones.corner(upper, PosteroSuperior)?, bones.corner(upper, PosteroInferior)?];
                self.slip(wall, bones.corner(lower, PosteroSuperior)?);
            }
            Q::Sdvb => self.body_diameter(bones.body(upper)?),
            Q::Sdvc => self.canal_diameter(bones.body(upper)?, bones.lamina(upper)?),
            Q::Pavlov => {
                self.body_diameter(bones.body(upper)?);
                self.canal_diameter(bones.body(upper)?, bones.lamina(upper)?);
            }
            Q::DiscHeightAnterior => {
                self.length(bones.corner(upper, AnteroInferior)?, bones.corner(lower, AnteroSuperior)?);
            }
            Q::DiscHeightPosterior => {
                self.length(bones.corner(upper, PosteroInferior)?, bones.corner(lower, PosteroSuperior)?);
            }
            Q::DiscHeightMiddle => {
                let ([ua, up], [la, lp]) = (bones.inferior_plate(upper)?, bones.superior_plate(lower)?);
                self.length(ua.midpoint(up), la.midpoint(lp));
            }
        }
        Some(())
    }

    fn line(&mut self, from: Point, to: Point, ink: [u8; 3], width: f32, pattern: Pattern) {
        self.strokes.push(Stroke::Line([from, to], ink, width, pattern));
        self.points.extend([from, to]);
    }

    fn outline(&mut self, bones: &Bones<'_>, vertebra: Vertebra) {
        let Some([a, b, c, d]) = bones.body(vertebra) else { return };
        for (from, to) in [(a, b), (b, d), (d, c), (c, a)] {
            self.line(from, to, CYAN, 1.2, Pattern::Solid);
        }
    }

    /// A line from `base` along `towards`, `depths` bodies long.
    fn ray(&self, base: Point, towards: Point, depths: f64) -> Point {
        let length = towards.length();
        let share = if length > 0.0 { depths * self.depth / length } else { 0.0 };
        Point::new(base.x + share * towards.x, base.y + share * towards.y)
    }

    /// Two lines, each from its base to its tip; the upper one is drawn again from the lower one's base, with the angle.
    fn angle(&mut self, [upper_tip, upper_base]: [Point; 2], [lower_tip, lower_base]: [Point; 2]) {
        let (upper, lower) = (upper_tip.from(upper_base), lower_tip.from(lower_base));
        for (base, along) in [(upper_base, upper), (lower_base, lower)] {
            let (back, front) = (self.ray(base, along, -0.4), self.ray(base, along, 2.4));
            self.line(back, front, AMBER, 1.8, Pattern::Dashed);
        }
        self.opening(lower_base, upper, lower);
    }

    /// An end-plate against the horizontal.
    fn slope(&mut self, [anterior, posterior]: [Point; 2]) {
        let along = anterior.from(posterior);
        let level = Point::new(along.x.signum(), 0.0);
        let (back, front) = (self.ray(posterior, along, -0.4), self.ray(posterior, along, 2.4));
        self.line(back, front, AMBER, 1.8, Pattern::Dashed);
        self.opening(posterior, level, along);
    }

    /// `one` drawn from `base`, and the arc from it to `other`.
    fn opening(&mut self, base: Point, one: Point, other: Point) {
        let tip = self.ray(base, one, 2.4);
        self.line(base, tip, AMBER, 1.8, Pattern::Dotted);
        let begin = one.y.atan2(one.x);
        let sweep = one.cross(other).atan2(one.dot(other));
        let at = |step: u32| {
            let angle = begin + sweep * f64::from(step) / 24.0;
            self.ray(base, Point::new(angle.cos(), angle.sin()), 2.0)
        };
        let arc: Vec<Point> = (0..=24).map(at).collect();
        self.points.extend(&arc);
        self.strokes.push(Stroke::Arc(arc));
    }

    /// The plumb line from the crossing of C2's diagonals, and the way to it from C7.
    fn plumb(&mut self, [p1, p2, p3, p4]: [Point; 4], c7: Point) {
        let centre = balance::centre([p1, p2, p3, p4]);
        for (from, to) in [(p1, p4), (p2, p3)] {
            self.line(from, to, CYAN, 0.9, Pattern::Solid);
        }
        let foot = Point::new(centre.x, c7.y);
        self.line(centre, Point::new(centre.x, c7.y + 0.5 * self.depth), AMBER, 1.8, Pattern::DashDot);
        self.length(c7, foot);
    }

    /// The upper wall's line, and how far from it the lower corner lies.
    fn slip(&mut self, [superior, inferior]: [Point; 2], corner: Point) {
        let along = inferior.from(superior);
        let square = along.dot(along);
        let share = if square > 0.0 { corner.from(superior).dot(along) / square } else { 0.0 };
        let foot = superior.towards(inferior, share);
        let (begin, end) = (self.ray(superior, along, -0.2), self.ray(foot, along, 0.4));
        self.line(begin, end, AMBER, 1.4, Pattern::Dashed);
        self.length(corner, foot);
    }

    fn body_diameter(&mut self, [p5, p6, p7, p8]: [Point; 4]) {
        self.length(p5.midpoint(p6), p7.midpoint(p8));
    }

    fn canal_diameter(&mut self, [_, _, p7, p8]: [Point; 4], [superior, inferior]: [Point; 2]) {
        let wall = p7.midpoint(p8);
        self.line(superior, inferior, PINK, 2.2, Pattern::Solid);
        self.length(wall, canal::nearest(wall, superior, inferior));
    }

    /// What is measured as a length.
    fn length(&mut self, from: Point, to: Point) {
        self.line(from, to, GREEN, 2.2, Pattern::Solid);
        self.strokes.extend([from, to].map(|p| Stroke::Dot(p, GREEN)));
    }

    /// What of the film is shown: everything that is drawn with a border of half a body, at least four bodies wide.
    fn cut(&self, film: &GrayImage) -> Option<Cut> {
        let (columns, rows) = (u32::try_from(film.width()).ok()?, u32::try_from(film.height()).ok()?);
        let range = |of: fn(&Point) -> f64, length: u32| {
            let low = self.points.iter().map(of).fold(f64::INFINITY, f64::min) - 0.5 * self.depth;
            let high = self.points.iter().map(of).fold(f64::NEG_INFINITY, f64::max) + 0.5 * self.depth;
            let spare = ((4.0 * self.depth - (high - low)) / 2.0).max(0.0);
            let (from, to) = ((low - spare).max(0.0), (high + spare).min(f64::from(length)));
            (from < to).then(|| (from as u32, ((to - from) as u32).max(1)))
        };
        let ((left, width), (top, height)) = (range(|p| p.x, columns)?, range(|p| p.y, rows)?);
        Some(Cut { left, top, width, height })
    }

    fn paint(&self, canvas: &mut Canvas<'_>, place: &dyn Fn(Point) -> At) {
        for stroke in &self.strokes {
            match stroke {
                Stroke::Line([from, to], ink, width, pattern) => {
                    canvas.line(&[place(*from), place(*to)], *ink, *width, *pattern);
                }
                Stroke::Arc(points) => {
                    let points: Vec<At> = points.iter().map(|p| place(*p)).collect();
                    canvas.line(&points, GREEN, 2.2, Pattern::Solid);
                }
                Stroke::Dot(at, ink) => canvas.disc(place(*at), *ink, 3.2, false),
            }
        }
    }
}

/// The landmarks as points of the film: x to the right, y down.
struct Bones<'a>(&'a Keypoints);

impl Bones<'_> {
    fn at(&self, id: LandmarkId) -> Option<Point> {
        self.0.get(id).map(|landmark| Point::new(landmark.position.x, landmark.position.y))
    }

    fn corner(&self, vertebra: Vertebra, corner: Corner) -> Option<Point> {
        self.at(LandmarkId::Corner(vertebra, corner))
    }

    /// Antero-superior, antero-inferior, postero-superior, postero-inferior.
    fn body(&self, vertebra: Vertebra) -> Option<[Point; 4]> {
        let [a, b, c, d] = Corner::ALL.map(|corner| self.corner(vertebra, corner));
        Some([a?, b?, c?, d?])
    }

    /// Anterior, then posterior.
    fn inferior_plate(&self, vertebra: Vertebra) -> Option<[Point; 2]> {
        Some([self.corner(vertebra, AnteroInferior)?, self.corner(vertebra, PosteroInferior)?])
    }

    /// Anterior, then posterior.
    fn superior_plate(&self, vertebra: Vertebra) -> Option<[Point; 2]> {
        Some([self.corner(vertebra, AnteroSuperior)?, self.corner(vertebra, PosteroSuperior)?])
    }

    /// Superior, then inferior end.
    fn lamina(&self, vertebra: Vertebra) -> Option<[Point; 2]> {
        let [superior, inferior] = LaminaEnd::ALL.map(|end| self.at(LandmarkId::Spinolaminar(vertebra, end)));
        Some([superior?, inferior?])
    }

    /// The length of the inferior end-plate, or of whichever is there.
    fn depth(&self, vertebra: Vertebra) -> Option<f64> {
        let [a, p] = self.inferior_plate(vertebra).or_else(|| self.superior_plate(vertebra))?;
        Some(a.distance(p)).filter(|depth| *depth > 0.0)
    }
}

/// What stands below the drawing.
struct Caption {
    title: String,
    lines: Vec<String>,
    width: f32,
    height: f32,
}

impl Caption {
    fn of(measurement: &Measurement, width: f32, fonts: &Fonts) -> Self {
        let convention = measurement.quantity.convention();
        let level = measurement.level.map_or_else(String::new, |l| format!(" {}", l.to_string().replace('-', "–")));
        let title = format!("{}{level}: {}", convention.title, value(measurement.quantity, &measurement.reading));
        let mut texts = vec![format!("{} ({})", convention.definition, convention.source)];
        if let Reading::Unreliable(_, why) = &measurement.reading {
            texts.push(format!("unreliable: {why}"));
        }
        let room = width * 2.0f32.mul_add(-MARGIN, 1.0);
        let wrap = |text: &String| fonts.wrap(text, Weight::Regular, LETTER * width, room);
        let lines: Vec<String> = texts.iter().flat_map(wrap).collect();
        let height = width * ((lines.len() + 1) as f32 * LETTER * LEADING + 2.0 * MARGIN);
        Self { title, lines, width, height }
    }

    fn paint(&self, canvas: &mut Canvas<'_>, top: f32) {
        let (letter, left) = (LETTER * self.width, MARGIN * self.width);
        let units = letter / canvas.unit();
        let mut y = top + left + letter;
        // A long title is set smaller, so that it keeps to its line.
        let room = 2.0f32.mul_add(-left, self.width);
        let title = (units * room / canvas.fonts().width(&self.title, Weight::Bold, letter)).min(units);
        canvas.text(&self.title, (left, y), Align::Left, Face::plain(title, Weight::Bold, WHITE));
        for line in &self.lines {
            y += letter * LEADING;
            canvas.text(line, (left, y), Align::Left, Face::plain(units, Weight::Regular, DIM));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::anatomy::{Facing, LANDMARKS, Landmark, Stage};
    use crate::domain::detection::C7Visibility;
    use crate::domain::geometry::{Covariance, PixelSpacing, PointPx, SpacingSource};
    use crate::domain::measurement::{Measurements, Unit};
    use crate::measure::{Settings, Subject, measure};

    const MM: f64 = 0.2;

    /// Crooked bodies, none like another, below each other.
    fn keypoints(facing: Facing) -> Keypoints {
        let place = |id: LandmarkId| {
            let row = Vertebra::ALL.iter().position(|v| *v == id.vertebra()).unwrap_or_default() as f64;
            // Front, height above the centre, in pixels.
            let (x, y) = match id {
                LandmarkId::Corner(_, AnteroSuperior) => (44.0 + row, 33.0),
                LandmarkId::Corner(_, AnteroInferior) => (41.0, -31.0 - row),
                LandmarkId::Corner(_, PosteroSuperior) => (-40.0 + row, 35.0),
                LandmarkId::Corner(_, PosteroInferior) => (-43.0, -34.0),
                LandmarkId::Spinolaminar(_, LaminaEnd::Superior) => (-125.0, 12.0),
                LandmarkId::Spinolaminar(_, LaminaEnd::Inferior) => (-120.0, -24.0),
            };
            let (sin, cos) = (0.3 - 0.11 * row).sin_cos();
            let across = (row - 2.0).powi(2) * 3.0 + x * cos - y * sin;
            let up = x * sin + y * cos;
            Landmark {
                position: PointPx::new(500.0 + facing.sign() * across, 150.0 + 95.0 * row - up),
                covariance: Covariance::isotropic(1.0),
                confidence: 0.9,
                stage: Stage::Global,
            }
        };
        let all: Vec<Option<Landmark>> = LandmarkId::all().map(|id| Some(place(id))).collect();
        Keypoints::new(<[_; LANDMARKS]>::try_from(all).unwrap())
    }

    fn table(keypoints: &Keypoints, facing: Facing) -> Measurements {
        let spacing = PixelSpacing::new(MM, SpacingSource::Configured);
        let subject = Subject { keypoints, facing: Some(facing), spacing, c7: C7Visibility::Full };
        measure(&subject, &Settings::default())
    }

    /// What a reader would measure on the drawing.
    fn read_off(sketch: &Sketch, unit: Unit) -> f64 {
        let lengths: Vec<f64> = sketch
            .strokes
            .iter()
            .filter_map(|s| match s {
                Stroke::Line([a, b], GREEN, ..) => Some(a.distance(*b)),
                _ => None,
            })
            .collect();
        match (unit, lengths.as_slice()) {
            (Unit::Millimetres, [length]) => length * MM,
            (Unit::Ratio, [body, canal]) => canal / body,
            (Unit::Degrees, []) => {
                let mut arcs = sketch.strokes.iter().filter_map(|s| match s {
                    Stroke::Arc(points) => Some(points),
                    _ => None,
                });
                let arc = arcs.next().unwrap();
                // The sum of the chords, on a circle two bodies in radius.
                let along: f64 = arc.iter().zip(arc.iter().skip(1)).map(|(a, b)| a.distance(*b)).sum();
                (along / (2.0 * sketch.depth)).to_degrees()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_number_can_be_read_off_its_drawing() {
        for facing in [Facing::Left, Facing::Right] {
            let keypoints = keypoints(facing);
            let table = table(&keypoints, facing);
            assert_eq!(table.0.len(), 55);
            for measurement in &table.0 {
                let what = format!("{} {:?} {facing:?}", measurement.quantity.name(), measurement.level);
                let told = measurement.reading.estimate().expect(&what).value().abs();
                let sketch = Sketch::of(&keypoints, measurement).expect(&what);
                let drawn = read_off(&sketch, measurement.quantity.unit());
                assert!((drawn - told).abs() <= 0.01 * told + 1e-6, "{what}: {drawn} for {told}");
            }
        }
    }

    #[test]
    fn captions_tell_definition_and_source_and_keep_to_the_picture() {
        let keypoints = keypoints(Facing::Left);
        let fonts = Fonts::load().unwrap();
        for measurement in &table(&keypoints, Facing::Left).0 {
            let caption = Caption::of(measurement, 600.0, &fonts);
            let convention = measurement.quantity.convention();
            let text = caption.lines.join(" ");
            assert!(text.contains(convention.source) && text.starts_with(convention.definition), "{text}");
            assert!(caption.lines.iter().all(|l| fonts.width(l, Weight::Regular, 600.0 * LETTER) < 600.0), "{text}");
        }
    }
}
