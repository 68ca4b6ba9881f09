//! A safe wrapper round what llama.cpp computes in: decode, its memory for tokens, its adapters.
//!
//! `llama_cpp_2` sets only one adapter, never frees it and hides its pointers, so this stands on the
//! functions of its sys crate. Everything borrows the model and is dropped before it. Whoever calls
//! gives positions and sequences that were checked: a wrong number ends the process.
#![expect(
    unsafe_code,
    reason = "llama.cpp is C++: each call says why it is sound"
)]

use std::ffi::{CStr, CString};
use std::marker::PhantomData;
use std::path::Path;
use std::ptr::NonNull;

use llama_cpp_2::model::LlamaModel;
use llama_cpp_sys_2 as sys;

use super::super::cache::Layout;

/// Without flash attention a batch takes memory for each of its rows and each token they look at.
pub(super) const STREAM_BATCH_TOKENS: u32 = 128;

/// What a context is made for.
#[derive(Debug, Clone, Copy)]
pub(super) struct ContextSize {
    pub(super) layout: Layout,
    /// Keys and values in bf16 and not in f16.
    pub(super) bf16_kv: bool,
    pub(super) batch_tokens: u32,
    pub(super) sequences: u32,
    pub(super) threads: i32,
    /// For vectors of texts and not for writing.
    pub(super) embeddings: bool,
}

/// One token to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) token: i32,
    pub(super) position: u32,
    pub(super) sequence: u32,
    /// Its logits are wanted.
    pub(super) output: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DecodeFailure {
    /// The memory for tokens has no room for these.
    Full,
    Failed(i32),
}

pub(super) struct Context<'model> {
    raw: NonNull<sys::llama_context>,
    layout: Layout,
    /// Where to a beginning was copied, which llama.cpp does only with the next decode.
    copied_to: Option<u32>,
    vocabulary_size: usize,
    vector_size: usize,
    model: PhantomData<&'model LlamaModel>,
}

/// An adapter in memory, for one model.
pub(in super::super) struct Adapter<'model> {
    raw: NonNull<sys::llama_adapter_lora>,
    model: PhantomData<&'model LlamaModel>,
}

fn raw_model(model: &LlamaModel) -> *mut sys::llama_model {
    // SAFETY: `LlamaModel` is transparent over a non-null pointer to the model.
    unsafe { *std::ptr::from_ref(model).cast::<*mut sys::llama_model>() }
}

/// Whether this machine's processor multiplies bf16, and llama.cpp was built to let it.
pub(super) fn computes_bf16() -> bool {
    // SAFETY: llama.cpp gives a string of its own, and its backend was started; only the worker's
    // one thread asks, and the string is read before anybody asks again.
    let info = unsafe { CStr::from_ptr(sys::llama_print_system_info()) };
    info.to_string_lossy().contains("AVX512_BF16 = 1")
}

fn size(number: i32) -> usize {
    usize::try_from(number).unwrap_or(0)
}

impl<'model> Context<'model> {
    /// None when llama.cpp cannot: mostly there is not enough memory.
    pub(super) fn new(model: &'model LlamaModel, wanted: ContextSize) -> Option<Self> {
        // SAFETY: takes nothing and returns a plain struct.
        let mut params = unsafe { sys::llama_context_default_params() };
        params.n_batch = wanted.batch_tokens;
        params.n_ubatch = wanted.batch_tokens;
        match wanted.layout {
            Layout::Unified { tokens } => {
                params.n_ctx = tokens;
                params.kv_unified = true;
            }
            Layout::Streams { tokens_each } => {
                params.n_ctx = tokens_each * wanted.sequences;
                params.n_ubatch = wanted.batch_tokens.min(STREAM_BATCH_TOKENS);
                params.kv_unified = false;
                params.flash_attn_type = sys::LLAMA_FLASH_ATTN_TYPE_DISABLED;
            }
        }
        if wanted.bf16_kv {
            params.type_k = sys::GGML_TYPE_BF16;
            params.type_v = sys::GGML_TYPE_BF16;
        }
        params.n_seq_max = wanted.sequences;
        params.n_threads = wanted.threads;
        params.n_threads_batch = wanted.threads;
        params.embeddings = wanted.embeddings;
        params.no_perf = true;
        let raw_model = raw_model(model);
        // SAFETY: the model lives as long as what is returned, and the numbers were checked.
        let raw = unsafe { sys::llama_init_from_model(raw_model, params) };
        let raw = NonNull::new(raw)?;
        // SAFETY: the model is valid.
        let vector_size = size(unsafe { sys::llama_model_n_embd_out(raw_model) });
        let of = |raw| Self {
            raw,
            layout: wanted.layout,
            copied_to: None,
            vocabulary_size: size(model.n_vocab()),
            vector_size,
            model: PhantomData,
        };
        let context = of(raw);
        if !wanted.embeddings || context.pools() {
            return Some(context);
        }
        // The file does not say how: the mean of a text's tokens is what most were trained for.
        drop(context);
        params.pooling_type = sys::LLAMA_POOLING_TYPE_MEAN;
        // SAFETY: as above.
        let raw = unsafe { sys::llama_init_from_model(raw_model, params) };
        NonNull::new(raw).map(of)
    }

