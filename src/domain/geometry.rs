//! Points, lengths, angles and the spacing that turns pixels into millimetres.

use std::fmt;

/// A position on a film in continuous pixels; the centre of the top left pixel is (0.5, 0.5), y runs down.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PointPx {
    /// To the right, in pixels.
    pub x: f64,
    /// Downwards, in pixels.
    pub y: f64,
}

impl PointPx {
    /// A point at (`x`, `y`).
    pub const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }

    /// The vector from `origin` to this point.
    pub fn from(self, origin: Self) -> Self {
        Self::new(self.x - origin.x, self.y - origin.y)
    }

    /// The point half way to `other`.
    pub fn midpoint(self, other: Self) -> Self {
        Self::new((self.x + other.x) / 2.0, (self.y + other.y) / 2.0)
    }

    /// The distance to `other`, in pixels.
    pub fn distance(self, other: Self) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// Whether both coordinates are finite.
    pub fn is_finite(self) -> bool {
        self.x.is_finite() && self.y.is_finite()
    }
}

/// The covariance of a position, in square pixels: a symmetric 2×2 matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Covariance {
    /// Variance along x.
    pub xx: f64,
    /// Covariance of x and y.
    pub xy: f64,
    /// Variance along y.
    pub yy: f64,
}

impl Covariance {
    /// The same spread `sigma` (pixels) in every direction.
    pub fn isotropic(sigma: f64) -> Self {
        Self { xx: sigma * sigma, xy: 0.0, yy: sigma * sigma }
    }

    /// The root mean square spread of one coordinate, in pixels.
    pub fn sigma(self) -> f64 {
        ((self.xx + self.yy) / 2.0).max(0.0).sqrt()
    }

    /// This covariance with every spread multiplied by `factor`.
    pub fn widened(self, factor: f64) -> Self {
        let f = factor * factor;
        Self { xx: self.xx * f, xy: self.xy * f, yy: self.yy * f }
    }
}

/// A length in millimetres.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Mm(pub f64);

/// An angle in degrees.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Deg(pub f64);

impl Deg {
    /// The angle `radians`, in degrees.
    pub fn from_radians(radians: f64) -> Self {
        Self(radians.to_degrees())
    }
}

/// Which rule gave the millimetres of a film, strongest first (PS3.3 10.7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpacingSource {
    /// PixelSpacing (0028,0030) with PixelSpacingCalibrationType (0028,0A02), or finer than ImagerPixelSpacing
    /// (0018,1164): corrected to the patient.
    PixelSpacingCalibrated,
    /// ImagerPixelSpacing (0018,1164) divided by EstimatedRadiographicMagnificationFactor (0018,1114).
    ImagerMagnificationCorrected,
    /// ImagerPixelSpacing (0018,1164) alone: millimetres in the plane of the detector, magnified.
    ImagerDetectorPlane,
    /// PixelSpacing (0028,0030) alone: the plane of the detector or the patient, the header does not tell which.
    PixelSpacingUndetermined,
    /// The configuration or the command line named it, for films that carry none.
    Configured,
}

impl SpacingSource {
    /// The name on the wire and in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PixelSpacingCalibrated => "pixel_spacing_calibrated",
            Self::ImagerMagnificationCorrected => "imager_magnification_corrected",
            Self::ImagerDetectorPlane => "imager_detector_plane",
            Self::PixelSpacingUndetermined => "pixel_spacing_undetermined",
            Self::Configured => "configured",
        }
    }
}

/// Millimetres a pixel, the same in both directions, and the rule that gave them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PixelSpacing {
    mm_per_pixel: f64,
    source: SpacingSource,
}

impl PixelSpacing {
    /// Finer than any detector: a value below is a mistake.
    pub const MIN_MM: f64 = 0.01;
    /// Coarser than any film on which a vertebra could be measured: a value above is a mistake.
    pub const MAX_MM: f64 = 2.0;

    /// A spacing, or `None` where the value is not finite or outside `MIN_MM..=MAX_MM`.
    pub fn new(mm_per_pixel: f64, source: SpacingSource) -> Option<Self> {
        (Self::MIN_MM..=Self::MAX_MM).contains(&mm_per_pixel).then_some(Self { mm_per_pixel, source })
    }

    /// Millimetres a pixel.
    pub const fn mm_per_pixel(self) -> f64 {
        self.mm_per_pixel
    }

    /// The rule that gave it.
    pub const fn source(self) -> SpacingSource {
        self.source
    }

    /// A length of `pixels` in millimetres.
    pub fn mm(self, pixels: f64) -> Mm {
        Mm(pixels * self.mm_per_pixel)
    }
}

impl fmt::Display for PixelSpacing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4} mm ({})", self.mm_per_pixel, self.source.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spacing_that_no_detector_has_is_none() {
        for bad in [0.0, -0.1, 0.001, 7.0, f64::NAN, f64::INFINITY] {
            assert!(PixelSpacing::new(bad, SpacingSource::Configured).is_none(), "{bad}");
        }
        assert!(PixelSpacing::new(0.143, SpacingSource::Configured).is_some());
    }
}
