//! The plots of the papers, as SVG: box plots by vertex (paper A, figure 1), Bland–Altman (figures 2c and 3c), and how
//! many truths the intervals hold.
//!
//! A plot without any number to show is left out. What lies beyond a scale is marked at its edge and counted, never
//! dropped in silence.

mod agreement;
mod boxes;
mod coverage;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::figures::HEADLINE;
use super::score::FilmScore;
use crate::domain::detection::C7Visibility;
use crate::domain::measurement::Quantity;

/// A drawing that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the plot {name} cannot be drawn: {reason}")]
pub struct PlotError {
    /// Its file name.
    pub name: String,
    /// As the library says it.
    pub reason: String,
}

/// A finished drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plot {
    /// Its file name: `corners.svg`, `agreement-sva.svg`, …
    pub name: String,
    /// Its content.
    pub svg: String,
}

/// Every plot of `films` that has something to show.
///
/// # Errors
/// [`PlotError`] where the drawing library refuses.
pub fn draw(films: &[FilmScore]) -> Result<Vec<Plot>, PlotError> {
    let mut plots = vec![boxes::draw(films)?];
    for quantity in HEADLINE {
        plots.push(agreement::draw(films, quantity)?);
    }
    plots.push(coverage::draw(films)?);
    Ok(plots.into_iter().flatten().collect())
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

const INK: RGBColor = RGBColor(34, 40, 49);
const DIM: RGBColor = RGBColor(98, 108, 122);
const GRID: RGBColor = RGBColor(226, 230, 236);
const BAND: RGBColor = RGBColor(245, 247, 250);
const BLUE: RGBColor = RGBColor(31, 99, 171);
const AMBER: RGBColor = RGBColor(201, 125, 10);
const RED: RGBColor = RGBColor(190, 42, 58);
const GREEN: RGBColor = RGBColor(36, 138, 92);

/// The colour of a state of C7, the same in every plot, and a legend's words.
const C7_INKS: [(Option<C7Visibility>, RGBColor, &str); 4] = [
    (Some(C7Visibility::Full), BLUE, "C7 visible"),
    (Some(C7Visibility::Partial), AMBER, "C7 partly hidden"),
    (Some(C7Visibility::Hidden), RED, "C7 hidden"),
    (None, DIM, "C7 not told"),
];

/// Draws onto a white sheet of `size` pixels.
fn sheet(name: &str, size: (u32, u32), content: impl FnOnce(&Area<'_>) -> Drawn) -> Result<Plot, PlotError> {
    let mut svg = String::new();
    let failed = |reason: String| PlotError { name: name.to_owned(), reason };
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        area.fill(&WHITE).map_err(|error| failed(error.to_string()))?;
        content(&area).map_err(|error| failed(error.to_string()))?;
        area.present().map_err(|error| failed(error.to_string()))?;
    }
    Ok(Plot { name: name.to_owned(), svg })
}

fn font(size: u32, ink: RGBColor) -> TextStyle<'static> {
    TextStyle { color: ink.to_backend_color(), ..TextStyle::from(("sans-serif", size).into_font()) }
}

fn centred(size: u32, ink: RGBColor) -> TextStyle<'static> {
    font(size, ink).pos(Pos::new(HPos::Center, VPos::Top))
}

fn beside(size: u32, ink: RGBColor) -> TextStyle<'static> {
    font(size, ink).pos(Pos::new(HPos::Left, VPos::Center))
}

fn before(size: u32, ink: RGBColor) -> TextStyle<'static> {
    font(size, ink).pos(Pos::new(HPos::Right, VPos::Center))
}

/// Title and subtitle in the top left corner.
fn titles(area: &Area<'_>, title: &str, subtitle: &str) -> Drawn {
    area.draw_text(title, &font(21, INK), (24, 16))?;
    area.draw_text(subtitle, &font(15, DIM), (24, 44))?;
    Ok(())
}

/// Dots with their words in a row, beginning at `at`.
fn legend(area: &Area<'_>, entries: &[(RGBColor, String)], at: (i32, i32)) -> Drawn {
    let mut x = at.0;
    for (ink, words) in entries {
        area.draw(&Circle::new((x, at.1), 5, ink.filled()))?;
        area.draw_text(words, &beside(14, INK), (x + 11, at.1))?;
        x += 36 + 8 * i32::try_from(words.chars().count()).unwrap_or(0);
    }
    Ok(())
}

/// `c2_c7_cobb` as a reader would write it.
const fn title(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::C2C7Cobb => "C2–C7 Cobb angle",
        Quantity::C2C6Cobb => "C2–C6 Cobb angle",
        Quantity::C2Slope => "C2 slope",
        Quantity::C7Slope => "C7 slope",
        Quantity::Sva => "C2–C7 sagittal vertical axis",
        Quantity::SegmentalAngle => "Segmental angle",
        Quantity::SlipDistance => "Slip distance",
        Quantity::SlipAngle => "Slip angle",
        Quantity::Sdvb => "Body diameter (SDVB)",
        Quantity::Sdvc => "Canal diameter (SDVC)",
        Quantity::Pavlov => "Pavlov ratio",
        Quantity::DiscHeightAnterior => "Disc height, anterior",
        Quantity::DiscHeightMiddle => "Disc height, middle",
        Quantity::DiscHeightPosterior => "Disc height, posterior",
        Quantity::BodyWedge => "Body wedge",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::geometry::PointPx;
    use crate::evaluate::score::score;
    use crate::evaluate::testing::{found, report, truth};

    #[test]
    fn every_plot_is_an_image_and_nothing_to_show_draws_nothing() {
        assert_eq!(draw(&[]).unwrap(), []);
        let film = |by: f64| {
            let keypoints =
                found(&truth(), |id, p| Some(PointPx::new(p.x + by, p.y + by * id.index().unwrap() as f64 / 9.0)));
            score("a", &truth(), &report(&keypoints))
        };
        let films: Vec<_> = [-2.0, -1.0, 0.5, 1.5, 40.0].map(film).into();
        let plots = draw(&films).unwrap();
        let names: Vec<&str> = plots.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names.len(), 10, "{names:?}");
        for plot in &plots {
            assert!(plot.svg.starts_with("<svg") && plot.svg.trim_end().ends_with("</svg>"), "{}", plot.name);
            assert!(
                !plot.svg.contains("NaN") && !plot.svg.contains("\"inf") && !plot.svg.contains("\"-inf"),
                "{}",
                plot.name
            );
        }
        assert_eq!(plots, draw(&films).unwrap(), "the same films give the same drawings");
    }
}
