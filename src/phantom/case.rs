//! One synthetic film: a patient, a pose, a technologist's habits, and the truth that goes with it.

use crate::domain::anatomy::{Facing, LANDMARKS, Vertebra};
use crate::domain::detection::C7Visibility;
use crate::domain::geometry::PointPx;
use crate::domain::report::Position;

use super::beam::{Beam, cast};
pub use super::blemish::Blemish;
use super::body::{Build, surroundings};
use super::draw::Draw;
use super::export::Export;
use super::film::{Developed, Look, develop};
use super::marker;
use super::morphometry::Person;
use super::plate::Plate;
use super::spine::{Pose, Skeleton, Spine};
use super::truth::Truth;

/// How far patients and technique stray from the textbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difficulty {
    /// Healthy, well placed, well exposed.
    Clean,
    /// As a good department sees them.
    Typical,
    /// Worn, rotated, hidden, cut off, badly exposed.
    Hard,
    /// Anything from clean to hard.
    Mixed,
}

impl Difficulty {
    /// 0 (the norm) to 1 (the far ends).
    fn odd(self, draw: &mut Draw) -> f32 {
        match self {
            Self::Clean => 0.0,
            Self::Typical => draw.even(0.1, 0.45),
            Self::Hard => draw.even(0.6, 1.0),
            Self::Mixed => draw.even(0.0, 1.0),
        }
    }
}

/// What film to make.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// Everything random follows from it.
    pub seed: u64,
    /// How far it may stray.
    pub difficulty: Difficulty,
    /// The position asked for.
    pub position: Position,
    /// Detector millimetres a pixel.
    pub pixel_mm: f32,
    /// A fault to show.
    pub blemish: Blemish,
}

/// A patient: the same bones for each position.
#[derive(Debug)]
pub struct Patient {
    seed: u64,
    odd: f32,
    /// Sex, stature, age.
    pub person: Person,
    skeleton: Skeleton,
    habit: f32,
    facing: Facing,
}

/// A film with its truth.
#[derive(Debug)]
pub struct Case {
    /// How it was made.
    pub recipe: Recipe,
    /// Who it shows.
    pub person: Person,
    /// Columns and rows.
    pub size: (usize, usize),
    /// 0 black … 1 white, row by row.
    pub pixels: Vec<f32>,
    /// The beam that took it.
    pub beam: Beam,
    /// Dose behind the neck as a share of the aim, as the detector saw it.
    pub exposure: f32,
    /// What is true of it.
    pub truth: Truth,
}

/// Rose's criterion: a detail needs about this contrast to noise to be seen.
const ROSE: f32 = 4.0;
/// Distance between the samples of a vertebra's shape, mm.
const GRAIN: f32 = 0.9;

/// Purposes of the random streams, so that one does not disturb another.
mod stream {
    pub(super) const PATIENT: u64 = 1;
    pub(super) const POSE: u64 = 10;
    pub(super) const BODY: u64 = 20;
    pub(super) const TEXTURE: u64 = 30;
    pub(super) const TECHNIQUE: u64 = 40;
    pub(super) const EXPORT: u64 = 50;
}

impl Patient {
    /// The patient of `seed`.
    pub fn new(seed: u64, difficulty: Difficulty) -> Self {
        let mut draw = Draw::new(seed, stream::PATIENT);
        let odd = difficulty.odd(&mut draw);
        let person = Person::drawn(&mut draw);
        let habit = draw.normal(11.0, 9.0 + 5.0 * odd).clamp(-28.0, 42.0);
        let facing = if draw.chance(0.5) { Facing::Left } else { Facing::Right };
        let skeleton = Skeleton::drawn(&person, &mut draw, odd, GRAIN);
        Self { seed, odd, person, skeleton, habit, facing }
    }

