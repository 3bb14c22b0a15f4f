//! The seam between the pipeline and whatever multiplies the matrices: a tensor goes in, named tensors come out.
//!
//! An engine has one fixed [`Signature`]. Whoever implements [`Engine`] passes its raw answers through
//! [`Outputs::checked`], so that a caller never sees a missing output, a wrong shape or a number that is not finite.

use std::fmt;
use std::time::Duration;

/// A dense array of numbers, the last dimension running fastest.
#[derive(Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Vec<f32>,
}

impl Tensor {
    /// A tensor, or `None` where `data` does not hold exactly the numbers of `shape`.
    pub fn new(shape: Vec<usize>, data: Vec<f32>) -> Option<Self> {
        (elements(&shape) == Some(data.len())).then_some(Self { shape, data })
    }

    /// The length of each dimension.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Every number, the last dimension running fastest.
    pub fn data(&self) -> &[f32] {
        &self.data
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor{:?}", self.shape)
    }
}

/// How many numbers a tensor of `shape` holds; `None` where that overflows.
pub(super) fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |product, &length| product.checked_mul(length))
}

/// The name and the shape of an input or an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// As in the model file.
    pub name: String,
    /// Every dimension fixed.
    pub shape: Vec<usize>,
}

/// What a model takes and gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The one input.
    pub input: TensorSpec,
    /// Every output that is read.
    pub outputs: Vec<TensorSpec>,
}

/// What ran, for reports and logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// `detector`, …
    pub role: String,
    /// `cpu`, `cuda` or `tensorrt`: the provider that the session was built with, never one that was only asked for.
    pub provider: String,
    /// `fp32`, `fp16` or `int8`.
    pub precision: String,
    /// Of the model file, 64 hexadecimal digits.
    pub sha256: String,
}

/// Why a model gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The caller built the wrong tensor: a defect of ours or a manifest that contradicts its decoder.
    #[error("the input has the shape {found:?}, the model takes {expected:?}")]
    Input {
        /// As in the signature.
        expected: Vec<usize>,
        /// As given.
        found: Vec<usize>,
    },
    /// The model's answer lacks an output of its signature.
    #[error("the model gave no output named {name:?}")]
    MissingOutput {
        /// As in the signature.
        name: String,
    },
    /// An output has another shape than the manifest says.
    #[error("the output {name:?} has the shape {found:?}, the manifest says {expected:?}")]
    OutputShape {
        /// As in the signature.
        name: String,
        /// As in the manifest.
        expected: Vec<usize>,
        /// As computed.
        found: Vec<usize>,
    },
    /// A number that is not finite: the film must not be measured from it.
    #[error("the output {name:?} holds a number that is not finite")]
    NotFinite {
        /// As in the signature.
        name: String,
    },
    /// The library failed; its own words.
    #[error("the model did not run: {0}")]
    Backend(String),
    /// No answer in time. What hangs in a driver cannot be called back: its thread is given up.
    #[error("the model gave no answer within {0:?}")]
    Deadline(Duration),
    /// Every way of running the model hung again and again: only a new process helps, and the film must wait for it.
    #[error("the model cannot be run any more: {0}; restart the service")]
    Dead(String),
}

/// The outputs of one run, each with the shape of its signature and finite throughout.
#[derive(Debug, Clone, PartialEq)]
pub struct Outputs(Vec<(String, Tensor)>);

impl Outputs {
    /// Takes from `raw` the outputs of `signature`, in its order.
    ///
    /// # Errors
    /// [`EngineError::MissingOutput`], [`EngineError::OutputShape`] or [`EngineError::NotFinite`].
    pub fn checked(signature: &Signature, mut raw: Vec<(String, Tensor)>) -> Result<Self, EngineError> {
        let mut outputs = Vec::with_capacity(signature.outputs.len());
        for spec in &signature.outputs {
            let at = raw
                .iter()
                .position(|(name, _)| *name == spec.name)
                .ok_or_else(|| EngineError::MissingOutput { name: spec.name.clone() })?;
            let (name, tensor) = raw.swap_remove(at);
            if tensor.shape != spec.shape {
                return Err(EngineError::OutputShape { name, expected: spec.shape.clone(), found: tensor.shape });
            }
            if !tensor.data.iter().all(|value| value.is_finite()) {
                return Err(EngineError::NotFinite { name });
            }
            outputs.push((name, tensor));
        }
        Ok(Self(outputs))
    }

    /// The output called `name`.
    ///
    /// # Errors
    /// [`EngineError::MissingOutput`] where the signature has none of that name.
    pub fn get(&self, name: &str) -> Result<&Tensor, EngineError> {
        let found = self.0.iter().find(|(n, _)| n == name).map(|(_, tensor)| tensor);
        found.ok_or_else(|| EngineError::MissingOutput { name: name.to_owned() })
    }
}

/// A model that is ready to run. One thread owns it.
pub trait Engine: Send {
    /// What it takes and gives.
    fn signature(&self) -> &Signature;

    /// What it is, for reports and logs.
    fn facts(&self) -> &Facts;

    /// Runs the model once.
    ///
    /// # Errors
    /// Any [`EngineError`]; the engine stays usable.
    fn run(&mut self, input: &Tensor) -> Result<Outputs, EngineError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, shape: &[usize]) -> TensorSpec {
        TensorSpec { name: name.into(), shape: shape.to_vec() }
    }

    fn signature() -> Signature {
        Signature { input: spec("x", &[1]), outputs: vec![spec("b", &[2]), spec("a", &[1, 1])] }
    }

    fn tensor(shape: &[usize], data: &[f32]) -> Tensor {
        Tensor::new(shape.to_vec(), data.to_vec()).unwrap()
    }

    #[test]
    fn a_tensor_holds_exactly_its_numbers() {
        assert!(Tensor::new(vec![2, 3], vec![0.0; 5]).is_none());
        assert!(Tensor::new(vec![usize::MAX, 2], vec![]).is_none());
        assert_eq!(tensor(&[2], &[1.0, 2.0]).data(), [1.0, 2.0]);
    }

    #[test]
    fn outputs_are_found_by_name_in_any_order_and_others_ignored() {
        let raw = vec![
            ("a".into(), tensor(&[1, 1], &[3.0])),
            ("extra".into(), tensor(&[1], &[0.0])),
            ("b".into(), tensor(&[2], &[1.0, 2.0])),
        ];
        let outputs = Outputs::checked(&signature(), raw).unwrap();
        assert_eq!(outputs.get("a").unwrap().data(), [3.0]);
        assert!(matches!(outputs.get("extra"), Err(EngineError::MissingOutput { .. })));
    }

    #[test]
    fn an_answer_that_breaks_the_signature_is_refused() {
        let good = || ("a".to_owned(), tensor(&[1, 1], &[3.0]));
        let missing = Outputs::checked(&signature(), vec![good()]);
        assert!(matches!(missing, Err(EngineError::MissingOutput { name }) if name == "b"));
        let shape = Outputs::checked(&signature(), vec![good(), ("b".into(), tensor(&[1], &[0.0]))]);
        assert!(matches!(shape, Err(EngineError::OutputShape { found, .. }) if found == [1]));
        let nan = Outputs::checked(&signature(), vec![good(), ("b".into(), tensor(&[2], &[0.0, f32::NAN]))]);
        assert!(matches!(nan, Err(EngineError::NotFinite { name }) if name == "b"));
    }
}
