//! The neck as a chain: vertebrae on discs, from T1 upwards to the head, posed from kyphosis to lordosis.
//!
//! Angles follow the report's signs: lordosis positive, a forward tilt of an end-plate positive, anterolisthesis
//! positive. The chain stands in the patient's frame: x forwards, y to the left, z up, origin at the body of C5.

use crate::domain::report::Position;

use super::draw::Draw;
use super::morphometry::{LEVELS, Person, Sizes};
use super::solid::Solid;
use super::space::{Frame, Vec3, v};
use super::vertebra::{Bone, Kind, Ring, Transverse, Wear, atlas, bone};

/// How a neck is held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose {
    /// What the technologist asked for.
    pub position: Position,
    /// Angle between the lower end-plates of C2 and C7 that the discs add up to, degrees.
    pub lordosis: f32,
    /// How lordosis shares out among the discs C2-3 … C6-7; adds up to 1.
    pub shares: [f32; 5],
    /// Forward tilt of T1's upper end-plate, degrees.
    pub t1_slope: f32,
    /// The head's pitch against the horizontal, degrees, chin up positive.
    pub head_pitch: f32,
    /// How far each upper body has slid forwards on the lower, C2-3 … C7-T1, mm.
    pub slips: [f32; 6],
    /// The patient's rotation about the long axis, degrees.
    pub yaw: f32,
    /// The patient's lean out of the film's plane, degrees.
    pub roll: f32,
    /// The patient's lean within the film's plane, degrees, backwards positive.
    pub tilt: f32,
    /// How much further the head is rotated than the trunk, degrees.
    pub twist: f32,
}

impl Pose {
    /// A pose for `position` about a neutral curve of `habit` degrees; `odd` (0…1) lets everything stray further.
    pub fn drawn(position: Position, habit: f32, draw: &mut Draw, odd: f32) -> Self {
        let (lordosis, t1_slope, head_pitch) = match position {
            Position::Flexion => (habit - draw.even(14.0, 44.0), draw.normal(30.0, 8.0), draw.normal(-32.0, 11.0)),
            Position::Extension => (habit + draw.even(10.0, 34.0), draw.normal(22.0, 8.0), draw.normal(24.0, 10.0)),
            Position::Neutral | Position::Unknown => {
                (habit, 22.0 + 0.35 * (habit - 12.0) + draw.normal(0.0, 6.0), draw.normal(2.0, 6.0 + 6.0 * odd))
            }
        };
        // One level follows the next: T1's slope is told from that of C7 with r = 0.90 and 0.91 (Tamai et al. 2018, *Spine* 43:520; Ye et al.
        // 2020, *Global Spine J* 10:148), the bodies' own shapes included; docs/phantoms.md tells what follows.
        let mut shares = [0.13, 0.20, 0.24, 0.25, 0.18].map(|s: f32| s * draw.normal(1.0, 0.2 + 0.15 * odd));
        let total: f32 = shares.iter().sum();
        shares = shares.map(|s| s / total);
        let mut slips = [0.0f32; 6].map(|_| draw.normal(0.0, 0.5 + 0.3 * odd));
        if draw.chance(0.12 + 0.2 * odd) {
            let level = draw.below(5);
            if let Some(slip) = slips.get_mut(level) {
                *slip = draw.even(1.5, 4.5) * if draw.chance(0.6) { 1.0 } else { -1.0 };
            }
        }
        let loose = 0.5 + 1.5 * odd;
        Self {
            position,
            lordosis: lordosis.clamp(-45.0, 62.0),
            shares,
            t1_slope: t1_slope.clamp(-5.0, 55.0),
            head_pitch,
            slips,
            yaw: draw.normal(0.0, 3.5 * loose),
            roll: draw.normal(0.0, 2.0 * loose),
            tilt: draw.normal(0.0, 7.0 * odd),
            twist: draw.normal(0.0, 4.0 * loose),
        }
    }
}

/// A posed neck.
#[derive(Debug, Clone)]
pub struct Spine {
    /// C1 … T3, placed.
    pub bones: Vec<Solid>,
    /// Of C2 … C7.
    pub corners: [[Vec3; 4]; 6],
    /// Of C3 … C7, superior and inferior.
    pub spinolaminar: [[Vec3; 2]; 5],
    /// C2 … T1, by their bodies.
    pub bodies: [Frame; LEVELS],
    /// Half the depth of each of those bodies.
    pub half_depths: [f32; LEVELS],
    /// The head: its origin between the condyles.
    pub head: Frame,
}