    /// Takes a film.
    pub fn film(&self, position: Position, pixel_mm: f32, blemish: Blemish, difficulty: Difficulty) -> Case {
        let take = position as u64;
        let stream = |purpose: u64| Draw::new(self.seed, purpose + take);
        let mut pose = Pose::drawn(position, self.habit, &mut stream(stream::POSE), self.odd);
        match blemish {
            Blemish::Yaw(degrees) => pose.yaw = degrees,
            Blemish::Roll(degrees) => pose.roll = degrees,
            Blemish::Tilt(degrees) => pose.tilt = degrees,
            _ => {}
        }
        let skeleton =
            if blemish == Blemish::Fused { self.skeleton.clone().with_fused(3) } else { self.skeleton.clone() };
        let spine = skeleton.posed(&pose);
        let mut draw = stream(stream::BODY);
        let shoulders = shoulders(blemish, self.odd, &mut draw);
        let mut build = Build::drawn(&mut draw, self.odd, shoulders);
        match blemish {
            Blemish::Plate => build.worn.plate = (2, 3),
            Blemish::Collar => build.worn.collar = true,
            Blemish::Jewellery => (build.jewellery, build.worn.chain, build.worn.pins) = (true, true, 3),
            _ => {}
        }

        let mut technique = stream(stream::TECHNIQUE);
        let framing = Framing::drawn(blemish, self.odd, &mut technique);
        let beam = beam(&spine, framing, self.facing, pixel_mm, self.odd, &mut technique);
        if framing == Framing::Head {
            build.ear_rods = technique.chance(0.6);
        }
        let mut solids = surroundings(&spine, &build, &mut draw);
        solids.extend(spine.bones.iter().cloned());
        let mut draw = technique;
        let mut look = look(blemish, self.odd, &mut draw);
        let mut points = landmarks(&spine).map(|p| beam.project(p));
        cut(blemish, &spine, &beam, &mut look);
        let mut shadow = cast(&solids, &beam, &mut stream(stream::TEXTURE));
        marker::stamp(&mut shadow.fine, &look, &mut draw);
        if framing == Framing::Head && draw.chance(0.5) {
            marker::apron(&mut shadow.fine, self.facing, &mut draw);
        }
        let probes: Vec<(f32, f32)> = points.iter().map(|p| (p.x as f32, p.y as f32)).collect();
        let noise = draw.bits();
        let mut developed = develop(&shadow, &beam, &look, neck(&points), &probes, noise);
        let shown: [bool; LANDMARKS] = std::array::from_fn(|i| visible(points[i], &beam, &look, &developed, i));
        let mut draw = stream(stream::EXPORT);
        let mut size = beam.size;
        let shift = export(blemish, self.odd, &mut draw).apply(&mut developed.pixels, &mut size, &mut draw);
        for p in &mut points {
            *p = PointPx::new(p.x + shift.0 as f64, p.y + shift.1 as f64);
        }
        let seen = std::array::from_fn(|i| (points[i], shown[i]));
        let tenth = |degrees: f32| Some(f64::from((degrees * 10.0).round() / 10.0));
        let truth = Truth {
            kind: Some("lateral_cervical".into()),
            spacing_mm: Some(f64::from(pixel_mm / beam.magnification())),
            facing: Some(self.facing.name().into()),
            view: Some(position.name().into()),
            c7_visibility: Some(c7(&seen).name().into()),
            rotation_deg: tenth(pose.yaw.abs()),
            roll_deg: tenth(pose.roll.abs()),
            tilt_deg: tenth(pose.tilt),
            motion_mm: tenth(look.motion),
            exposure: Some(f64::from(look.dose * developed.signal)),
            clipped: clipped(&probes, &beam, &look),
            fused: skeleton.fused().iter().filter_map(|i| FUSED.get(*i).map(|n| (*n).to_owned())).collect(),
            ..Truth::default()
        }
        .with_landmarks(&seen);
        let recipe = Recipe { seed: self.seed, difficulty, position, pixel_mm, blemish };
        Case {
            recipe,
            person: self.person,
            size,
            pixels: developed.pixels,
            beam,
            exposure: look.dose * developed.signal,
            truth,
        }
    }
}

impl Case {
    /// Makes the film of `recipe`.
    pub fn new(recipe: Recipe) -> Self {
        Patient::new(recipe.seed, recipe.difficulty).film(
            recipe.position,
            recipe.pixel_mm,
            recipe.blemish,
            recipe.difficulty,
        )
    }

