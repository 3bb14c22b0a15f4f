//! One synthetic film: a patient, a pose, a technologist's habits, and the truth that goes with it.

use crate::domain::anatomy::{Facing, LANDMARKS};
use crate::domain::geometry::PointPx;
use crate::domain::report::Position;

use super::beam::{Beam, cast};
pub use super::blemish::Blemish;
use super::body::{Build, surroundings};
use super::draw::Draw;
use super::film::develop;
use super::marker;
use super::morphometry::Person;
use super::plate::Plate;
use super::sight::{c7, clipped, covered, visible};
use super::spine::{Pose, Skeleton, Spine};
use super::technique::{Framing, beam, cut, export, look, shoulders};
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
    difficulty: Difficulty,
    odd: f32,
    /// Sex, stature, age.
    pub person: Person,
    skeleton: Skeleton,
    habit: f32,
    facing: Facing,
}

/// A patient in front of the film, before the exposure.
struct Stand {
    spine: Spine,
    build: Build,
    framing: Framing,
    beam: Beam,
    /// As far as it is known before the exposure.
    truth: Truth,
    body: Draw,
    technique: Draw,
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
        Self { seed, difficulty, odd, person, skeleton, habit, facing }
    }

    /// Everything about a film but its pixels.
    fn stand(&self, position: Position, pixel_mm: f32, blemish: Blemish) -> Stand {
        let stream = |purpose: u64| Draw::new(self.seed, purpose + position as u64);
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
        let mut body = stream(stream::BODY);
        let height = shoulders(blemish, self.odd, &mut body);
        let mut build = Build::drawn(&mut body, self.odd, height);
        match blemish {
            Blemish::Plate => build.worn.plate = (2, 3),
            Blemish::Clasp => build.worn.clasp = Some(1 + body.below(4)),
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
        let tenth = |degrees: f32| Some(f64::from((degrees * 10.0).round() / 10.0));
        let truth = Truth {
            kind: Some("lateral_cervical".into()),
            spacing_mm: Some(f64::from(pixel_mm / beam.magnification())),
            facing: Some(self.facing.name().into()),
            view: Some(position.name().into()),
            rotation_deg: tenth(pose.yaw.abs()),
            roll_deg: tenth(pose.roll.abs()),
            tilt_deg: tenth(pose.tilt),
            fused: skeleton.fused().iter().filter_map(|i| FUSED.get(*i).map(|n| (*n).to_owned())).collect(),
            ..Truth::default()
        };
        Stand { spine, build, framing, beam, truth, body, technique }
    }

    /// The truth of a film that is never made: where the landmarks would lie, none of them hidden. A thousand times
    /// quicker than the film.
    pub fn truth_alone(&self, position: Position, pixel_mm: f32, blemish: Blemish) -> Truth {
        let stand = self.stand(position, pixel_mm, blemish);
        let points = landmarks(&stand.spine).map(|p| (stand.beam.project(p), true));
        stand.truth.with_landmarks(&points)
    }

    /// Takes a film.
    pub fn film(&self, position: Position, pixel_mm: f32, blemish: Blemish) -> Case {
        let stream = |purpose: u64| Draw::new(self.seed, purpose + position as u64);
        let Stand { spine, build, framing, beam, truth, mut body, technique: mut draw } =
            self.stand(position, pixel_mm, blemish);
        let mut solids = surroundings(&spine, &build, &mut body);
        solids.extend(spine.bones.iter().cloned());
        let mut look = look(blemish, self.odd, &mut draw);
        cut(blemish, &spine, &beam, &mut look);
        let points = landmarks(&spine).map(|p| beam.project(p));
        let covered = covered(&solids, &beam, &points);
        let mut shadow = cast(&solids, &beam, &mut stream(stream::TEXTURE));
        marker::stamp(&mut shadow.fine, &look, &mut draw);
        if framing == Framing::Head && draw.chance(0.5) {
            marker::apron(&mut shadow.fine, self.facing, &mut draw);
        }
        let probes: Vec<(f32, f32)> = points.iter().map(|p| (p.x as f32, p.y as f32)).collect();
        let mut developed = develop(&shadow, &beam, &look, neck(&points), &probes, draw.bits());
        let shown: [bool; LANDMARKS] = std::array::from_fn(|i| visible(points[i], &beam, &look, &developed, i));

        let mut draw = stream(stream::EXPORT);
        let mut size = beam.size;
        let (dx, dy) = export(blemish, self.odd, &mut draw).apply(&mut developed.pixels, &mut size, &mut draw);
        let moved = |p: PointPx| PointPx::new(p.x + dx as f64, p.y + dy as f64);
        let seen: [(PointPx, bool); LANDMARKS] = std::array::from_fn(|i| (moved(points[i]), shown[i]));
        let exposure = look.dose * developed.signal;
        let truth = Truth {
            c7_visibility: Some(c7(&seen).name().into()),
            motion_mm: Some(f64::from((look.motion * 10.0).round() / 10.0)),
            exposure: Some(f64::from(exposure)),
            clipped: clipped(&probes, &beam, &look),
            metal: covered,
            ..truth
        }
        .with_landmarks(&seen);
        let recipe = Recipe { seed: self.seed, difficulty: self.difficulty, position, pixel_mm, blemish };
        Case { recipe, person: self.person, size, pixels: developed.pixels, beam, exposure, truth }
    }
}

impl Case {
    /// Makes the film of `recipe`.
    pub fn new(recipe: Recipe) -> Self {
        Patient::new(recipe.seed, recipe.difficulty).film(recipe.position, recipe.pixel_mm, recipe.blemish)
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

/// The names of the discs, C2-3 first.
const FUSED: [&str; 6] = ["C2-C3", "C3-C4", "C4-C5", "C5-C6", "C6-C7", "C7-T1"];

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
