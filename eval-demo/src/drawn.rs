//! A drawn case: levels, and what is where.

/// A drawn radiograph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// A name that can be a file name.
    pub name: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// 8-bit levels, row by row.
    pub levels: Vec<u8>,
    /// What it shows.
    pub findings: Vec<Finding>,
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its name, as in [`classes`](crate::classes): "pleural effusion".
    pub kind: String,
    /// A sentence that is true of it alone.
    pub phrase: String,
    /// Its pixels, row by row.
    pub mask: Vec<bool>,
}

/// Pixels from the first to the last column and row, all included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// First column.
    pub left: u32,
    /// First row.
    pub top: u32,
    /// Last column.
    pub right: u32,
    /// Last row.
    pub bottom: u32,
}

impl Drawn {
    /// Whether it shows a finding of this name.
    #[must_use]
    pub fn has(&self, kind: &str) -> bool {
        self.of(kind).next().is_some()
    }

    /// The findings of this name.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Finding> {
        self.findings.iter().filter(move |finding| finding.kind == kind)
    }
}

impl Finding {
    /// The smallest box that holds it; `None` if it has no pixel.
    #[must_use]
    pub fn bounds(&self, width: u32) -> Option<Bounds> {
        let mut bounds: Option<Bounds> = None;
        for (index, _) in (0_u32..).zip(&self.mask).filter(|(_, inside)| **inside) {
            let (x, y) = (index % width, index / width);
            let found = bounds.get_or_insert(Bounds { left: x, top: y, right: x, bottom: y });
            *found = Bounds { left: found.left.min(x), top: found.top, right: found.right.max(x), bottom: y };
        }
        bounds
    }
}
