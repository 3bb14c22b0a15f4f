//! Paper A, figure 1: for each of the 24 vertices a box of the errors, in millimetres.

use plotters::prelude::*;

use super::{AMBER, BAND, BLUE, DIM, Drawn, GREEN, GRID, INK, Plot, PlotError, RED, before, centred, sheet, titles};
use crate::domain::anatomy::{Corner, LandmarkId, Vertebra};
use crate::evaluate::score::FilmScore;
use crate::evaluate::statistics::{Box5, sorted};

const NAME: &str = "corners.svg";
const SIZE: (u32, u32) = (1280, 600);
/// From one vertebra to the next: four boxes and a gap.
const PITCH: f64 = 5.0;
/// Half the width of a box.
const HALF: f64 = 0.34;
/// The scale shows at least this much, mm.
const LEAST_MM: f64 = 2.0;
const INKS: [(RGBColor, &str); 4] = [(BLUE, "AS"), (GREEN, "AI"), (AMBER, "PS"), (RED, "PI")];

/// The visible corners that were found, on films with a spacing.
pub(super) fn draw(films: &[FilmScore]) -> Result<Option<Plot>, PlotError> {
    let errors = |vertebra, corner| -> Vec<f64> {
        let id = LandmarkId::Corner(vertebra, corner);
        let of_film = |film: &FilmScore| {
            let off = film.landmarks.iter().find(|l| l.id == id && l.visible)?.off?;
            Some(off.px * film.spacing_mm?)
        };
        sorted(&films.iter().filter_map(of_film).collect::<Vec<f64>>())
    };
    let columns: Vec<(f64, RGBColor, Vec<f64>)> = Vertebra::ALL
        .into_iter()
        .flat_map(|v| Corner::ALL.map(|c| (v, c)))
        .map(|(v, c)| {
            let x = PITCH * f64::from(v as u8) + f64::from(c as u8) + 1.0;
            (x, INKS.get(c as usize).map_or(BLUE, |(ink, _)| *ink), errors(v, c))
        })
        .collect();
    let whisker = columns.iter().filter_map(|(_, _, e)| Some(Box5::of(e)?.high)).fold(f64::NAN, f64::max);
    if whisker.is_nan() {
        return Ok(None);
    }
    let farthest = columns.iter().filter_map(|(_, _, e)| e.last()).copied().fold(0.0, f64::max);
    let top = (1.5 * whisker).min(1.05 * farthest).max(LEAST_MM);
    let n: usize = columns.iter().map(|(_, _, e)| e.len()).sum();
    sheet(NAME, SIZE, |area| {
        titles(
            area,
            "Error of each corner",
            &format!(
                "{n} visible corners on {} films. Box: quartiles and median; whiskers: 1.5 × IQR; ▲ with their number: beyond the scale",
                films.len()
            ),
        )?;
        content(area, &columns, top)
    })
    .map(Some)
}

fn content(area: &super::Area<'_>, columns: &[(f64, RGBColor, Vec<f64>)], top: f64) -> Drawn {
    let mut chart = ChartBuilder::on(area)
        .margin_top(76)
        .margin_left(24)
        .margin_right(24)
        .margin_bottom(52)
        .set_label_area_size(LabelAreaPosition::Left, 52)
        .build_cartesian_2d(0.0..6.0 * PITCH, 0.0..top)?;
    chart.draw_series((0..6).step_by(2).map(|v| {
        let x = PITCH * f64::from(v);
        Rectangle::new([(x, 0.0), (x + PITCH, top)], BAND.filled())
    }))?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(DIM)
        .y_desc("error, mm")
        .y_labels(8)
        .y_label_formatter(&|mm| format!("{mm:.1}"))
        .label_style(super::font(14, INK))
        .draw()?;
    for (x, ink, errors) in columns {
        let Some(five) = Box5::of(errors) else { continue };
        let (x, line) = (*x, ink.stroke_width(2));
        let dash = |y: f64, half: f64| PathElement::new(vec![(x - half, y), (x + half, y)], line);
        chart.draw_series([
            PathElement::new(vec![(x, five.low), (x, five.q1)], line),
            PathElement::new(vec![(x, five.q3), (x, five.high)], line),
            dash(five.low, HALF / 2.0),
            dash(five.high, HALF / 2.0),
        ])?;
        let corners = [(x - HALF, five.q1), (x + HALF, five.q3)];
        chart.draw_series([Rectangle::new(corners, ink.mix(0.22).filled()), Rectangle::new(corners, line)])?;
        chart.draw_series([dash(five.median, HALF)])?;
        let outliers = errors.iter().filter(|e| (**e > five.high || **e < five.low) && **e <= top);
        chart.draw_series(outliers.map(|e| Circle::new((x, *e), 2, ink.mix(0.45).filled())))?;
        let beyond = errors.iter().filter(|e| **e > top).count();
        if beyond > 0 {
            let (px, py) = chart.backend_coord(&(x, top));
            area.draw(&TriangleMarker::new((px, py + 6), 5, ink.filled()))?;
            area.draw_text(&beyond.to_string(), &centred(12, *ink), (px, py - 15))?;
        }
    }
    for vertebra in Vertebra::ALL {
        let left = PITCH * f64::from(vertebra as u8);
        for (index, (ink, name)) in (0u8..).zip(INKS) {
            let (px, py) = chart.backend_coord(&(left + f64::from(index) + 1.0, 0.0));
            area.draw_text(name, &centred(13, ink), (px, py + 6))?;
        }
        let (px, py) = chart.backend_coord(&(left + PITCH / 2.0, 0.0));
        area.draw_text(vertebra.name(), &centred(17, INK), (px, py + 26))?;
    }
    let (px, py) = chart.backend_coord(&(6.0 * PITCH, top));
    area.draw_text("A anterior, P posterior, S superior, I inferior", &before(13, DIM), (px, py - 22))?;
    Ok(())
}