const KINDS: [Kind; LEVELS] =
    [Kind::Axis, Kind::Typical, Kind::Typical, Kind::Typical, Kind::Typical, Kind::Prominens, Kind::Thoracic];

/// The bones of a person, before any pose: the same for all films of one patient.
#[derive(Debug, Clone)]
pub struct Skeleton {
    bones: [Bone; LEVELS],
    atlas: Solid,
    discs: [f32; LEVELS],
    fused: Vec<usize>,
    grain: f32,
}

/// What is left of a disc's height between fused bodies.
const FUSED_DISC: f32 = 0.06;

/// Block vertebrae, born or made: one disc or two in a row without height.
fn fused(draw: &mut Draw, odder: f32) -> Vec<usize> {
    if !draw.chance(0.13 * odder) {
        return Vec::new();
    }
    let first = draw.below(5);
    (first..(first + 1 + draw.below(2)).min(5)).collect()
}

/// Tall and squat bodies, and a wedge here and there.
fn misshapen(sizes: &mut [Sizes; LEVELS], draw: &mut Draw, odder: f32) {
    if draw.chance(0.5 * odder) {
        let k = draw.even(0.78, 1.25);
        for s in sizes.iter_mut() {
            (s.height_anterior, s.height_posterior) = (s.height_anterior * k, s.height_posterior * k);
        }
    }
    for s in sizes.iter_mut().skip(1) {
        if draw.chance(0.09 * odder) {
            s.height_anterior = (s.height_anterior * draw.even(0.62, 0.9)).max(0.45 * s.height_posterior);
        } else if draw.chance(0.03 * odder) {
            s.height_posterior *= draw.even(0.75, 0.92);
        }
    }
}

impl Skeleton {
    /// Builds `person`; `odd` (0…1) strays from the norm.
    pub fn drawn(person: &Person, draw: &mut Draw, odd: f32, grain: f32) -> Self {
        let mut sizes = person.vertebrae(draw, odd);
        let odder = (odd - 0.3).max(0.0);
        let fused = fused(draw, odder);
        misshapen(&mut sizes, draw, odder);
        let old = ((person.age - 35.0) / 45.0).clamp(0.0, 1.0);
        let cancellous = draw.normal(0.27 - 0.08 * old, 0.04).clamp(0.12, 0.4);
        let cortex = draw.normal(0.75 - 0.15 * old, 0.12).clamp(0.4, 1.2);
        let round = draw.even(0.9, 2.2);
        let young = 1.0 - person.maturity();
        let brow = young * draw.even(2.0, 9.0) + if draw.chance(0.35) { draw.even(0.0, 3.0 + 2.0 * old) } else { 0.0 };
        let grown = 1.0 - young * draw.even(0.4, 1.0);
        let (vault, apex, lip) = (grown * draw.even(0.8, 2.8), draw.even(0.65, 1.1), draw.even(0.3, 2.0));
        // UMTRI's mean: 2° to 7°; on head films of the young 8°.
        let mut plates = draw.aside(1);
        let fall = plates.normal(0.08, 0.045);
        let half = plates.even(4.6, 7.0);
        let ring = Ring {
            at: (plates.normal(0.5, 1.2), plates.normal(0.5, 1.5)),
            half: (half, half * plates.even(0.95, 1.35)),
            long: if plates.chance(0.85) { plates.even(1.5, 8.0) } else { 0.0 },
        };
        // Behind, lower edges are sharp, and C2's vault is highest near its posterior wall.
        let mut rear = draw.aside(2);
        let (keen, bevel) = (rear.even(0.2, 0.9), rear.even(0.3, 3.2));
        let (arch, steep) = (rear.even(0.9, 1.5), rear.even(0.5, 1.0));
        let transverse = (draw.even(2.5, 9.0), draw.even(0.0, 0.5), draw.even(1.0, 2.3));
        let mut discs = sizes.map(|s| s.disc_below);
        let mut level = 0;
        let bones = sizes.map(|s: Sizes| {
            let kind = KINDS[level];
            // C4-5, C5-6 and C6-7 wear first.
            let prone = [0.1, 0.3, 0.6, 1.0, 0.9, 0.3, 0.1][level];
            let worn = draw.chance((0.15 + 0.75 * odd) * old * prone + 0.15 * odd * prone);
            let spur = |draw: &mut Draw| if worn { draw.even(0.8, 4.0 + 2.0 * odd) } else { 0.0 };
            let wear = Wear {
                spurs: (spur(draw), spur(draw)),
                uncus: draw.even(2.5, 6.5 + if worn { 2.0 * odd } else { 0.0 }) * (1.0 - 0.5 * young),
                cortex,
                cancellous,
                round,
                brow: brow * draw.even(0.7, 1.2),
                bevel,
                keen,
                vault: {
                    let high = vault * draw.even(0.75, 1.25);
                    if kind == Kind::Axis { (high * arch, (apex * steep).max(0.4)) } else { (high, apex) }
                },
                lip: lip * draw.even(0.7, 1.3),
                fall: fall + plates.normal(0.0, 0.02),
                transverse: Transverse {
                    forward: transverse.0 + draw.normal(0.0, 0.8),
                    fall: transverse.1 + draw.normal(0.0, 0.06),
                    stout: transverse.2 * draw.even(0.8, 1.25),
                },
                ring,
            };
            if worn {
                discs[level] *= draw.even(0.35, 0.85);
            }
            if fused.contains(&level) {
                discs[level] *= FUSED_DISC;
            }
            level += 1;
            bone(&s, &wear, kind, grain)
        });
        let ring = Wear {
            spurs: (0.0, 0.0),
            uncus: 0.0,
            cortex: cortex * 1.2,
            cancellous,
            round,
            brow: 0.0,
            bevel: 0.0,
            keen: 0.0,
            vault: (0.0, 1.0),
            lip: 0.0,
            fall: 0.0,
            transverse: Transverse::USUAL,
            ring: Ring::NONE,
        };
        let scale = (sizes[0].depth_lower / 15.8).powf(0.7) * draw.normal(1.0, 0.03);
        Self { bones, atlas: atlas(scale, &ring, grain), discs, fused, grain }
    }

