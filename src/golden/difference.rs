//! How far two answers lie apart, and how far they may.

use std::collections::BTreeMap;
use std::fmt;

use crate::domain::anatomy::LandmarkId;
use crate::domain::measurement::Unit;

use super::Answer;

/// How far apart two answers may lie.
///
/// A pixel of a golden film is about 0.4 mm in the neck. The shipped models converted to 16 bits moved landmarks by 0.002–0.004 px on average
/// and 0.035 px at most, angles by 0.011° and lengths by 0.01 mm (ONNX Runtime on the CPU); maps shifted by one cell move them by
/// two to four pixels. The limits lie between, and well below what the models err by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Of all landmarks on average, pixels.
    pub landmark_mean_px: f64,
    /// Of any landmark, pixels.
    pub landmark_max_px: f64,
    /// Of any angle, degrees.
    pub angle_deg: f64,
    /// Of any length, millimetres.
    pub length_mm: f64,
    /// Of any ratio.
    pub ratio: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { landmark_mean_px: 0.15, landmark_max_px: 1.0, angle_deg: 0.75, length_mm: 0.3, ratio: 0.03 }
    }
}

/// How far answers lie apart, over one film or several.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Difference {
    /// How many films.
    pub films: usize,
    /// Landmarks that both have.
    landmarks: usize,
    sum_px: f64,
    /// The largest distance of a landmark, pixels.
    pub landmark_max_px: f64,
    /// The largest difference of an angle, degrees.
    pub angle_max_deg: f64,
    /// The largest difference of a length, millimetres.
    pub length_max_mm: f64,
    /// The largest difference of a ratio.
    pub ratio_max: f64,
    /// Landmarks that only one of them has.
    pub one_sided: Vec<String>,
}

impl Difference {
    /// Between two answers on one film.
    pub fn between(a: &Answer, b: &Answer) -> Self {
        let mut difference = Self { films: 1, ..Self::default() };
        for ((id, a), b) in LandmarkId::all().zip(&a.landmarks).zip(&b.landmarks) {
            match (a, b) {
                (Some(a), Some(b)) => {
                    let distance = a.distance(*b);
                    difference.landmarks += 1;
                    difference.sum_px += distance;
                    difference.landmark_max_px = difference.landmark_max_px.max(distance);
                }
                (None, None) => {}
                _ => difference.one_sided.push(format!("{} {}", id.vertebra().name(), id.part())),
            }
        }
        let known: BTreeMap<_, f64> = a.measurements.iter().map(|(q, level, value)| ((*q, *level), *value)).collect();
        for (quantity, level, value) in &b.measurements {
            let Some(apart) = known.get(&(*quantity, *level)).map(|other| (other - value).abs()) else { continue };
            let slot = match quantity.unit() {
                Unit::Degrees => &mut difference.angle_max_deg,
                Unit::Millimetres => &mut difference.length_max_mm,
                Unit::Ratio => &mut difference.ratio_max,
            };
            *slot = slot.max(apart);
        }
        difference
    }

    /// With another film's.
    pub fn and(mut self, other: Self) -> Self {
        self.films += other.films;
        self.landmarks += other.landmarks;
        self.sum_px += other.sum_px;
        self.landmark_max_px = self.landmark_max_px.max(other.landmark_max_px);
        self.angle_max_deg = self.angle_max_deg.max(other.angle_max_deg);
        self.length_max_mm = self.length_max_mm.max(other.length_max_mm);
        self.ratio_max = self.ratio_max.max(other.ratio_max);
        self.one_sided.extend(other.one_sided);
        self
    }

    /// The mean distance of the landmarks that both have, pixels.
    pub fn landmark_mean_px(&self) -> f64 {
        if self.landmarks == 0 { 0.0 } else { self.sum_px / self.landmarks as f64 }
    }

