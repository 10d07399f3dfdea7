//! Text tables.

/// A row of cells with several lines, aligned at their last lines: the first column to the left, the others to the right.
pub(crate) fn row(cells: &[Vec<String>], widths: &[usize]) -> String {
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    let mut text = String::new();
    for line in 0..height {
        let mut joined = String::new();
        for (column, (cell, &width)) in cells.iter().zip(widths).enumerate() {
            let content = (line + cell.len()).checked_sub(height).map_or("", |index| cell[index].as_str());
            match column {
                0 => joined.push_str(&format!("{content:<width$}")),
                _ => joined.push_str(&format!("  {content:>width$}")),
            }
        }
        text.push_str(joined.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_level_at_the_bottom() {
        let cells = [vec!["image".to_owned()], vec!["There is".to_owned(), "edema".to_owned()]];
        assert_eq!(row(&cells, &[6, 8]), "        There is\nimage      edema\n");
    }
}
