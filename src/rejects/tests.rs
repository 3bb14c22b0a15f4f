use proptest::prelude::*;

use super::testing::{afternoon, day, decided, film, suggested};
use super::*;

#[test]
fn an_afternoon_counted_by_hand() {
    let all = Analysis::of(&afternoon(), 3, 2);
    let total = &all.total;
    assert_eq!((total.films, total.suggested, total.repeated, total.accepted, total.undecided()), (5, 2, 2, 2, 1));
    assert_eq!((total.repeat_rate(), total.suggested_rate()), (Some(0.4), Some(0.4)));
    let expected = Agreement { both_repeat: 1, suggested_only: 1, decided_only: 1, both_keep: 1 };
    assert_eq!(total.agreement, expected);
    assert_eq!((total.deviation.films, total.deviation.mean), (4, Some(1.0)));
    assert_eq!((all.passed_over, all.faults), (4, 2), "the report without a neck is passed over too");
    let films = |groups: Vec<(String, u64)>| groups;
    assert_eq!(
        films(all.days.iter().map(|(day, tally)| (day.to_string(), tally.films)).collect()),
        [("2026-10-31".into(), 2), ("2026-11-01".into(), 3)]
    );
    assert_eq!(
        films(all.months.iter().map(|(month, tally)| (month.to_string(), tally.repeated)).collect()),
        [("2026-10-01".into(), 1), ("2026-11-01".into(), 1)]
    );
    assert_eq!(
        films(all.views.iter().map(|(view, tally)| (view.name().into(), tally.films)).collect()),
        [("neutral".into(), 3), ("flexion".into(), 2)]
    );
    assert_eq!(
        films(all.operators.iter().map(|(name, tally)| (name.clone().unwrap_or_default(), tally.repeated)).collect()),
        [(String::new(), 0), ("op-a".into(), 1), ("op-b".into(), 1)]
    );
    let reasons: Vec<_> = all.reasons.iter().map(|r| (r.reason.name(), r.repeated, r.suggested)).collect();
    assert_eq!(reasons, [("underexposed", 1, 1), ("motion_blur", 1, 0), ("positioning", 0, 1)]);
}

#[test]
fn nothing_and_one_film_are_told_calmly() {
    let nothing = Analysis::of(&[], 0, 0);
    assert_eq!(nothing.total, Tally::default());
    assert_eq!(nothing.total.repeat_rate(), None);
    assert!(nothing.days.is_empty() && nothing.reasons.is_empty());
    let one = Analysis::of(&[film(day(11, 22))], 0, 0);
    assert_eq!((one.total.repeat_rate(), one.total.agreement.kappa()), (Some(0.0), None));
}

fn any_film() -> impl Strategy<Value = JudgedFilm> {
    let reason = || proptest::sample::select(&RejectReason::ALL[..]);
    let operator = proptest::option::of(proptest::sample::select(vec!["a".to_owned(), "b".to_owned()]));
    let index = proptest::option::of(-9.0..9.0_f64);
    let decision = proptest::option::of(proptest::option::of(reason()));
    (1..29_u32, 1..13_u32, any::<bool>(), reason(), decision, operator, index, 0..4_usize).prop_map(
        |(d, m, repeat, why, decision, operator, deviation_index, position)| {
            let plain = JudgedFilm { operator, deviation_index, position: Position::ALL[position], ..film(day(m, d)) };
            let film = if repeat { suggested(plain, why) } else { plain };
            match decision {
                Some(reason) => decided(film, reason),
                None => film,
            }
        },
    )
}

proptest! {
    #[test]
    fn every_breakdown_adds_up_to_the_total(films in proptest::collection::vec(any_film(), 0..40)) {
        let all = Analysis::of(&films, 0, 0);
        let sum = |tallies: &mut dyn Iterator<Item = &Tally>| tallies.fold((0, 0, 0, 0), |sum, tally| {
            let films = tally.deviation.films;
            (sum.0 + tally.films, sum.1 + tally.suggested, sum.2 + tally.repeated, sum.3 + films)
        });
        let total = (all.total.films, all.total.suggested, all.total.repeated, all.total.deviation.films);
        prop_assert_eq!(sum(&mut all.days.iter().map(|(_, tally)| tally)), total);
        prop_assert_eq!(sum(&mut all.months.iter().map(|(_, tally)| tally)), total);
        prop_assert_eq!(sum(&mut all.views.iter().map(|(_, tally)| tally)), total);
        prop_assert_eq!(sum(&mut all.operators.iter().map(|(_, tally)| tally)), total);
        let given: u64 = all.reasons.iter().map(|reason| reason.repeated).sum();
        let told: u64 = all.reasons.iter().map(|reason| reason.suggested).sum();
        prop_assert_eq!((given, told), (all.total.repeated, all.total.suggested));
        prop_assert_eq!(all.total.agreement.films() + all.total.undecided(), all.total.films);
    }
}
