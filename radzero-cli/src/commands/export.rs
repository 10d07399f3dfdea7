//! `radzero export`: makes a model directory from a checkpoint.

use radzero_export::program::{self, Arguments};

use crate::console::print_last;
use crate::error::{Completion, Failure};

pub(super) fn run(arguments: &Arguments) -> Result<Completion, Failure> {
    let done = program::run(arguments)?;
    print_last(&done)?;
    Ok(Completion::Done)
}
