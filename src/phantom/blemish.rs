//! Single faults that a film can be made to carry, each with its size, so that what a fault costs can be measured.

use std::str::FromStr;

/// A fault that a film is made to carry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Blemish {
    /// None beyond what the difficulty brings.
    None,
    /// None at all but for what the patient brings: usual framing, shoulders down, the right dose. What every film with a
    /// single fault is, without the fault.
    Plain,
    /// The shoulders hide the whole of C7.
    HiddenC7,
    /// The shoulders hide C7 and C6.
    HiddenC6,
    /// So small a share of the dose; a tenth or less if not told.
    UnderExposed(Option<f32>),
    /// So many times the dose: from about 12 on the detector saturates before the neck, from about 60 on behind it.
    OverExposed(f32),
    /// The patient is turned about the long axis, degrees.
    Yaw(f32),
    /// The patient leans out of the film's plane, degrees.
    Roll(f32),
    /// The patient leans within the film's plane, degrees, backwards positive.
    Tilt(f32),
    /// The patient moved, millimetres on the detector.
    Motion(f32),
    /// The collimator cuts the neck below so many millimetres under C5's centre.
    CutBelow(f32),
    /// The collimator cuts the neck so many millimetres over C3's centre.
    CutAbove(f32),
    /// A pendant, a clasp or a button over one of C3 … C6.
    Clasp,
    /// An earring over the neck, a chain and hair pins.
    Jewellery,
    /// An anterior plate with screws over two discs.
    Plate,
    /// A rigid collar.
    Collar,
    /// Lines of an anti-scatter grid, contrast as a share of the signal.
    GridLines(f32),
    /// So many dead columns.
    DeadColumns(f32),
    /// Lines of burned-in letters.
    Text,
    /// Black or grey bars about the film.
    Letterboxed,
    /// Bone dark without a tag.
    Inverted,
    /// JPEG at this quality.
    Jpeg(f32),
    /// Two bodies without a disc, at C5-6.
    Fused,
}

/// Every name that [`Blemish::from_str`] takes.
pub const NAMES: &str = "hidden-c7, hidden-c6, under-exposed, over-exposed, yaw, roll, tilt, motion, cut-below, \
cut-above, clasp, jewellery, plate, collar, grid-lines, dead-columns, text, letterboxed, inverted, jpeg, fused, plain, none";

impl FromStr for Blemish {
    type Err = String;

    /// `NAME` or `NAME=SIZE`, as `yaw=12`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, size) = text.split_once('=').map_or((text, None), |(name, size)| (name, Some(size)));
        let size = match size.map(str::parse::<f32>) {
            Some(Ok(size)) if size.is_finite() => Some(size),
            None => None,
            _ => return Err(format!("the size in \"{text}\" is no number")),
        };
        Ok(match name {
            "none" => Self::None,
            "hidden-c7" => Self::HiddenC7,
            "hidden-c6" => Self::HiddenC6,
            "under-exposed" => Self::UnderExposed(size.map(|s| s.clamp(0.002, 1.0))),
            "over-exposed" => Self::OverExposed(size.unwrap_or(12.0).clamp(1.0, 200.0)),
            "yaw" => Self::Yaw(size.unwrap_or(12.0).clamp(-45.0, 45.0)),
            "roll" => Self::Roll(size.unwrap_or(8.0).clamp(-45.0, 45.0)),
            "tilt" => Self::Tilt(size.unwrap_or(12.0).clamp(-60.0, 60.0)),
            "motion" => Self::Motion(size.unwrap_or(1.5).clamp(0.0, 15.0)),
            "cut-below" => Self::CutBelow(size.unwrap_or(10.0)),
            "cut-above" => Self::CutAbove(size.unwrap_or(10.0)),
            "plain" => Self::Plain,
            "clasp" => Self::Clasp,
            "jewellery" => Self::Jewellery,
            "plate" => Self::Plate,
            "collar" => Self::Collar,
            "grid-lines" => Self::GridLines(size.unwrap_or(0.03).clamp(0.0, 0.5)),
            "dead-columns" => Self::DeadColumns(size.unwrap_or(3.0).clamp(0.0, 50.0)),
            "text" => Self::Text,
            "letterboxed" => Self::Letterboxed,
            "inverted" => Self::Inverted,
            "jpeg" => Self::Jpeg(size.unwrap_or(30.0).clamp(1.0, 100.0)),
            "fused" => Self::Fused,
            _ => return Err(format!("no such fault; there are: {NAMES}")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_known_and_takes_a_size() {
        for name in NAMES.split(", ") {
            assert!(name.parse::<Blemish>().is_ok(), "{name}");
            assert!(format!("{name}=2").parse::<Blemish>().is_ok(), "{name}");
        }
        assert_eq!("yaw=7.5".parse(), Ok(Blemish::Yaw(7.5)));
        assert!("yaw=a".parse::<Blemish>().is_err() && "squint".parse::<Blemish>().is_err());
    }
}