    /// Computes `rows`, at most a batch of them, each sequence's in the order of positions.
    pub(super) fn decode(&mut self, rows: &[Row]) -> Result<(), DecodeFailure> {
        let mut columns = Columns::of(rows);
        let batch = columns.as_batch();
        // SAFETY: the batch points into `columns`, which outlives the call; the context is valid.
        let status = unsafe { sys::llama_decode(self.raw.as_ptr(), batch) };
        if matches!(status, 0 | 1) {
            self.copied_to = None;
        }
        match status {
            // SAFETY: the context is valid. Without this the time would be counted elsewhere.
            0 => unsafe { sys::llama_synchronize(self.raw.as_ptr()) },
            1 => return Err(DecodeFailure::Full),
            status => return Err(DecodeFailure::Failed(status)),
        }
        Ok(())
    }

    /// The logits of the row at this place of the batch computed last; its output must have been
    /// wanted.
    pub(super) fn logits(&self, row: i32) -> Option<&[f32]> {
        // SAFETY: the context is valid; the function answers null for a row without output.
        let logits = unsafe { sys::llama_get_logits_ith(self.raw.as_ptr(), row) };
        let length = self.vocabulary_size;
        // SAFETY: it points to one logit a token, until the next decode, which wants `&mut self`.
        NonNull::new(logits).map(|logits| unsafe {
            std::slice::from_raw_parts(logits.as_ptr().cast_const(), length)
        })
    }

    /// The vector of a sequence computed last, in a context for embeddings with pooling.
    pub(super) fn vector(&self, sequence: u32) -> Option<&[f32]> {
        let sequence = i32::try_from(sequence).ok()?;
        // SAFETY: the context is valid; the function answers null where there is none.
        let vector = unsafe { sys::llama_get_embeddings_seq(self.raw.as_ptr(), sequence) };
        let length = self.vector_size;
        // SAFETY: it points to a vector of the model's size, until the next decode.
        NonNull::new(vector).map(|vector| unsafe {
            std::slice::from_raw_parts(vector.as_ptr().cast_const(), length)
        })
    }

    /// Whether a vector stands for a whole text here.
    fn pools(&self) -> bool {
        // SAFETY: the context is valid.
        let pooling = unsafe { sys::llama_pooling_type(self.raw.as_ptr()) };
        pooling > sys::LLAMA_POOLING_TYPE_NONE
    }

    fn memory(&self) -> sys::llama_memory_t {
        // SAFETY: the context is valid.
        unsafe { sys::llama_get_memory(self.raw.as_ptr()) }
    }

    /// The first `tokens` of `from` become the beginning of `to` as well, which is empty.
    pub(super) fn share(&mut self, from: u32, to: u32, tokens: u32) {
        let (source, target) = (signed(from), signed(to));
        let end = match self.layout {
            Layout::Unified { .. } => signed(tokens),
            // It copies streams as a whole or not at all.
            Layout::Streams { .. } => -1,
        };
        let begin = end.min(0);
        // SAFETY: the memory belongs to the context; sequences are below what it was made for.
        unsafe { sys::llama_memory_seq_cp(self.memory(), source, target, begin, end) };
        if let Layout::Streams { .. } = self.layout {
            self.copied_to = Some(to);
            self.forget(to, tokens);
        }
    }

    /// Copies that were asked for are made before anything else reads or writes what they touch.
    fn copy_now(&mut self) {
        let Some(sequence) = self.copied_to else {
            return;
        };
        // SAFETY: the memory belongs to the context; -1 is answered for an empty sequence.
        let last = unsafe { sys::llama_memory_seq_pos_max(self.memory(), signed(sequence)) };
        let position = u32::try_from(last + 1).unwrap_or(0);
        let row = Row {
            token: 0,
            position,
            sequence,
            output: false,
        };
        // Whatever becomes of the row, the copies are made before it.
        let _computed = self.decode(&[row]);
        self.forget(sequence, position);
    }