    /// The discs (0: C2-3) that bone has replaced.
    pub const fn fused(&self) -> &Vec<usize> {
        &self.fused
    }

    /// The same bones, with the disc `level` replaced by bone.
    pub fn with_fused(mut self, level: usize) -> Self {
        if let Some(disc) = self.discs.get_mut(level).filter(|_| !self.fused.contains(&level)) {
            *disc *= FUSED_DISC;
            self.fused.push(level);
        }
        self
    }

    /// Poses it.
    pub fn posed(&self, pose: &Pose) -> Spine {
        let patient =
            Frame::new(Vec3::default(), pose.tilt.to_radians(), pose.yaw.to_radians(), pose.roll.to_radians());
        let bodies = self.chain(pose);
        // Put C5 at the origin, turn the patient, twist what lies above.
        let anchor = bodies[3].origin;
        let bodies = bodies.map(|f| patient.then(&f.moved_to(f.origin - anchor)));
        let (atlas, head) = self.head(pose, &bodies[0]);
        let mut bones = vec![Solid { frame: atlas, ..self.atlas.clone() }];
        bones.extend(self.bones.iter().zip(&bodies).map(|(b, f)| Solid { frame: *f, ..b.solid.clone() }));
        bones.extend(self.upper_thoracic(&bodies[LEVELS - 1]));
        let placed = |i: usize, p: Vec3| bodies[i].point(p);
        Spine {
            bones,
            corners: [0, 1, 2, 3, 4, 5].map(|i| self.bones[i].corners.map(|p| placed(i, p))),
            spinolaminar: [1, 2, 3, 4, 5].map(|i| self.bones[i].spinolaminar.map(|p| placed(i, p))),
            bodies,
            half_depths: [0, 1, 2, 3, 4, 5, 6].map(|i| (self.bones[i].corners[0].x - self.bones[i].corners[2].x) / 2.0),
            head,
        }
    }

