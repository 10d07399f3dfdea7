//! A result as an HTML page: tables, diagrams, and pictures of the best and worst cases.

use std::fmt::Write as _;

use super::markdown::{NOTICE, facts, interval, title, value};
use super::published;
use super::result::Evaluation;
use super::svg::{diagram, escape};
use crate::tasks::Curves;

/// A picture of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CasePicture {
    /// Path of the file, relative to the page.
    pub file: String,
    /// What it shows.
    pub caption: String,
}

const STYLE: &str = "body{font:15px/1.5 sans-serif;max-width:72em;margin:2em auto;padding:0 1em}table{border-collapse:collapse;\
    margin:1em 0}td,th{padding:.2em .8em;border-bottom:1px solid #ddd;text-align:left}figure{margin:1em 0}img{max-width:100%}\
    svg{max-width:100%;height:auto;margin-right:1em}";

/// The page. It loads nothing from the network.
#[must_use]
pub fn page(evaluation: &Evaluation, curves: &[Curves], best: &[CasePicture], worst: &[CasePicture]) -> String {
    let heading = format!("{} on {}", title(evaluation), evaluation.run.dataset);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title><style>{STYLE}</style></head>\n\
         <body><h1>{0}</h1>\n<p><strong>{NOTICE}</strong></p>\n<table>\n",
        escape(&heading)
    );
    for (name, value) in facts(evaluation) {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "<tr><th>{name}</th><td>{}</td></tr>", escape(&value));
    }
    page.push_str("</table>\n<h2>Measures</h2>\n<table>\n<tr><th>measure</th><th>of</th><th>value</th><th>95 % interval</th><th>published</th></tr>\n");
    for measure in &evaluation.measures {
        let published = published::cell(&evaluation.run.dataset, &measure.name, &measure.of);
        let cells =
            [&measure.name, &measure.of, &value(measure), &interval(measure), &published].map(|text| escape(text));
        let _ = writeln!(page, "<tr><td>{}</td></tr>", cells.join("</td><td>"));
    }
    let _ = writeln!(page, "</table>\n<p>{}</p>", escape(&published::note(&evaluation.run.dataset)));
    if let Some(first) = evaluation.classes.first() {
        page.push_str("<h2>Classes</h2>\n<table>\n<tr><th>class</th><th>positives</th>");
        for measure in &first.measures {
            let _ = write!(page, "<th>{}</th>", escape(&measure.name));
        }
        page.push_str("</tr>\n");
        for class in &evaluation.classes {
            let _ = write!(page, "<tr><td>{}</td><td>{}</td>", escape(&class.class), class.positives);
            for measure in &class.measures {
                let _ = write!(page, "<td>{} {}</td>", escape(&value(measure)), interval(measure));
            }
            page.push_str("</tr>\n");
        }
        page.push_str("</table>\n");
    }
    if !curves.is_empty() {
        page.push_str("<h2>Curves</h2>\n");
        page.extend(curves.iter().map(diagram));
    }
    for (heading, pictures) in [("Best cases", best), ("Worst cases", worst)] {
        if !pictures.is_empty() {
            let _ = writeln!(page, "<h2>{heading}</h2>");
        }
        for CasePicture { file, caption } in pictures {
            let _ = writeln!(
                page,
                "<figure><img src=\"{}\" alt=\"\" loading=\"lazy\"><figcaption>{}</figcaption></figure>",
                escape(file),
                escape(caption)
            );
        }
    }
    if !evaluation.failed.is_empty() {
        page.push_str("<h2>Failed</h2>\n<ul>\n");
        for failed in &evaluation.failed {
            let _ = writeln!(page, "<li>{}: {}</li>", escape(&failed.image), escape(&failed.error));
        }
        page.push_str("</ul>\n");
    }
    page.push_str("</body></html>\n");
    page
}
