//! The sizes of cervical vertebrae by level, sex and stature, and how people differ.
//!
//! The table is that of an average man of 175 cm, rounded to the half millimetre from the published ranges: depths,
//! widths and canal after Panjabi et al. 1991 (*Spine* 16:861, twelve cadavers) and Francis 1955; heights from corner to
//! corner after Gilad & Nissan 1986 (*Spine* 11:154, films of 157 men); the difference of the sexes after Vasavada et
//! al. 2008 (*J Biomech* 41:114: women's vertebrae about a tenth smaller in depth at the same stature).
//! Discs after Frobin et al. 2002. It is a plausible person, not a reference: nothing clinical is derived from it.

use super::draw::Draw;

/// C2, C3, C4, C5, C6, C7, T1: the levels that have a body here.
pub const LEVELS: usize = 7;

/// One vertebra's sizes, millimetres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sizes {
    /// Upper end-plate, front to back.
    pub depth_upper: f32,
    /// Lower end-plate, front to back.
    pub depth_lower: f32,
    /// Anterior wall.
    pub height_anterior: f32,
    /// Posterior wall.
    pub height_posterior: f32,
    /// Left to right.
    pub width: f32,
    /// Posterior wall to spinolaminar line.
    pub canal_depth: f32,
    /// Between the pedicles.
    pub canal_width: f32,
    /// Spinolaminar line to the tip of the spinous process.
    pub spinous_length: f32,
    /// How far the spinous process points below the horizontal, radians.
    pub spinous_fall: f32,
    /// The disc below, in its middle.
    pub disc_below: f32,
    /// Posterior wall to the middle of the articular mass.
    pub pillar_gap: f32,
}

#[rustfmt::skip]
const MAN: [Sizes; LEVELS] = [
    //   depth up, low      heights a, p     width  canal d, w   spinous length, fall    disc
    sizes(13.0, 15.8,      15.5, 14.0,      18.0,  19.5, 24.5,  26.0, 0.20,             4.4), // C2, from the base of the dens
    sizes(15.3, 16.0,      13.6, 13.9,      17.5,  17.6, 23.0,  21.0, 0.42,             4.7), // C3
    sizes(15.6, 16.2,      13.0, 13.4,      18.0,  17.3, 24.5,  21.0, 0.42,             4.8), // C4
    sizes(15.9, 16.9,      12.6, 13.0,      19.0,  17.4, 25.0,  23.5, 0.40,             4.9), // C5
    sizes(16.6, 17.6,      12.9, 13.2,      21.0,  17.5, 25.5,  29.0, 0.38,             5.1), // C6
    sizes(17.2, 17.2,      14.4, 14.6,      23.5,  16.9, 24.5,  37.0, 0.35,             4.9), // C7
    sizes(17.0, 17.6,      15.8, 16.4,      26.0,  16.6, 21.5,  39.0, 0.55,             4.8), // T1
];

#[allow(clippy::too_many_arguments)] // A row of the table above.
const fn sizes(
    depth_upper: f32,
    depth_lower: f32,
    height_anterior: f32,
    height_posterior: f32,
    width: f32,
    canal_depth: f32,
    canal_width: f32,
    spinous_length: f32,
    spinous_fall: f32,
    disc_below: f32,
) -> Sizes {
    Sizes {
        depth_upper,
        depth_lower,
        height_anterior,
        height_posterior,
        width,
        canal_depth,
        canal_width,
        spinous_length,
        spinous_fall,
        disc_below,
        pillar_gap: 7.0,
    }
}

/// The lowest anterior wall of all that a reader marked on head films of the young, as a share of the posterior one and in millimetres.
/// Crushed bodies (`spine`) go lower.
const LOWEST_WALL: (f32, f32) = (0.54, 4.7);

/// How much of a neck's common wedge each level has, C2 (which has the dens on top) first: UMTRI's mean of 140 seated adults has anterior
/// walls of 0.97, 0.94, 0.91, 0.94 and 0.97 of the posterior ones from C3 to C7.
const WEDGED: [f32; LEVELS] = [0.0, 0.9, 1.05, 1.15, 0.8, 0.35, 0.3];

/// The share of the table's disc that is left between corners: on head films of the young a reader's discs are lower than the table;
/// this goes a part of that way (docs/phantoms.md).
fn disc_share(grown: f32) -> f32 {
    0.74 + 0.14 * grown
}

/// No disc is lower before wear, millimetres.
const LOWEST_DISC: f32 = 2.1;

/// A person, as far as the bones can tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Person {
    /// Of the skeleton.
    pub female: bool,
    /// Metres.
    pub stature: f32,
    /// Years.
    pub age: f32,
}

impl Person {
    /// Anyone from nine years on; one in six is not grown up.
    pub fn drawn(draw: &mut Draw) -> Self {
        let female = draw.chance(0.5);
        let stature = draw.normal(if female { 1.63 } else { 1.76 }, 0.07);
        let adult = draw.even(18.0, 88.0);
        let young = draw.even(9.0, 18.0);
        let age = if draw.chance(1.0 / 6.0) { young } else { adult };
        let grown = Self { female, stature, age }.maturity();
        Self { female, stature: stature * (0.78 + 0.22 * grown), age }
    }