    /// From T1 upwards, in a frame whose origin is T1.
    fn chain(&self, pose: &Pose) -> [Frame; LEVELS] {
        let plate = |i: usize, lower: bool| {
            let c = self.bones[i].corners;
            let (a, p) = if lower { (c[1], c[3]) } else { (c[0], c[2]) };
            ((a + p) * 0.5, (a.z - p.z).atan2(a.x - p.x))
        };
        let (_, tilt) = plate(6, false);
        let mut pitch = -pose.t1_slope.to_radians() - tilt;
        let mut frames = [Frame::new(Vec3::default(), pitch, 0.0, 0.0); LEVELS];
        // What the bodies' own wedges leave of the wanted angle, the discs take.
        let wedges: f32 = (1..6).map(|i| plate(i, false).1 - plate(i, true).1).sum();
        let discs = pose.lordosis.to_radians() - wedges;
        // Bone does not bend: the other discs take the share of a fused one.
        let stiff: f32 = self.fused.iter().filter_map(|i| pose.shares.get(*i)).sum();
        for i in (0..LEVELS - 1).rev() {
            let whole = self.fused.contains(&i);
            let (below, below_tilt) = plate(i + 1, false);
            let (own, own_tilt) = plate(i, true);
            let depth = self.bones[i].corners[1].x - self.bones[i].corners[3].x;
            let share = |s: &f32| if whole { 0.0 } else { s * discs / (1.0 - stiff).max(0.2) };
            let angle = pose.shares.get(i).map_or(0.02, share);
            let middle = pitch + below_tilt + angle / 2.0;
            // A disc that makes up for wedged bodies opens in front and does not close behind: on 40 head films its anterior height
            // grows by 1.34, its posterior one by 0.38 of what the bodies' anterior walls lack.
            let opened =
                if whole { 0.0 } else { 0.9 * depth * pose.shares.get(i).map_or(0.0, |s| s * (-wedges).max(0.0)) };
            let rise = self.discs[i] + opened;
            let disc = v(-middle.sin(), 0.0, middle.cos()) * rise
                + v(middle.cos(), 0.0, middle.sin()) * if whole { 0.0 } else { pose.slips[i] };
            let seat = frames[i + 1].point(below) + disc;
            pitch += below_tilt + angle - own_tilt;
            let yaw = pose.twist.to_radians() * 0.5 * (6 - i) as f32 / 6.0;
            let frame = Frame::new(Vec3::default(), pitch, yaw, 0.0);
            frames[i] = frame.moved_to(seat - frame.direction(own));
        }
        frames
    }

    /// C1 and the head on top of C2.
    fn head(&self, pose: &Pose, axis: &Frame) -> (Frame, Frame) {
        let forward = axis.direction(v(1.0, 0.0, 0.0));
        let pitch = forward.z.atan2(forward.x.hypot(forward.y));
        let bend = (pose.head_pitch.to_radians() - pitch).clamp(-0.45, 0.75);
        let turn = pose.twist.to_radians() * 0.5;
        let dens = (self.bones[0].corners[0].z + 10.5).max(8.0);
        let atlas = axis.then(&Frame::new(v(-1.6, 0.0, dens), 0.35 * bend, turn, 0.0));
        let head = atlas.then(&Frame::new(v(-2.0, 0.0, 9.5), 0.65 * bend, 0.0, 0.0));
        (atlas, head)
    }

    /// T2 and T3: T1 again, a little larger, on a gentle kyphosis.
    fn upper_thoracic(&self, t1: &Frame) -> Vec<Solid> {
        let step = -(self.bones[6].corners[0].z - self.bones[6].corners[1].z) - self.discs[6];
        let mut frame = *t1;
        (0..2)
            .map(|_| {
                frame = frame.then(&Frame::new(v(-1.5, 0.0, step), 0.06, 0.0, 0.0));
                Solid { frame, grain: self.grain * 1.5, ..self.bones[6].solid.clone() }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neck(lordosis: f32) -> Spine {
        let person = Person { female: true, stature: 1.65, age: 30.0 };
        let skeleton = Skeleton::drawn(&person, &mut Draw::new(5, 0), 0.0, 1.0);
        let mut pose = Pose::drawn(Position::Neutral, lordosis, &mut Draw::new(5, 1), 0.0);
        (pose.yaw, pose.roll, pose.tilt, pose.twist, pose.slips) = (0.0, 0.0, 0.0, 0.0, [0.0; 6]);
        skeleton.posed(&pose)
    }

    #[test]
    fn the_neck_has_the_curve_that_was_asked_for() {
        for lordosis in [-20.0, 0.0, 30.0] {
            let c = neck(lordosis).corners;
            let tilt = |v: usize| (c[v][1].z - c[v][3].z).atan2(c[v][1].x - c[v][3].x).to_degrees();
            assert!((tilt(0) - tilt(5) - lordosis).abs() < 0.5, "{lordosis}: {}", tilt(0) - tilt(5));
        }
    }

    #[test]
    fn bodies_stand_on_each_other_without_a_step() {
        let c = neck(15.0).corners;
        for i in 0..5 {
            let gap = (c[i][3] - c[i + 1][2]).length();
            assert!((1.5..9.0).contains(&gap), "{i}: {gap}");
        }
    }
}
