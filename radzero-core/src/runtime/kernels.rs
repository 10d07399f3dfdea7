//! The project's own kernels, as ONNX Runtime calls them.

use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use ort::operator::{
    ComputeContext, Kernel, KernelContext, Operator as OrtOperator, OperatorDomain, OperatorInput, OperatorOutput,
};

use ort::value::{
    DynValue, DynValueTypeMarker, PrimitiveTensorElementType, TensorElementType, TensorValueType, ValueRef,
};
use radzero_kernels::{Attention, BytePanels, Epilogue, KernelError, Kernels, Linear, LinearInt8, Panels, Workers};

use radzero_format::operators::{DOMAIN, Operator};

/// The operators' domain, for a session with this number of threads.
pub(super) fn domain(kernels: Kernels, threads: NonZeroUsize) -> ort::Result<OperatorDomain> {
    Operator::ALL
        .into_iter()
        .filter(|&operator| runs_on(operator, kernels))
        .try_fold(OperatorDomain::new(DOMAIN)?, |domain, operator| {
            domain.add(Registered { operator, kernels, threads })
        })
}

/// Whether `kernels` run an operator. If not, ONNX Runtime runs its definition.
fn runs_on(operator: Operator, kernels: Kernels) -> bool {
    !(operator.is_int8() || operator == Operator::AttentionInt16) || kernels.multiplies_integers()
}

/// Opens a session that uses the domain: one at a time, until the first has been opened.
///
/// ONNX Runtime 1.31 looks a new domain up in a process-wide list and then adds it, without a lock around both. If two threads add
/// it, the second fails.
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
        use TensorElementType::{Float32, Int8, Int32};
        let types: &[TensorElementType] = match self.operator {
            Operator::Linear | Operator::LinearGelu | Operator::Attention | Operator::AttentionInt16 => &[Float32; 3],
            Operator::LinearAdd => &[Float32; 4],
            Operator::LinearInt8 | Operator::LinearInt8Gelu => &[Float32, Int8, Float32, Int32, Float32],
            Operator::LinearInt8Add => &[Float32, Int8, Float32, Int32, Float32, Float32],
        };
        types.iter().map(|element| OperatorInput::required(*element))
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel<'attr>(&self, context: &KernelContext<'attr>) -> ort::Result<Node> {
        let heads = match self.operator {
            Operator::Attention | Operator::AttentionInt16 => match context
                .get::<i64>(Operator::HEADS)
                .map(usize::try_from)
            {
                Some(Ok(heads)) if heads > 0 => heads,
                other => return Err(refused(self.operator, format!("a number of heads expected, {other:?} found"))),
            },
            operator => {
                let (found, expected): (_, &[usize]) = if operator.is_int8() {
                    let weight = context.constant_input::<TensorValueType<i8>>(1)?;
                    (extents(weight.shape()), &[Panels::WIDTH, BytePanels::GROUP])
                } else {
                    (extents(context.constant_input::<TensorValueType<f32>>(1)?.shape()), &[Panels::WIDTH])
                };
                if !found.ends_with(expected) {
                    return Err(refused(
                        operator,
                        format!("weights in panels of {expected:?} expected, {found:?} found"),
                    ));
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
    /// For attention only.
    heads: usize,
}

impl Kernel for Node {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let Registered { operator, kernels, threads } = self.registered;
        let inputs = (0..context.num_inputs()?)
            .map(|index| context.input(index)?.ok_or_else(|| refused(operator, format!("input {index} is missing"))))
            .collect::<ort::Result<Vec<_>>>()?;
        let inputs = Inputs { operator, values: &inputs };
        let pool = Pool { context, threads, failure: RefCell::new(None) };
        let computed = if operator.is_attention() {
            let [(shape, q), (_, k), (_, v)] = [inputs.tensor(0)?, inputs.tensor(1)?, inputs.tensor(2)?];
            let &[images, tokens, all] = shape.as_slice() else { return Err(inputs.wrong_rank(3, &shape)) };
            let heads = self.heads;
            if all % heads != 0 {
                return Err(refused(operator, format!("a width of {heads} heads expected, {all} found")));
            }
            let shape = Attention { images, tokens, heads, width: all / heads };
            output(context, &[images, tokens, all], |y| match operator {
                Operator::AttentionInt16 => kernels.attention_int16(&pool, shape, [q, k, v], y),
                _ => Ok(kernels.attention(&pool, shape, [q, k, v], y)?),
            })?
        } else {
            let (shape, x) = inputs.tensor(0)?;
            let &[rows, columns] = shape.as_slice() else { return Err(inputs.wrong_rank(2, &shape)) };
            let epilogue = match operator {
                Operator::LinearGelu | Operator::LinearInt8Gelu => Epilogue::Gelu,
                Operator::LinearAdd => Epilogue::Add(inputs.tensor(3)?.1),
                Operator::LinearInt8Add => Epilogue::Add(inputs.tensor(5)?.1),
                _ => Epilogue::None,
            };
            if operator.is_int8() {
                let (weight, scales) = (inputs.tensor(1)?.1, inputs.tensor(2)?.1);
                let (sums, bias) = (inputs.tensor(3)?.1, inputs.tensor(4)?.1);
                let layout = BytePanels::new(columns, bias.len());
                let layer = LinearInt8 { layout, weight, scales, sums, bias };
                output(context, &[rows, bias.len()], |y| kernels.linear_int8(&pool, &layer, x, epilogue, y))?
            } else {
                let (weight, bias) = (inputs.tensor(1)?.1, inputs.tensor(2)?.1);
                let layer = Linear { layout: Panels::new(columns, bias.len()), weight, bias };
                output(context, &[rows, bias.len()], |y| Ok(kernels.linear(&pool, &layer, x, epilogue, y)?))?
            }
        };
        computed.map_err(|error| refused(operator, error.to_string()))?;
        pool.failure.into_inner().map_or(Ok(()), Err)
    }
}

/// The session's threads.
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

/// The inputs of a node.
struct Inputs<'a> {
    operator: Operator,
    values: &'a [ValueRef<'a, DynValueTypeMarker>],
}

impl<'a> Inputs<'a> {
    /// Shape and values of an input.
    fn tensor<T: PrimitiveTensorElementType>(&self, index: usize) -> ort::Result<(Vec<usize>, &'a [T])> {
        let missing = || refused(self.operator, format!("input {index} is missing"));
        let value: &DynValue = self.values.get(index).ok_or_else(missing)?;
        let (shape, values) = value.try_extract_tensor::<T>()?;
        Ok((extents(shape), values))
    }

    fn wrong_rank(&self, expected: usize, shape: &[usize]) -> ort::Error {
        refused(self.operator, format!("inputs of {expected} dimensions expected, {shape:?} found"))
    }
}

/// ONNX Runtime's tensors have no negative extents.
fn extents(shape: &[i64]) -> Vec<usize> {
    shape.iter().map(|extent| usize::try_from(*extent).unwrap_or(0)).collect()
}

/// Lets `compute` fill the node's only output.
fn output(
    context: &ComputeContext,
    shape: &[usize],
    compute: impl FnOnce(&mut [f32]) -> Result<(), KernelError>,
) -> ort::Result<Result<(), KernelError>> {
    let extents: Vec<i64> = shape.iter().map(|extent| *extent as i64).collect();
    let Some(mut value) = context.output(0, extents)? else { return Ok(Ok(())) };
    let (_, values) = value.try_extract_tensor_mut::<f32>()?;
    Ok(compute(values))
}

fn refused(operator: Operator, problem: String) -> ort::Error {
    ort::Error::new(format!("{DOMAIN}:{}: {problem}", operator.name()))
}
