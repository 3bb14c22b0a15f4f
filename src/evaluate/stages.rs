//! The hierarchy with more and more of its stages, to tell what each adds (paper B compares its global model alone with
//! the whole).
//!
//! A stage is left out by leaving it out of the manifest, so that what is compared is the product itself: a manifest
//! without closer looks and specialists, then with one stage more at a time, to the one that is installed. A part that the
//! manifest does not name makes no row of its own.

use crate::inference::manifest::Manifest;

/// The hierarchy's name with everything the manifest names.
pub const WHOLE: &str = "as installed";

/// The manifests to compare, from the first look alone to the whole, each with its name.
pub fn stages(whole: &Manifest) -> Vec<(String, Manifest)> {
    let mut stages = vec![(WHOLE.to_owned(), whole.clone())];
    let mut rest = whole.clone();
    // From the whole downwards: each time a part is taken away, and what is left is a stage of its own.
    let parts: [fn(&mut Manifest) -> bool; 4] = [
        |m| m.locator.take().is_some(),
        |m| m.refiner_c2.take().is_some() | m.refiner_c7.take().is_some(),
        |m| m.refiner_body.take().is_some(),
        |m| m.detector.second_pass.take().is_some(),
    ];
    for take in parts {
        if take(&mut rest) {
            stages.push((name(&rest).to_owned(), rest.clone()));
        }
    }
    stages.reverse();
    stages
}

/// What a hierarchy without its locator amounts to.
fn name(manifest: &Manifest) -> &'static str {
    let ends = manifest.refiner_c2.is_some() || manifest.refiner_c7.is_some();
    match (ends, manifest.refiner_body.is_some(), manifest.detector.second_pass.is_some()) {
        (true, _, _) => "specialists, no locator",
        (_, true, _) => "C3–C6 refined only",
        (_, _, true) => "global model only",
        _ => "first look only",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::domain::matrix::Symmetric;
    use crate::inference::manifest::{LocatorModel, Model, PatchFrame, RefinerModel};

    fn installed() -> Manifest {
        Manifest::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models")).unwrap()
    }

    fn names(manifest: &Manifest) -> Vec<String> {
        stages(manifest).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn the_last_stage_is_the_manifest_itself_and_the_ones_before_lack_something() {
        let whole = installed();
        let stages = stages(&whole);
        let (name, last) = stages.last().unwrap();
        assert_eq!((name.as_str(), last), (WHOLE, &whole));
        assert!(stages.len() > 1 && stages.windows(2).all(|w| w[0].1 != w[1].1 && w[0].0 != w[1].0));
        assert!(stages[0].1.detector.second_pass.is_none());
    }

    #[test]
    fn each_part_that_is_there_makes_one_row() {
        let Manifest { detector, calibration, .. } = installed();
        let alone =
            Manifest { detector, locator: None, refiner_c2: None, refiner_body: None, refiner_c7: None, calibration };
        assert_eq!(names(&alone), ["first look only", WHOLE]);
        let model = |role| Model { role, ..alone.detector.model.clone() };
        let refiner = |role| RefinerModel {
            model: model(role),
            normalisation: alone.detector.normalisation,
            heatmaps: alone.detector.heatmaps.clone(),
            patch: PatchFrame { level_height: 0.36, behind: 0.45 },
            looks: 1,
        };
        let bodies = Manifest { refiner_body: Some(refiner("refiner_body")), ..alone.clone() };
        assert_eq!(names(&bodies), ["first look only", "global model only", WHOLE]);
        let locator = LocatorModel {
            model: model("locator"),
            output: "places".into(),
            landmarks: vec![],
            sigma_factor: 1.0,
            c7_correlation: Symmetric::from_fn(0, |_, _| 0.0),
        };
        let whole = Manifest { refiner_c7: Some(refiner("refiner_c7")), locator: Some(locator), ..bodies };
        let rows = ["first look only", "global model only", "C3–C6 refined only", "specialists, no locator", WHOLE];
        assert_eq!(names(&whole), rows);
    }
}
