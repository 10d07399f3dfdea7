//! The project's own kernels, as ONNX Runtime calls them.

use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use ort::operator::{
    ComputeContext, Kernel, KernelContext, Operator as OrtOperator, OperatorDomain, OperatorInput, OperatorOutput,
};
use ort::value::{DynValue, TensorElementType, TensorValueType};
use radzero_kernels::{Attention, End, Kernels, Linear, Panels, ShapeError, Workers};

use crate::operators::{DOMAIN, Operator};

/// The operators' domain, for a session with so many threads.
pub(super) fn domain(kernels: Kernels, threads: NonZeroUsize) -> ort::Result<OperatorDomain> {
    Operator::ALL.into_iter().try_fold(OperatorDomain::new(DOMAIN)?, |domain, operator| {
        domain.add(Registered { operator, kernels, threads })
    })
}

/// Opens a session that has the domain, one at a time until the first is open.
///
/// ONNX Runtime 1.31 enters a new domain into a list of the process in two steps, look up and add, between which another thread can
/// add it: adding it twice fails.
pub(super) fn opened<T, E>(open: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    static ENTERED: Mutex<bool> = Mutex::new(false);
    let mut entered = ENTERED.lock().unwrap_or_else(PoisonError::into_inner);
    if *entered {
        drop(entered);
        return open();
    }
    let opened = open();
    *entered = opened.is_ok();
    opened
}

/// An operator with the kernels that run it.
#[derive(Clone, Copy)]
struct Registered {
    operator: Operator,
    kernels: Kernels,
    threads: NonZeroUsize,
}

impl OrtOperator for Registered {
    type Kernel<'attr> = Node;

    fn name(&self) -> &str {
        self.operator.name()
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        let count = match self.operator {
            Operator::Linear | Operator::LinearGelu | Operator::Attention => 3,
            Operator::LinearAdd => 4,
        };
        (0..count).map(|_| OperatorInput::required(TensorElementType::Float32))
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel<'attr>(&self, context: &KernelContext<'attr>) -> ort::Result<Node> {
        let heads = match self.operator {
            Operator::Attention => match context.get::<i64>(Operator::HEADS).map(usize::try_from) {
                Some(Ok(heads)) if heads > 0 => heads,
                other => return Err(refused(self.operator, format!("a number of heads expected, {other:?} found"))),
            },
            _ => {
                let weight = context.constant_input::<TensorValueType<f32>>(1)?;
                let width = weight.shape().last().copied();
                if width != Some(Panels::WIDTH as i64) {
                    let problem = format!("weights in panels of {} expected, {width:?} found", Panels::WIDTH);
                    return Err(refused(self.operator, problem));
                }
                0
            }
        };
        Ok(Node { registered: *self, heads })
    }
}

/// One node of a graph.
struct Node {
    registered: Registered,
    /// Of attention only.
    heads: usize,
}

impl Kernel for Node {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let Registered { operator, kernels, threads } = self.registered;
        let inputs = (0..context.num_inputs()?)
            .map(|index| context.input(index)?.ok_or_else(|| refused(operator, format!("input {index} is missing"))))
            .collect::<ort::Result<Vec<_>>>()?;
        let inputs = inputs.iter().map(tensor).collect::<ort::Result<Vec<_>>>()?;
        let pool = Pool { context, threads, failure: RefCell::new(None) };
        let wrong_rank =
            |shape: &[usize]| refused(operator, format!("inputs of another rank expected, {shape:?} found"));
        let computed = match (operator, inputs.as_slice()) {
            (Operator::Attention, [(shape, q), (_, k), (_, v)]) => {
                let &[images, tokens, all] = shape.as_slice() else { return Err(wrong_rank(shape)) };
                let heads = self.heads;
                if all % heads != 0 {
                    return Err(refused(operator, format!("a width of {heads} heads expected, {all} found")));
                }
                let shape = Attention { images, tokens, heads, width: all / heads };
                output(context, &[images, tokens, all], |y| kernels.attention(&pool, shape, [q, k, v], y))?
            }
            (_, [(shape, x), (_, weight), (_, bias), rest @ ..]) => {
                let &[rows, columns] = shape.as_slice() else { return Err(wrong_rank(shape)) };
                let layer = Linear { layout: Panels::new(columns, bias.len()), weight, bias };
                let end = match (operator, rest) {
                    (Operator::LinearGelu, _) => End::Gelu,
                    (_, [(_, residual)]) => End::Add(residual),
                    _ => End::None,
                };
                output(context, &[rows, bias.len()], |y| kernels.linear(&pool, &layer, x, end, y))?
            }
            (_, inputs) => return Err(refused(operator, format!("{} inputs found", inputs.len()))),
        };
        computed.map_err(|error| refused(operator, error.to_string()))?;
        pool.failure.into_inner().map_or(Ok(()), Err)
    }
}

/// The threads of the session.
struct Pool<'a> {
    context: &'a ComputeContext,
    threads: NonZeroUsize,
    failure: RefCell<Option<ort::Error>>,
}

impl Workers for Pool<'_> {
    fn count(&self) -> usize {
        self.threads.get()
    }

    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        if let Err(error) = self.context.par_for(tasks, 0, task) {
            self.failure.replace(Some(error));
        }
    }
}

/// Shape and values of an input.
fn tensor<'a>(
    value: &'a ort::value::ValueRef<'_, ort::value::DynValueTypeMarker>,
) -> ort::Result<(Vec<usize>, &'a [f32])> {
    let value: &DynValue = value;
    let (shape, values) = value.try_extract_tensor::<f32>()?;
    // ONNX Runtime's tensors have no negative extents.
    Ok((shape.iter().map(|extent| usize::try_from(*extent).unwrap_or(0)).collect(), values))
}

/// Lets `compute` fill the node's only output.
fn output(
    context: &ComputeContext,
    shape: &[usize],
    compute: impl FnOnce(&mut [f32]) -> Result<(), ShapeError>,
) -> ort::Result<Result<(), ShapeError>> {
    let extents: Vec<i64> = shape.iter().map(|extent| *extent as i64).collect();
    let Some(mut value) = context.output(0, extents)? else { return Ok(Ok(())) };
    let (_, values) = value.try_extract_tensor_mut::<f32>()?;
    Ok(compute(values))
}

fn refused(operator: Operator, problem: String) -> ort::Error {
    ort::Error::new(format!("{DOMAIN}:{}: {problem}", operator.name()))
}
