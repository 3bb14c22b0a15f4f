//! Whether the landmarks can belong to a neck at all; where they cannot, the numbers that rest on them are withheld.
//!
//! Each limit lies beyond what disease and injury do to a neck that can stand before a detector: it catches a model
//! that has lost its way, not a patient who is unwell. Sizes are compared with the median of the same film, so that
//! neither spacing nor stature matters. With fewer than [`ENOUGH`] bodies there is no median, and sizes are not judged.

use super::frame::{Point, angle_between};
use super::neck::{Body, Neck};
use crate::domain::anatomy::{Corner, LandmarkId, Vertebra};

/// Two facing end-plates, degrees: full extension opens a segment by up to 30° (seen on adolescent head films), a facet
/// dislocation closes it by some 20°.
pub const MAX_SEGMENT_DEG: f64 = 45.0;
/// A body's own end-plates, degrees: adolescent bodies are wedges of up to 27° (the same films), fractures reach as far.
pub const MAX_WEDGE_DEG: f64 = 40.0;
/// Depth of a body against the median of the film: neighbours differ by less than a tenth, osteophytes add a quarter.
pub const DEPTH_RANGE: (f64, f64) = (0.55, 1.7);
/// Height of a body against the median of the film: a crushed one keeps 0.4, healthy ones reach 1.3; one drawn over
/// parts of two levels reaches 1.7 and more.
pub const HEIGHT_RANGE: (f64, f64) = (0.35, 1.5);
/// Gap between two bodies in median heights: adolescent discs reach 0.85, a level passed over leaves 1.4 and more.
pub const MAX_GAP: f64 = 1.25;
/// How far a body may reach into the one above, in median heights: fused levels touch; this is room for noise.
pub const MAX_OVERLAP: f64 = 0.25;
/// From the middle of one body to the middle of the next, in median heights: the flattest fused bodies stand 0.7 apart; nearer
/// ones are one body drawn twice.
pub const MIN_STEP: f64 = 0.7;
/// Depth of the canal against the body's: published Pavlov ratios lie between 0.45 and 1.6.
pub const CANAL_RANGE: (f64, f64) = (0.25, 2.2);
/// Mean spread of a body's corners in median heights: a level found no better than this, between levels and above one that was
/// found [`CLEARER`], may stand where no body is. Of the first 253 of 480 held-out phantoms it was told of two, one wrongly named.
pub const MAX_SPREAD: f64 = 0.25;
/// The mean spread of the lower one against that of the doubtful one.
pub const CLEARER: f64 = 0.6;
/// Bodies that a median of the film needs.
pub const ENOUGH: usize = 3;

/// What a conflict makes worthless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The corners of one vertebra, and so its canal too.
    Body(Vertebra),
    /// The corners of two adjacent vertebrae.
    Segment(Vertebra, Vertebra),
    /// The spinolaminar line of one vertebra.
    Lamina(Vertebra),
    /// The names of the levels, and with them every number.
    Neck,
}

/// Landmarks that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// What it makes worthless.
    pub scope: Scope,
    /// In plain words.
    pub reason: String,
}

impl Conflict {
    fn new(scope: Scope, reason: String) -> Self {
        Self { scope, reason }
    }

    /// Whether a number that rests on `id` must be withheld.
    pub fn concerns(&self, id: LandmarkId) -> bool {
        match (self.scope, id) {
            (Scope::Neck, _) => true,
            (Scope::Body(v), LandmarkId::Corner(w, _)) => v == w,
            (Scope::Segment(u, l), LandmarkId::Corner(w, _)) => u == w || l == w,
            (Scope::Lamina(v), LandmarkId::Spinolaminar(w, _)) => v == w,
            _ => false,
        }
    }
}