    /// Forgets a sequence from a position on. False where the model's memory cannot do that.
    pub(super) fn forget(&mut self, sequence: u32, from: u32) -> bool {
        // SAFETY: as above; -1 is the end.
        unsafe { sys::llama_memory_seq_rm(self.memory(), signed(sequence), signed(from), -1) }
    }

    /// What is computed of a sequence, for [`Context::restore`] under the same model.
    pub(super) fn save(&mut self, sequence: u32) -> Vec<u8> {
        self.copy_now();
        let (raw, sequence) = (self.raw.as_ptr(), signed(sequence));
        // SAFETY: the context is valid.
        let length = unsafe { sys::llama_state_seq_get_size(raw, sequence) };
        let mut bytes = vec![0; length];
        // SAFETY: the buffer has the length that was asked for.
        let written =
            unsafe { sys::llama_state_seq_get_data(raw, bytes.as_mut_ptr(), length, sequence) };
        bytes.truncate(written);
        bytes
    }

    /// False: there is no room, or these bytes are not of such a context; then the sequence is empty.
    pub(super) fn restore(&mut self, sequence: u32, bytes: &[u8]) -> bool {
        self.copy_now();
        // SAFETY: the buffer is read up to its length and no further.
        let read = unsafe {
            sys::llama_state_seq_set_data(
                self.raw.as_ptr(),
                bytes.as_ptr(),
                bytes.len(),
                signed(sequence),
            )
        };
        if read != bytes.len() {
            self.forget(sequence, 0);
        }
        read == bytes.len()
    }

    /// From now on everything is computed under these adapters and no others.
    pub(super) fn set_adapters(&mut self, adapters: &[(&Adapter<'model>, f32)]) {
        let mut raw: Vec<_> = adapters
            .iter()
            .map(|(adapter, _)| adapter.raw.as_ptr())
            .collect();
        let mut scales: Vec<f32> = adapters.iter().map(|(_, scale)| *scale).collect();
        // SAFETY: both have the same length, and the adapters belong to the context's own model.
        // That they outlive their use is the caller's: see `Adapters`.
        unsafe {
            sys::llama_set_adapters_lora(
                self.raw.as_ptr(),
                raw.as_mut_ptr(),
                raw.len(),
                scales.as_mut_ptr(),
            );
        }
    }
}

impl Drop for Context<'_> {
    fn drop(&mut self) {
        // SAFETY: nobody else has the pointer.
        unsafe { sys::llama_free(self.raw.as_ptr()) };
    }
}

impl<'model> Adapter<'model> {
    /// None when llama.cpp refuses the file. Its numbers must have been checked before: some wrong
    /// ones end the process.
    pub(in super::super) fn load(model: &'model LlamaModel, path: &Path) -> Option<Self> {
        let path = CString::new(path.to_str()?).ok()?;
        // SAFETY: the path ends with a zero. The model's list of adapters is changed, which only the
        // engine's one thread reads.
        let raw = unsafe { sys::llama_adapter_lora_init(raw_model(model), path.as_ptr()) };
        Some(Self {
            raw: NonNull::new(raw)?,
            model: PhantomData,
        })
    }
}

impl Drop for Adapter<'_> {
    fn drop(&mut self) {
        // SAFETY: nobody else has the pointer, and the model still lives.
        unsafe { sys::llama_adapter_lora_free(self.raw.as_ptr()) };
    }
}

fn signed(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Rows as llama.cpp wants them.
struct Columns {
    tokens: Vec<i32>,
    positions: Vec<i32>,
    sequences: Vec<i32>,
    sequence_pointers: Vec<*mut i32>,
    counts: Vec<i32>,
    outputs: Vec<i8>,
}

impl Columns {
    fn of(rows: &[Row]) -> Self {
        Self {
            tokens: rows.iter().map(|row| row.token).collect(),
            positions: rows.iter().map(|row| signed(row.position)).collect(),
            sequences: rows.iter().map(|row| signed(row.sequence)).collect(),
            sequence_pointers: Vec::new(),
            counts: vec![1; rows.len()],
            outputs: rows.iter().map(|row| i8::from(row.output)).collect(),
        }
    }

    /// Points into `self`.
    fn as_batch(&mut self) -> sys::llama_batch {
        self.sequence_pointers = self.sequences.iter_mut().map(std::ptr::from_mut).collect();
        sys::llama_batch {
            n_tokens: i32::try_from(self.tokens.len()).unwrap_or(i32::MAX),
            token: self.tokens.as_mut_ptr(),
            embd: std::ptr::null_mut(),
            pos: self.positions.as_mut_ptr(),
            n_seq_id: self.counts.as_mut_ptr(),
            seq_id: self.sequence_pointers.as_mut_ptr(),
            logits: self.outputs.as_mut_ptr(),
        }
    }
}