    /// What lies beyond `limits`, in plain words; `None` where nothing does.
    pub fn beyond(&self, limits: &Limits) -> Option<String> {
        if self.films == 0 || self.landmarks == 0 {
            return Some("no landmark to compare".into());
        }
        if !self.one_sided.is_empty() {
            return Some(format!("not found by both: {}", self.one_sided.join(", ")));
        }
        let checks = [
            ("landmarks differ on average by", self.landmark_mean_px(), limits.landmark_mean_px, "px"),
            ("a landmark differs by", self.landmark_max_px, limits.landmark_max_px, "px"),
            ("an angle differs by", self.angle_max_deg, limits.angle_deg, "°"),
            ("a length differs by", self.length_max_mm, limits.length_mm, "mm"),
            ("a ratio differs by", self.ratio_max, limits.ratio, ""),
        ];
        // What is not a number lies beyond every limit.
        let beyond = checks.into_iter().find(|(_, found, limit, _)| found.is_nan() || found > limit);
        beyond.map(|(what, found, limit, unit)| format!("{what} {found:.3} {unit}, the limit is {limit} {unit}"))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "landmarks {:.3} px on average, {:.3} px at most; angles {:.3}°, lengths {:.3} mm, ratios {:.4} at most",
            self.landmark_mean_px(),
            self.landmark_max_px,
            self.angle_max_deg,
            self.length_max_mm,
            self.ratio_max
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::anatomy::LANDMARKS;
    use crate::domain::geometry::PointPx;
    use crate::domain::measurement::Quantity;

    fn answer() -> Answer {
        let landmarks = (0..LANDMARKS).map(|i| Some(PointPx::new(10.0 * i as f64, 5.0))).collect();
        let measurements =
            vec![(Quantity::C2C7Cobb, None, 20.0), (Quantity::Sva, None, 12.0), (Quantity::Pavlov, None, 0.9)];
        Answer { landmarks, measurements }
    }

    fn beyond(change: impl FnOnce(&mut Answer)) -> Option<String> {
        let mut other = answer();
        change(&mut other);
        Difference::between(&answer(), &other).beyond(&Limits::default())
    }

    #[test]
    fn the_same_answer_differs_in_nothing() {
        assert_eq!(beyond(|_| {}), None);
        let none = Difference::between(&answer(), &answer());
        assert_eq!((none.landmark_mean_px(), none.landmark_max_px, none.films), (0.0, 0.0, 1));
    }

    #[test]
    fn each_limit_is_told_by_what_lies_beyond_it() {
        let shift = |by: f64| {
            move |a: &mut Answer| a.landmarks.iter_mut().flatten().for_each(|p| *p = PointPx::new(p.x + by, p.y))
        };
        assert_eq!(beyond(shift(0.1)), None);
        assert!(beyond(shift(1.0)).unwrap().starts_with("landmarks differ on average"));
        assert!(
            beyond(|a| a.landmarks[3] = Some(PointPx::new(35.0, 5.0))).unwrap().starts_with("a landmark differs by 5")
        );
        assert!(beyond(|a| a.landmarks[3] = None).unwrap().contains("C2 postero_inferior"));
        assert!(beyond(|a| a.measurements[0].2 = 22.0).unwrap().contains("an angle differs by 2.000 °"));
        assert!(beyond(|a| a.measurements[1].2 = 11.5).unwrap().contains("a length"));
        assert!(beyond(|a| a.measurements[2].2 = 0.85).unwrap().contains("a ratio"));
        assert!(beyond(|a| a.landmarks = vec![None; LANDMARKS]).is_some());
        assert!(beyond(|a| a.landmarks[0] = Some(PointPx::new(f64::NAN, 0.0))).is_some(), "not a number");
    }

    #[test]
    fn films_together_keep_the_largest_and_the_mean_of_all() {
        let mut moved = answer();
        moved.landmarks[0] = Some(PointPx::new(0.0, 6.0));
        let apart = Difference::between(&answer(), &moved);
        let both = apart.clone().and(Difference::between(&answer(), &answer()));
        assert_eq!((both.films, both.landmark_max_px), (2, 1.0));
        assert!((both.landmark_mean_px() - apart.landmark_mean_px() / 2.0).abs() < 1e-12);
    }
}
