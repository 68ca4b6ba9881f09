//! Tensors as a GGUF file lists them: name, sizes, how their numbers are stored, and where.
//! A tensor exists only if its size in bytes can be told.

/// How a tensor's numbers are stored; llama.cpp's number of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::models) struct TensorKind(u32);

/// Number, numbers in a block, bytes of a block.
const KINDS: &[(u32, u64, u64)] = &[
    (0, 1, 4),      // F32
    (1, 1, 2),      // F16
    (2, 32, 18),    // Q4_0
    (3, 32, 20),    // Q4_1
    (6, 32, 22),    // Q5_0
    (7, 32, 24),    // Q5_1
    (8, 32, 34),    // Q8_0
    (9, 32, 36),    // Q8_1
    (10, 256, 84),  // Q2_K
    (11, 256, 110), // Q3_K
    (12, 256, 144), // Q4_K
    (13, 256, 176), // Q5_K
    (14, 256, 210), // Q6_K
    (15, 256, 292), // Q8_K
    (16, 256, 66),  // IQ2_XXS
    (17, 256, 74),  // IQ2_XS
    (18, 256, 98),  // IQ3_XXS
    (19, 256, 50),  // IQ1_S
    (20, 32, 18),   // IQ4_NL
    (21, 256, 110), // IQ3_S
    (22, 256, 82),  // IQ2_S
    (23, 256, 136), // IQ4_XS
    (24, 1, 1),     // I8
    (25, 1, 2),     // I16
    (26, 1, 4),     // I32
    (27, 1, 8),     // I64
    (28, 1, 8),     // F64
    (29, 256, 56),  // IQ1_M
    (30, 1, 2),     // BF16
    (34, 256, 54),  // TQ1_0
    (35, 256, 66),  // TQ2_0
    (39, 32, 17),   // MXFP4
    (40, 64, 36),   // NVFP4
    (41, 128, 18),  // Q1_0
    (42, 64, 18),   // Q2_0
];
const F32: u32 = 0;
const F16: u32 = 1;
const Q8_0: u32 = 8;
const BF16: u32 = 30;

impl TensorKind {
    /// One that adapters come in, and that is multiplied with any other.
    pub(in crate::models) fn fits_adapter(self) -> bool {
        [F32, F16, BF16, Q8_0].contains(&self.0)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::models) struct Tensor {
    pub(in crate::models) name: String,
    /// At least 1 each; 1 where the file names fewer.
    pub(in crate::models) sizes: [u64; 4],
    pub(in crate::models) kind: TensorKind,
    /// From where the tensors begin.
    pub(super) offset: u64,
    pub(super) size_bytes: u64,
}

impl Tensor {
    /// The error is half a sentence about the file.
    pub(super) fn new(
        name: String,
        sizes: [u64; 4],
        kind: u32,
        offset: u64,
    ) -> Result<Self, String> {
        let Some(&(_, block, block_bytes)) = KINDS.iter().find(|(number, ..)| *number == kind)
        else {
            return Err(format!(
                "the tensor {name} is stored in an unknown way ({kind})"
            ));
        };
        if sizes.contains(&0) || !sizes[0].is_multiple_of(block) {
            return Err(format!("the tensor {name} has impossible sizes"));
        }
        let size_bytes = sizes
            .iter()
            .try_fold(1_u64, |product, size| product.checked_mul(*size))
            .filter(|numbers| i64::try_from(*numbers).is_ok())
            .and_then(|numbers| (numbers / block).checked_mul(block_bytes));
        match size_bytes {
            Some(size_bytes) => Ok(Self {
                name,
                sizes,
                kind: TensorKind(kind),
                offset,
                size_bytes,
            }),
            None => Err(format!("the tensor {name} is larger than any file")),
        }
    }
}