    /// The picture as the detector of `study` stores it.
    pub fn stored(&self, study: u64) -> Plate {
        Plate::new(self.size, &self.pixels, study)
    }

    /// The picture in `bits` bits (at most 16), bone bright.
    pub fn quantised(&self, bits: u32) -> Vec<u16> {
        let top = ((1u32 << bits.min(16)) - 1) as f32;
        self.pixels.iter().map(|p| (p.clamp(0.0, 1.0) * top).round() as u16).collect()
    }
}

/// The height of the shoulders over C7's lower end, mm.
fn shoulders(blemish: Blemish, odd: f32, draw: &mut Draw) -> f32 {
    let free = draw.even(-75.0, -18.0);
    let over = draw.even(-12.0, 34.0);
    match blemish {
        Blemish::HiddenC7 => draw.even(24.0, 34.0),
        Blemish::HiddenC6 => draw.even(44.0, 54.0),
        Blemish::None => {
            if draw.chance(0.12 + 0.38 * odd) {
                over + if draw.chance(0.3 * odd) { 20.0 } else { 0.0 }
            } else {
                free
            }
        }
        _ => free,
    }
}

/// The names of the discs, C2-3 first.
const FUSED: [&str; 6] = ["C2-C3", "C3-C4", "C4-C5", "C5-C6", "C6-C7", "C7-T1"];

/// How film and neck stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// A cephalogram: the whole head, the neck at its lower edge.
    Head,
    /// The lower half of the head and the neck.
    HeadAndNeck,
    /// Little more than the neck.
    Tight,
    /// As the department does it.
    Usual,
    /// The largest cassette.
    Wide,
}

impl Framing {
    fn drawn(blemish: Blemish, odd: f32, draw: &mut Draw) -> Self {
        let kind = draw.even(0.0, 1.0);
        match kind {
            _ if blemish != Blemish::None => Self::Usual,
            k if k < 0.22 * odd => Self::Head,
            k if k < 0.06 + 0.30 * odd => Self::HeadAndNeck,
            k if k < 0.20 + 0.30 * odd => Self::Tight,
            k if k < 0.24 + 0.42 * odd => Self::Wide,
            _ => Self::Usual,
        }
    }
}

/// Moves the collimator's edge onto the neck where the fault says so.
fn cut(blemish: Blemish, spine: &Spine, beam: &Beam, look: &mut Look) {
    let at = |body: usize, up: f32| {
        let p = spine.bodies[body].origin + super::space::v(0.0, 0.0, up);
        (beam.project(p).y as f32 / beam.size.1 as f32).clamp(0.02, 0.98)
    };
    match blemish {
        Blemish::CutBelow(mm) => look.collimation[3] = at(3, -mm),
        Blemish::CutAbove(mm) => look.collimation[1] = at(1, mm),
        _ => {}
    }
}

/// The vertebrae of which a corner lies outside the exposed field.
fn clipped(points: &[(f32, f32)], beam: &Beam, look: &Look) -> Vec<String> {
    let [left, top, right, bottom] = look.collimation;
    let field = |n: usize, from: f32, to: f32| (from.max(0.0) * n as f32)..(to.min(1.0) * n as f32);
    let (columns, rows) = (field(beam.size.0, left, right), field(beam.size.1, top, bottom));
    Vertebra::ALL
        .iter()
        .zip(points.chunks(4))
        .filter(|(_, corners)| corners.iter().any(|(x, y)| !columns.contains(x) || !rows.contains(y)))
        .map(|(vertebra, _)| vertebra.name().to_owned())
        .collect()
}

fn export(blemish: Blemish, odd: f32, draw: &mut Draw) -> Export {
    let plain = Export::default();
    match blemish {
        Blemish::None => Export::drawn(draw, odd),
        Blemish::DeadColumns(n) => Export { dead_columns: n as usize, ..plain },
        Blemish::Text => Export { lines: 4, ..plain },
        Blemish::Letterboxed => Export { borders: Some(Export::some_borders(draw)), ..plain },
        Blemish::Inverted => Export { inverted: true, ..plain },
        Blemish::Jpeg(quality) => Export { jpeg: Some(quality as u8), ..plain },
        _ => plain,
    }
}

