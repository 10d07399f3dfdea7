//! A drawn radiograph and its findings.

/// A drawn radiograph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// Name, usable as a file name.
    pub name: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// 8-bit levels, \[height x width\] in row-major order.
    pub levels: Vec<u8>,
    /// The findings that it shows.
    pub findings: Vec<Finding>,
}

/// A drawn finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its kind, as in [`classes`](crate::classes): "pleural effusion".
    pub kind: String,
    /// A sentence that describes this finding only.
    pub phrase: String,
    /// Its mask, \[height x width\] in row-major order.
    pub mask: Vec<bool>,
}

/// A bounding box in pixels, borders included.
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
    /// Whether it shows a finding of this kind.
    #[must_use]
    pub fn has(&self, kind: &str) -> bool {
        self.of(kind).next().is_some()
    }

    /// The findings of this kind.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Finding> {
        self.findings.iter().filter(move |finding| finding.kind == kind)
    }
}

impl Finding {
    /// The smallest bounding box; `None` if the mask is empty.
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