    /// How far the vertebrae have grown, 0 at nine years to 1 in an adult. In between (Baccetti et al. 2005, *Semin Orthod*
    /// 11:119) bodies turn from low wedges, whose upper end-plate falls off to the front, more or less into rectangles, and their
    /// lower end-plates, flat at first, become hollow.
    pub fn maturity(self) -> f32 {
        ((self.age - 9.0) / 8.0).clamp(0.0, 1.0)
    }

    /// The scale of lengths along the spine and across it.
    fn scales(self) -> (f32, f32) {
        let along = (self.stature / 1.75).powf(0.6) * if self.female { 0.965 } else { 1.0 };
        let across = (self.stature / 1.75).powf(0.4) * if self.female { 0.91 } else { 1.0 };
        (along, across)
    }

    /// The sizes of this person's vertebrae: what sex and stature explain, what all levels share, and what each has
    /// for itself. `odd` (0 for the norm, 1 for the far ends) widens the spread, most of it that all levels share: bodies that are
    /// odd each in its own way are drawn elsewhere (`spine`).
    pub fn vertebrae(self, draw: &mut Draw, odd: f32) -> [Sizes; LEVELS] {
        let (along, across) = self.scales();
        let spread = 1.0 + odd;
        let mut shared = |sd: f32| draw.normal(1.0, sd * spread).clamp(0.8, 1.25);
        let (height, depth, width, spinous, disc) =
            (shared(0.06), shared(0.07), shared(0.07), shared(0.12), shared(0.16));
        let canal = draw.normal(1.0, 0.09 * spread);
        let pillar_gap = draw.normal(6.2, 1.5).clamp(3.0, 9.0);
        let grown = self.maturity();
        // On films the anterior wall is the lower one, in adults by a twentieth (UMTRI's mean of 140 seated ones), on single necks
        // by a third; in the young more. C2 has the dens on top.
        let sloping = draw.even(0.0, 1.0);
        let wedge = (0.34 * sloping.powf(1.5) - 0.02) + (1.0 - grown) * (0.05 + 0.25 * sloping);
        let mut levels = WEDGED.into_iter();
        MAN.map(|m| {
            let taper = 1.0 - wedge * levels.next().unwrap_or(0.0);
            let mut own = |sd: f32| draw.normal(1.0, sd * (1.0 + 0.4 * odd)).clamp(0.85, 1.15);
            let depth = across * depth * own(0.025);
            let height = along * height * own(0.025) * (0.84 + 0.16 * grown);
            let height_posterior = m.height_posterior * height * own(0.02);
            Sizes {
                depth_upper: m.depth_upper * depth * own(0.02),
                depth_lower: m.depth_lower * depth * own(0.02),
                height_anterior: (m.height_anterior * height * own(0.035) * taper)
                    .max(LOWEST_WALL.0 * height_posterior)
                    .max(LOWEST_WALL.1),
                height_posterior,
                width: m.width * across * width * own(0.03),
                // The canal does not follow the body's depth: that is what Pavlov's ratio lives on.
                canal_depth: (m.canal_depth * across.sqrt() * canal * own(0.035)).clamp(8.5, 28.0),
                canal_width: m.canal_width * across.sqrt() * own(0.03),
                spinous_length: m.spinous_length * across * spinous * own(0.08),
                spinous_fall: m.spinous_fall + 0.12 * (own(0.06) - 1.0) * 8.0,
                disc_below: (m.disc_below * along * disc * own(0.08) * disc_share(grown)).max(LOWEST_DISC),
                pillar_gap,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_differ_but_stay_people() {
        let mut draw = Draw::new(7, 0);
        for _ in 0..200 {
            let person = Person::drawn(&mut draw);
            for s in person.vertebrae(&mut draw, 1.0) {
                assert!((8.0..28.0).contains(&s.depth_lower), "{s:?}");
                assert!((4.7..28.0).contains(&s.height_anterior), "{s:?}");
                assert!((8.4..30.0).contains(&s.canal_depth), "{s:?}");
                assert!(s.disc_below > 2.0, "{s:?}");
            }
        }
    }

    #[test]
    fn anterior_walls_are_lower_and_most_so_in_the_young() {
        let share = |age| {
            let person = Person { female: true, stature: 1.6, age };
            let mut draw = Draw::new(2, 0);
            let bodies = (0..100).flat_map(|_| person.vertebrae(&mut draw, 0.3).into_iter().skip(1).take(5));
            let mut shares: Vec<f32> = bodies.map(|s| s.height_anterior / s.height_posterior).collect();
            shares.sort_by(f32::total_cmp);
            (shares[25], shares[250], shares[475])
        };
        let (steep, usual, even) = share(40.0);
        // UMTRI's mean of 140 adults: 0.91 … 0.97; a single adult's neck in extension: 0.62 … 0.79.
        assert!(steep < 0.72 && (0.84..0.96).contains(&usual) && even > 1.0, "{steep} {usual} {even}");
        // A reader's corners of C3 and C4 on 40 head films of the young: 0.57, 0.86, 1.03.
        let (steep, usual, even) = share(12.0);
        assert!(steep < 0.62 && (0.68..0.88).contains(&usual) && even > 0.9, "{steep} {usual} {even}");
    }

    #[test]
    fn women_are_smaller_across() {
        let sum = |female| {
            let person = Person { female, stature: 1.7, age: 40.0 };
            let mut draw = Draw::new(1, 0);
            (0..50).map(|_| person.vertebrae(&mut draw, 0.0)[3].depth_lower).sum::<f32>()
        };
        assert!(sum(true) < 0.95 * sum(false));
    }
}