/// Every conflict among the landmarks, the gravest first.
///
/// With `oriented` the frame's +x is known to be anterior and bodies that face the other way are told; without, it is
/// only the film as it lies.
pub fn check(neck: &Neck<'_>, oriented: bool) -> Vec<Conflict> {
    let bodies: Vec<Body> = Vertebra::ALL.into_iter().filter_map(|v| neck.body(v)).collect();
    let mut conflicts: Vec<_> = bodies.iter().filter_map(|body| shape(body, oriented)).collect();
    let whole: Vec<Body> = bodies
        .into_iter()
        .filter(|b| !conflicts.iter().any(|c: &Conflict| c.scope == Scope::Body(b.vertebra)))
        .collect();
    let sizes = Sizes::of(&whole);
    let lowest = whole.last().map(|b| b.vertebra);
    conflicts.extend(whole.iter().filter_map(|body| size(body, sizes, lowest != Some(body.vertebra))));
    let neighbours = || {
        let pairs = whole.iter().zip(whole.iter().skip(1));
        pairs.filter(|(u, l)| l.vertebra as usize == u.vertebra as usize + 1)
    };
    conflicts.extend(neighbours().filter_map(|(upper, lower)| order(upper, lower, sizes)));
    conflicts.extend(neighbours().filter_map(|(upper, lower)| tilt(upper, lower)));
    conflicts.extend(whole.iter().filter_map(|body| canal(body, neck.spinolaminar(body.vertebra)?)));
    conflicts.extend(guessed(neck, sizes));
    conflicts.sort_by_key(|c| c.scope != Scope::Neck);
    conflicts
}

/// A level inside the neck is not found far worse than one below it: where it is, it may have been drawn into a disc, and every name
/// below is in doubt.
fn guessed(neck: &Neck<'_>, sizes: Option<Sizes>) -> Option<Conflict> {
    let Sizes { height, .. } = sizes?;
    let found: Vec<(Vertebra, f64)> =
        Vertebra::ALL.into_iter().filter_map(|v| Some((v, spread(neck, v)? / height))).collect();
    let doubtful = |(i, (_, spread)): &(usize, &(Vertebra, f64))| {
        let below = found.iter().skip(i + 1).map(|(_, below)| *below);
        *spread > MAX_SPREAD && below.min_by(f64::total_cmp).is_some_and(|below| below < CLEARER * spread)
    };
    let (_, (vertebra, _)) = found.iter().enumerate().skip(1).find(doubtful)?;
    let reason = format!(
        "{} was hardly found, and levels below it clearly: it may have been drawn where none is",
        vertebra.name()
    );
    Some(Conflict::new(Scope::Neck, reason))
}

/// The mean spread of the corners that were found, pixels.
fn spread(neck: &Neck<'_>, vertebra: Vertebra) -> Option<f64> {
    let spreads: Vec<f64> = Corner::ALL
        .into_iter()
        .filter_map(|corner| neck.keypoints().get(LandmarkId::Corner(vertebra, corner)))
        .map(|landmark| landmark.covariance.sigma())
        .collect();
    (!spreads.is_empty()).then(|| spreads.iter().sum::<f64>() / spreads.len() as f64)
}

/// The median depth of all bodies and the median height of C3…C7; C2's height holds a part of the dens.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    depth: f64,
    height: f64,
}