/// C2 … C7's corners and C3 … C7's spinolaminar ends, in the order of the index.
fn landmarks(spine: &Spine) -> [super::space::Vec3; LANDMARKS] {
    let mut all = spine.corners.iter().flatten().chain(spine.spinolaminar.iter().flatten()).copied();
    std::array::from_fn(|_| all.next().unwrap_or_default())
}

/// The film's rectangle around the neck, in pixels: left, top, right, bottom.
fn neck(points: &[PointPx; LANDMARKS]) -> [f32; 4] {
    let mut rect = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
    for p in points {
        let (x, y) = (p.x as f32, p.y as f32);
        rect = [rect[0].min(x), rect[1].min(y), rect[2].max(x), rect[3].max(y)];
    }
    let margin = 0.22 * (rect[3] - rect[1]);
    [rect[0] - 1.5 * margin, rect[1] - margin, rect[2] + 1.5 * margin, rect[3] + 0.5 * margin]
}

fn visible(p: PointPx, beam: &Beam, look: &Look, film: &Developed, index: usize) -> bool {
    let (x, y) = (p.x / beam.size.0 as f64, p.y / beam.size.1 as f64);
    let [left, top, right, bottom] = look.collimation.map(f64::from);
    let on_film = (left..right).contains(&x) && (top..bottom).contains(&y);
    let contrast = film.contrast_to_noise.get(index).is_some_and(|c| *c >= ROSE);
    on_film && contrast && !burnt_out(p, beam, film)
}

/// Whether the display shows nothing but white within 2 mm.
fn burnt_out(p: PointPx, beam: &Beam, film: &Developed) -> bool {
    let reach = (2.0 / beam.pixel).ceil() as isize;
    let (cx, cy) = (p.x as isize, p.y as isize);
    let (w, h) = (beam.size.0 as isize, beam.size.1 as isize);
    let mut sum = (0.0f32, 0.0f32);
    for y in (cy - reach).max(0)..(cy + reach + 1).min(h) {
        for x in (cx - reach).max(0)..(cx + reach + 1).min(w) {
            let value = film.pixels.get((y * w + x) as usize).copied().unwrap_or(0.0);
            sum = (sum.0 + value, sum.1 + 1.0);
        }
    }
    sum.1 > 0.0 && sum.0 / sum.1 > 0.985
}

fn c7(seen: &[(PointPx, bool); LANDMARKS]) -> C7Visibility {
    match seen[20..24].iter().filter(|(_, visible)| *visible).count() {
        4 => C7Visibility::Full,
        0 => C7Visibility::Hidden,
        _ => C7Visibility::Partial,
    }
}

/// Where the technologist put tube and film.
fn beam(spine: &Spine, framing: Framing, facing: Facing, pixel: f32, odd: f32, draw: &mut Draw) -> Beam {
    let c4 = spine.bodies[2].origin;
    let head = spine.head.point(super::space::v(35.0, 0.0, 28.0));
    let crown = spine.head.point(super::space::v(18.0, 0.0, 62.0));
    let (aim, size) = match framing {
        Framing::Head => (crown.lerp(c4, draw.even(0.1, 0.32)), (draw.even(200.0, 250.0), draw.even(245.0, 300.0))),
        Framing::HeadAndNeck => {
            (head.lerp(c4, draw.even(0.0, 0.45)), (draw.even(190.0, 250.0), draw.even(220.0, 290.0)))
        }
        Framing::Tight => (c4, (draw.even(130.0, 180.0), draw.even(185.0, 240.0))),
        Framing::Usual => (c4.lerp(head, draw.even(-0.05, 0.25)), (draw.even(190.0, 300.0), draw.even(240.0, 340.0))),
        Framing::Wide => (c4.lerp(head, draw.even(-0.1, 0.5)), (draw.even(300.0, 400.0), draw.even(350.0, 430.0))),
    };
    let stray = 6.0 + 9.0 * odd;
    let foot = (aim.x + draw.normal(6.0, stray), aim.z + draw.normal(-4.0, stray));
    let source_to_detector = if draw.chance(0.7) { 1500.0 } else { 1800.0 } + draw.normal(0.0, 20.0);
    let size = ((size.0 / pixel) as usize, (size.1 / pixel) as usize);
    Beam {
        source_to_detector,
        patient_to_detector: draw.normal(250.0, 45.0).clamp(140.0, 400.0),
        facing,
        foot,
        centre: (0.5 + draw.normal(0.0, 0.02), 0.5 + draw.normal(0.0, 0.02)),
        size,
        pixel,
    }
}

