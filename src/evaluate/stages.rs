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
    let mut stages = Vec::new();
    let mut rest = whole.clone();
    // From the whole downwards: each time the last part is taken away, and what is left is a stage if it was there.
    let parts: [(&str, fn(&mut Manifest) -> bool); 4] = [
        ("without the locator", |m| m.locator.take().is_some()),
        ("without C2's and C7's specialists", |m| m.refiner_c2.take().is_some() | m.refiner_c7.take().is_some()),
        ("global model only", |m| m.refiner_body.take().is_some()),
        ("first look only", |m| m.detector.second_pass.take().is_some()),
    ];
    for (name, take) in parts {
        if take(&mut rest) {
            stages.push((name.to_owned(), rest.clone()));
        }
    }
    stages.reverse();
    stages.push((WHOLE.to_owned(), whole.clone()));
    stages
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_last_stage_is_the_manifest_itself_and_the_ones_before_lack_something() {
        let whole = Manifest::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models")).unwrap();
        let stages = stages(&whole);
        let (name, last) = stages.last().unwrap();
        assert_eq!((name.as_str(), last), (WHOLE, &whole));
        assert!(stages.len() > 1 && stages[0].1 != whole);
        assert!(stages[0].1.detector.second_pass.is_none());
    }
}