impl Sizes {
    fn of(bodies: &[Body]) -> Option<Self> {
        let depth = median(bodies.iter().map(Body::depth).collect())?;
        let height = median(bodies.iter().filter(|b| b.vertebra != Vertebra::C2).map(Body::height).collect())?;
        Some(Self { depth, height })
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    (values.len() >= ENOUGH).then(|| values.get(values.len() / 2).copied()).flatten()
}

/// A body is a convex quadrangle whose front lies in front and whose plates are near parallel.
fn shape(body: &Body, oriented: bool) -> Option<Conflict> {
    let name = body.vertebra.name();
    let conflict = |reason| Some(Conflict::new(Scope::Body(body.vertebra), reason));
    let [antero_superior, antero_inferior, postero_superior, postero_inferior] = body.corners;
    let around = [antero_superior, postero_superior, postero_inferior, antero_inferior];
    let turn = |a: Point, b: Point, c: Point| b.from(a).cross(c.from(b));
    let next = around.iter().cycle().skip(1);
    let turns: Vec<f64> =
        around.iter().zip(next.clone()).zip(next.skip(1)).map(|((a, b), c)| turn(*a, *b, *c)).collect();
    let left = turns.iter().filter(|t| **t > 0.0).count();
    if left != 0 && left != around.len() {
        return conflict(format!("the corners of {name} do not form a body: its outline crosses itself or is dented"));
    }
    if oriented && left == 0 {
        return conflict(format!(
            "the corners of {name} contradict the side the patient faces: front and back, or top and bottom, are swapped"
        ));
    }
    if oriented && body.front().x <= body.back().x {
        return conflict(format!("{name} stands on its head: its front wall lies behind its back wall"));
    }
    let wedge = angle_between(body.inferior_plate(), body.superior_plate()).abs();
    // C2's upper corners lie at the foot of the dens, not on an end-plate: its sides may lean as they like.
    (body.vertebra != Vertebra::C2 && wedge > MAX_WEDGE_DEG).then(|| {
        Conflict::new(
            Scope::Body(body.vertebra),
            format!("the end-plates of {name} stand at {wedge:.0}° to each other, more than any wedge"),
        )
    })
}

/// A body is about as large as the others. One that is far too high, with others `below`, may hold two levels: then
/// every name under it is in doubt, and the names above it rest on the same count.
fn size(body: &Body, sizes: Option<Sizes>, below: bool) -> Option<Conflict> {
    let Sizes { depth, height } = sizes?;
    let (name, scope) = (body.vertebra.name(), Scope::Body(body.vertebra));
    let beyond = |ratio: f64, (low, high): (f64, f64)| !(low..=high).contains(&ratio);
    let (deep, high) = (body.depth() / depth, body.height() / height);
    if beyond(deep, DEPTH_RANGE) {
        return Some(Conflict::new(scope, format!("{name} is {deep:.1} times as deep as the other bodies")));
    }
    if body.vertebra == Vertebra::C2 || !beyond(high, HEIGHT_RANGE) {
        return None;
    }
    let told = format!("{name} is {high:.1} times as high as the other bodies");
    if below && high > HEIGHT_RANGE.1 {
        return Some(Conflict::new(Scope::Neck, format!("{told}: two levels may have been taken for one")));
    }
    Some(Conflict::new(scope, told))
}

/// The bodies follow each other downwards, without reaching into each other and without a level between them.
fn order(upper: &Body, lower: &Body, sizes: Option<Sizes>) -> Option<Conflict> {
    let (u, l) = (upper.vertebra.name(), lower.vertebra.name());
    let down = upper.bottom().from(upper.top());
    let height = sizes.map_or(down.length(), |s| s.height);
    let gap = lower.top().from(upper.bottom()).dot(down) / down.length() / height;
    let centres = lower.top().midpoint(lower.bottom()).from(upper.top().midpoint(upper.bottom()));
    if centres.dot(down) <= 0.0 {
        return Some(Conflict::new(Scope::Neck, format!("{l} lies above {u}: the levels are not in order")));
    }
    if centres.length() < MIN_STEP * height {
        let reason = format!("{u} and {l} are drawn onto one another: one body may have been taken for two");
        return Some(Conflict::new(Scope::Neck, reason));
    }
    if gap > MAX_GAP {
        let reason = format!("{u} and {l} lie {gap:.1} body heights apart: a level may have been passed over");
        return Some(Conflict::new(Scope::Neck, reason));
    }
    (gap < -MAX_OVERLAP).then(|| {
        Conflict::new(Scope::Segment(upper.vertebra, lower.vertebra), format!("{u} and {l} reach into each other"))
    })
}

/// Facing end-plates do not stand at an impossible angle.
fn tilt(upper: &Body, lower: &Body) -> Option<Conflict> {
    let angle = angle_between(lower.superior_plate(), upper.inferior_plate()).abs();
    (angle > MAX_SEGMENT_DEG).then(|| {
        let (u, l) = (upper.vertebra.name(), lower.vertebra.name());
        Conflict::new(
            Scope::Segment(upper.vertebra, lower.vertebra),
            format!("the facing end-plates of {u} and {l} stand at {angle:.0}° to each other, more than a neck bends"),
        )
    })
}

/// The spinolaminar line lies behind the body, at a distance that a canal can have, its superior end on top.
fn canal(body: &Body, [superior, inferior]: [Point; 2]) -> Option<Conflict> {
    let (name, scope) = (body.vertebra.name(), Scope::Lamina(body.vertebra));
    let backwards = body.back().from(body.front());
    let behind = superior.midpoint(inferior).from(body.back()).dot(backwards) / backwards.length() / body.depth();
    if !(CANAL_RANGE.0..=CANAL_RANGE.1).contains(&behind) {
        let reason = format!("the spinolaminar line of {name} does not lie where a canal could be before it");
        return Some(Conflict::new(scope, reason));
    }
    let down = body.bottom().from(body.top());
    (inferior.from(superior).dot(down) < 0.0)
        .then(|| Conflict::new(scope, format!("the ends of {name}'s spinolaminar line are swapped")))
}