fn look(blemish: Blemish, odd: f32, draw: &mut Draw) -> Look {
    let dose = match blemish {
        Blemish::UnderExposed(share) => share.unwrap_or_else(|| draw.even(0.05, 0.09)),
        Blemish::OverExposed(times) => times,
        Blemish::None => draw.normal(0.0, 0.35 + 0.5 * odd).exp(),
        _ => draw.normal(0.0, 0.15).exp(),
    };
    let cropped = draw.chance(0.45);
    let mut edge = |far: f32| if cropped { draw.even(0.01, 0.04 + far) } else { -0.01 };
    let (left, top, right, bottom) = (edge(0.08), edge(0.05), 1.0 - edge(0.08), 1.0 - edge(0.05));
    Look {
        dose,
        scatter: draw.even(0.12, 0.6 + 0.4 * odd),
        blur: draw.even(0.08, 0.22),
        motion: match blemish {
            Blemish::Motion(mm) => mm,
            _ if draw.chance(0.08 * odd) => draw.even(0.6, 2.0),
            _ => 0.0,
        },
        // Vendors differ most in how much of the broad shading they leave.
        latitude: draw.even(0.15, 1.0),
        detail: (draw.even(0.0, 0.9), draw.even(0.0, 2.0)),
        clip: (draw.even(-0.25, 0.08), draw.even(-0.55, 0.05 + 0.04 * odd)),
        gamma: draw.even(0.75, 1.5),
        sigmoid: if draw.chance(0.6) { draw.even(1.0, 5.0) } else { 0.0 },
        grid_lines: match blemish {
            Blemish::GridLines(contrast) => contrast,
            _ if draw.chance(0.12) => draw.even(0.002, 0.02),
            _ => 0.0,
        },
        collimation: [left, top, right, bottom],
        shutter_black: draw.chance(0.75),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(seed: u64) -> Recipe {
        Recipe {
            seed,
            difficulty: Difficulty::Typical,
            position: Position::Neutral,
            pixel_mm: 0.8,
            blemish: Blemish::None,
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_film() {
        let (a, b) = (Case::new(recipe(11)), Case::new(recipe(11)));
        assert_eq!(a.quantised(12), b.quantised(12));
        assert_eq!(a.truth, b.truth);
        assert_ne!(a.quantised(12), Case::new(recipe(12)).quantised(12));
    }

    #[test]
    fn shoulders_that_should_hide_c7_do() {
        let hidden = Case::new(Recipe { blemish: Blemish::HiddenC7, ..recipe(3) });
        assert_eq!(hidden.truth.c7_visibility.as_deref(), Some("hidden"));
    }

    #[test]
    fn bodies_are_brighter_than_the_discs_between_them() {
        let case = Case::new(Recipe { difficulty: Difficulty::Clean, pixel_mm: 0.5, ..recipe(5) });
        let at = |p: PointPx| case.pixels[p.y as usize * case.size.0 + p.x as usize];
        let mut brighter = 0;
        for v in 1..4 {
            let c: Vec<PointPx> =
                case.truth.landmarks[4 * v..4 * v + 8].iter().map(|l| PointPx::new(l.x, l.y)).collect();
            let body = c[0].midpoint(c[1]).midpoint(c[2].midpoint(c[3]));
            let disc = c[1].midpoint(c[3]).midpoint(c[4].midpoint(c[6]));
            brighter += usize::from(at(body) > at(disc));
        }
        assert!(brighter >= 2, "{brighter} of 3");
    }
}
