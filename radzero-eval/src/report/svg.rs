//! Diagrams as SVG: axes from 0 to 1, curves and a legend.

use std::fmt::Write as _;

use crate::tasks::Curves;

/// Side of the plot area, and the margins around it.
const SIDE: f64 = 360.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 48.0;
const LEGEND: f64 = 210.0;

/// Smallest distance between drawn points: half a pixel cannot be seen.
const APART: f64 = 0.5;

/// A palette that is safe for colour blindness (Okabe and Ito); further curves repeat it with dashes.
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

/// Draws the curves in a diagram.
#[must_use]
pub fn diagram(curves: &Curves) -> String {
    let (width, height) = (LEFT + SIDE + LEGEND, TOP + SIDE + BOTTOM);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<text x=\"{LEFT}\" y=\"20\" font-size=\"14\">{}</text>\n",
        escape(&curves.title)
    );
    let (x, y) = (|value: f64| LEFT + value * SIDE, |value: f64| TOP + (1.0 - value) * SIDE);
    for tick in 0..=5 {
        let value = f64::from(tick) / 5.0;
        // Writing to a string cannot fail.
        let _ = writeln!(
            svg,
            "<path d=\"M{0:.1} {1:.1}V{2:.1}M{3:.1} {4:.1}H{5:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{0:.1}\" y=\"{6:.1}\" text-anchor=\"middle\">{value:.1}</text>\
             <text x=\"{7:.1}\" y=\"{8:.1}\" text-anchor=\"end\">{value:.1}</text>",
            x(value),
            y(0.0),
            y(1.0),
            x(0.0),
            y(value),
            x(1.0),
            y(0.0) + 16.0,
            x(0.0) - 6.0,
            y(value) + 4.0
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
         <text transform=\"translate(14 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
        x(0.5),
        y(0.0) + 38.0,
        escape(curves.x),
        y(0.5),
        escape(curves.y)
    );
    if curves.diagonal {
        let _ = writeln!(
            svg,
            "<path d=\"M{:.1} {:.1}L{:.1} {:.1}\" stroke=\"#999\" stroke-dasharray=\"2 4\"/>",
            x(0.0),
            y(0.0),
            x(1.0),
            y(1.0)
        );
    }
    for (index, (name, points)) in curves.series.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let dashes = if index < COLOURS.len() { "" } else { " stroke-dasharray=\"6 3\"" };
        let mut path = String::new();
        for (across, up) in thin(points) {
            let _ = write!(path, "{}{:.1} {:.1}", if path.is_empty() { 'M' } else { 'L' }, x(across), y(up));
        }
        let line = TOP + 16.0 * index as f64;
        let _ = writeln!(
            svg,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"{dashes}/>\
             <path d=\"M{0:.1} {line:.1}h20\" stroke=\"{colour}\" stroke-width=\"2\"{dashes}/>\
             <text x=\"{1:.1}\" y=\"{2:.1}\">{3}</text>",
            LEFT + SIDE + 12.0,
            LEFT + SIDE + 38.0,
            line + 4.0,
            escape(name)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// Removes points that cannot be told apart in the diagram; keeps the first and the last.
fn thin(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for (index, &point) in points.iter().enumerate() {
        let far = |last: &(f64, f64)| SIDE * (point.0 - last.0).hypot(point.1 - last.1) >= APART;
        if kept.last().is_none_or(far) || index + 1 == points.len() {
            kept.push(point);
        }
    }
    kept
}

/// Escapes text for XML and HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_lie_in_their_axes_and_names_are_escaped() {
        let points = (0..5000).map(|index| (f64::from(index) / 4999.0, 0.25)).collect();
        let series = vec![("<a & b>".to_owned(), points), ("empty".to_owned(), Vec::new())];
        let svg = diagram(&Curves { title: "t".into(), x: "x", y: "y", diagonal: true, series });
        assert!(svg.contains("&lt;a &amp; b&gt;") && !svg.contains("<a "), "{svg}");
        let path = svg.split("d=\"M56.0 306.0").nth(1).unwrap().split('"').next().unwrap();
        assert!(path.ends_with("L416.0 306.0"), "{path}");
        assert!(path.matches('L').count() as f64 <= SIDE / APART + 1.0);
    }

    /// A precision-recall curve starts with large jumps, as a few samples change the precision a lot.
    #[test]
    fn what_can_be_seen_is_drawn() {
        let mut points: Vec<(f64, f64)> = (0..50_000).map(|index| (f64::from(index) / 49_999.0, 0.5)).collect();
        points[3].1 = 1.0;
        points[5].1 = 0.0;
        let kept = thin(&points);
        assert!(kept.contains(&points[3]) && kept.contains(&points[5]));
        assert!(kept.len() < 1000, "{}", kept.len());
        let seen =
            |point: &(f64, f64)| kept.iter().any(|kept| SIDE * (point.0 - kept.0).hypot(point.1 - kept.1) < APART);
        assert!(points.iter().all(seen));
    }
}
