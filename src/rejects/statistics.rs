//! The few formulas: agreement with chance taken out, and where the deviation indices lie.

use crate::evaluate::statistics::{deviation, mean};

/// Below this deviation index TG-116 lets a film be repeated for noise, above it asks who over-exposed: a factor of two in dose.
pub const ACTION_LIMIT: f64 = 3.0;

/// Two raters' answers to one question, repeat or not, film by film: Sagitta's verdict and the radiographer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Agreement {
    /// Both say repeat.
    pub both_repeat: u64,
    /// Only the verdict says repeat.
    pub suggested_only: u64,
    /// Only the radiographer says repeat.
    pub decided_only: u64,
    /// Neither does.
    pub both_keep: u64,
}

impl Agreement {
    /// One more film.
    pub const fn count(&mut self, suggested: bool, decided: bool) {
        match (suggested, decided) {
            (true, true) => self.both_repeat += 1,
            (true, false) => self.suggested_only += 1,
            (false, true) => self.decided_only += 1,
            (false, false) => self.both_keep += 1,
        }
    }

    /// How many films.
    pub const fn films(&self) -> u64 {
        self.both_repeat + self.suggested_only + self.decided_only + self.both_keep
    }

    /// The share (0…1) of films on which both say the same; `None` without films.
    pub fn observed(&self) -> Option<f64> {
        super::share(self.both_repeat + self.both_keep, self.films())
    }

    /// Cohen's κ = (pₒ − pₑ) / (1 − pₑ), pₑ being the agreement by chance of two raters with these marginal rates (Cohen,
    /// Educ Psychol Meas 1960; 20:37–46). `None` without films, and where both always say the same one thing: chance
    /// alone explains that.
    pub fn kappa(&self) -> Option<f64> {
        let observed = self.observed()?;
        let suggested = super::share(self.both_repeat + self.suggested_only, self.films())?;
        let decided = super::share(self.both_repeat + self.decided_only, self.films())?;
        let chance = suggested * decided + (1.0 - suggested) * (1.0 - decided);
        (chance < 1.0).then(|| (observed - chance) / (1.0 - chance))
    }
}

/// Where the deviation indices of IEC 62494-1 lie: DI = 10 · log₁₀(EI / EI_T), 0 on target.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DeviationIndex {
    /// Films that tell one.
    pub films: u64,
    /// The mean.
    pub mean: Option<f64>,
    /// The standard deviation of a sample (n − 1); `None` with fewer than two films.
    pub sd: Option<f64>,
    /// Films below −[`ACTION_LIMIT`].
    pub below: u64,
    /// Films above +[`ACTION_LIMIT`].
    pub above: u64,
}

impl DeviationIndex {
    /// Of finite indices.
    pub fn of(indices: &[f64]) -> Self {
        let count = |outside: &dyn Fn(f64) -> bool| indices.iter().filter(|index| outside(**index)).count() as u64;
        Self {
            films: indices.len() as u64,
            mean: mean(indices),
            sd: deviation(indices),
            below: count(&|index| index < -ACTION_LIMIT),
            above: count(&|index| index > ACTION_LIMIT),
        }
    }

    /// The share (0…1) of films outside the limits; `None` without films.
    pub fn outside(&self) -> Option<f64> {
        super::share(self.below + self.above, self.films)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn agreement(both_repeat: u64, suggested_only: u64, decided_only: u64, both_keep: u64) -> Agreement {
        Agreement { both_repeat, suggested_only, decided_only, both_keep }
    }

    /// 20, 5, 10, 15 of 50: pₒ = 0.70, pₑ = 0.5 · 0.6 + 0.5 · 0.4 = 0.50, κ = 0.20 / 0.50.
    #[test]
    fn kappa_of_the_worked_example() {
        let example = agreement(20, 5, 10, 15);
        assert_eq!(example.observed(), Some(0.7));
        assert!((example.kappa().unwrap() - 0.4).abs() < 1e-12);
    }

    #[test]
    fn kappa_at_its_ends() {
        assert_eq!(agreement(3, 0, 0, 5).kappa(), Some(1.0));
        assert_eq!(agreement(0, 4, 4, 0).kappa(), Some(-1.0));
        assert!((agreement(1, 1, 1, 1).kappa().unwrap()).abs() < 1e-12, "chance");
        for nothing_to_say in [agreement(0, 0, 0, 0), agreement(0, 0, 0, 9), agreement(9, 0, 0, 0)] {
            assert_eq!(nothing_to_say.kappa(), None, "{nothing_to_say:?}");
        }
    }

    /// −4, 0, 1, 7: mean 1, squares 25 + 1 + 0 + 36 = 62, SD = √(62 / 3).
    #[test]
    fn deviation_indices_by_hand() {
        let told = DeviationIndex::of(&[-4.0, 0.0, 1.0, 7.0]);
        assert_eq!((told.films, told.mean, told.below, told.above), (4, Some(1.0), 1, 1));
        assert!((told.sd.unwrap() - (62.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(told.outside(), Some(0.5));
        let on_the_limit = DeviationIndex::of(&[-3.0, 3.0]);
        assert_eq!(on_the_limit.outside(), Some(0.0));
        assert_eq!(DeviationIndex::of(&[]).outside(), None);
        assert_eq!(DeviationIndex::of(&[2.0]).sd, None);
    }

    proptest! {
        #[test]
        fn kappa_lies_between_its_ends_and_knows_no_rank(a in 0..500_u64, b in 0..500_u64, c in 0..500_u64, d in 0..500_u64) {
            let one = agreement(a, b, c, d);
            if let Some(kappa) = one.kappa() {
                prop_assert!((-1.0 - 1e-9..=1.0 + 1e-9).contains(&kappa));
                let swapped = agreement(a, c, b, d).kappa().unwrap();
                let turned = agreement(d, b, c, a).kappa().unwrap();
                prop_assert!((kappa - swapped).abs() < 1e-9 && (kappa - turned).abs() < 1e-9);
                prop_assert!(kappa <= one.observed().unwrap() + 1e-9);
            }
        }
    }
}
