//! A decoded film: pixels with bone bright, the spacing that could be trusted, and what its header said.

use std::fmt;

use chrono::NaiveDateTime;

use super::geometry::PixelSpacing;

/// A grey image of 16 bits, row by row from the top; 0 is black, bone is bright.
#[derive(Clone, PartialEq, Eq)]
pub struct GrayImage {
    width: usize,
    height: usize,
    pixels: Vec<u16>,
}

impl GrayImage {
    /// An image, or `None` where `pixels` is empty or does not hold `width × height` values.
    pub fn new(width: usize, height: usize, pixels: Vec<u16>) -> Option<Self> {
        (width > 0 && height > 0 && width.checked_mul(height) == Some(pixels.len())).then_some(Self {
            width,
            height,
            pixels,
        })
    }

    /// Columns.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub const fn height(&self) -> usize {
        self.height
    }

    /// Every pixel, row by row.
    pub fn pixels(&self) -> &[u16] {
        &self.pixels
    }

    /// The same with bright and dark exchanged.
    #[must_use]
    pub fn negative(&self) -> Self {
        Self { pixels: self.pixels.iter().map(|pixel| u16::MAX - pixel).collect(), ..*self }
    }

    /// The pixels of row `y`, or an empty slice below the image.
    pub fn row(&self, y: usize) -> &[u16] {
        self.pixels.chunks_exact(self.width).nth(y).unwrap_or(&[])
    }
}

impl fmt::Debug for GrayImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GrayImage({} × {})", self.width, self.height)
    }
}

/// The container a film came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Format {
    Dicom,
    Png,
    Jpeg,
    Tiff,
}

impl Format {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dicom => "dicom",
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Tiff => "tiff",
        }
    }
}

/// Text that identifies a person or may do so: it is never printed, logged or published as it is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Private(String);

impl Private {
    /// Keeps `text` out of every log.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for a keyed pseudonym or where the configuration lets it out.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Private(…)")
    }
}

/// What the header says of the acquisition; every attribute may be missing, and empty text counts as missing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Acquisition {
    /// Modality (0008,0060).
    pub modality: Option<String>,
    /// BodyPartExamined (0018,0015), else the code meaning of AnatomicRegionSequence (0008,2218).
    pub body_part: Option<String>,
    /// ViewPosition (0018,5101), else the code meaning of ViewCodeSequence (0054,0220).
    pub view_position: Option<String>,
    /// SeriesDescription (0008,103E), StudyDescription (0008,1030), ProtocolName (0018,1030) and
    /// AcquisitionDeviceProcessingDescription (0018,1400), and the code meaning of ViewModifierCodeSequence (0054,0222),
    /// those that stand there.
    pub descriptions: Vec<String>,
    /// SOPInstanceUID (0008,0018).
    pub sop_instance_uid: Option<String>,
    /// StudyInstanceUID (0020,000D).
    pub study_instance_uid: Option<String>,
    /// PatientID (0010,0020).
    pub patient_id: Option<Private>,
    /// OperatorsName (0008,1070): who took the film.
    pub operator: Option<Private>,
    /// AcquisitionDateTime (0008,002A), else AcquisitionDate and AcquisitionTime, else ContentDate and ContentTime: local time.
    pub acquired_at: Option<NaiveDateTime>,
    /// ExposureIndex (0018,1411), IEC 62494-1.
    pub exposure_index: Option<f64>,
    /// TargetExposureIndex (0018,1412).
    pub target_exposure_index: Option<f64>,
    /// DeviationIndex (0018,1413), IEC 62494-1.
    pub deviation_index: Option<f64>,
}

/// A film ready to be looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Radiograph {
    /// As a person would see it: lookup tables and windows applied, bone bright, all 16 bits used.
    pub image: GrayImage,
    /// The container.
    pub format: Format,
    /// Millimetres a pixel; `None` withholds every length.
    pub spacing: Option<PixelSpacing>,
    /// What the header says.
    pub acquisition: Acquisition,
    /// The share of the stored pixels (0…1) at the lowest and at the highest value that the detector can give.
    pub clipped: Clipped,
}

/// Shares of the stored pixels (0…1) that stand at the ends of the detector's range.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Clipped {
    /// At the end that shows black.
    pub black: f64,
    /// At the end that shows white.
    pub white: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_holds_exactly_its_pixels() {
        assert!(GrayImage::new(2, 2, vec![0; 3]).is_none());
        assert!(GrayImage::new(0, 5, vec![]).is_none());
        assert!(GrayImage::new(usize::MAX, 2, vec![0; 4]).is_none());
        assert_eq!(GrayImage::new(2, 2, vec![1, 2, 3, 4]).map(|i| i.row(1).to_vec()), Some(vec![3, 4]));
    }

    #[test]
    fn what_is_private_is_not_printed() {
        assert_eq!(format!("{:?}", Private::new("DOE^JANE")), "Private(…)");
    }
}
