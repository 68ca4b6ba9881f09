//! How records become bytes: a version, a checksum, then MessagePack with field names.
//!
//! Field names and `#[serde(default)]` let a record gain fields without a migration; the version
//! is for changes that defaults cannot say. redb does not verify checksums on ordinary reads, so
//! each record carries its own: a flipped bit is an error, never data. Used by `store/` alone.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

const HEADER_BYTES: usize = 5;

/// What a table holds. `VERSION` grows when old bytes need a migration.
pub trait Record: Serialize + DeserializeOwned {
    const VERSION: u8 = 1;
}

/// The value of an index: the key says everything.
impl Record for () {}

#[derive(Debug, thiserror::Error)]
enum CodecError {
    #[error("a record in {table} is damaged")]
    Damaged { table: &'static str },
    #[error("a record in {table} has version {found}, and this program knows {known}")]
    UnknownVersion {
        table: &'static str,
        found: u8,
        known: u8,
    },
    #[error("a record in {table} cannot be read: {source}")]
    Decode {
        table: &'static str,
        source: rmp_serde::decode::Error,
    },
    #[error("a record for {table} cannot be written: {source}")]
    Encode {
        table: &'static str,
        source: rmp_serde::encode::Error,
    },
}

pub(super) fn encode<R: Record>(table: &'static str, record: &R) -> Result<Vec<u8>> {
    let mut bytes = vec![R::VERSION, 0, 0, 0, 0];
    let mut serializer = rmp_serde::Serializer::new(&mut bytes).with_struct_map();
    record
        .serialize(&mut serializer)
        .map_err(|source| Error::internal(CodecError::Encode { table, source }))?;
    let checksum = crc32fast::hash(&bytes[HEADER_BYTES..]);
    bytes[1..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
    Ok(bytes)
}

pub(super) fn decode<R: Record>(table: &'static str, bytes: &[u8]) -> Result<R> {
    let damaged = || Error::internal(CodecError::Damaged { table });
    let (&version, rest) = bytes.split_first().ok_or_else(damaged)?;
    let (checksum, payload) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
    if u32::from_le_bytes(*checksum) != crc32fast::hash(payload) {
        return Err(damaged());
    }
    if version != R::VERSION {
        return Err(Error::internal(CodecError::UnknownVersion {
            table,
            found: version,
            known: R::VERSION,
        }));
    }
    rmp_serde::from_slice(payload)
        .map_err(|source| Error::internal(CodecError::Decode { table, source }))
}

/// Whether this error is about one record that cannot be read, and not about all of the store.
pub fn is_damaged(error: &Error) -> bool {
    let source = error.source.as_ref();
    source.is_some_and(|source| source.downcast_ref::<CodecError>().is_some())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Old {
        name: String,
    }
    impl Record for Old {}

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct New {
        name: String,
        #[serde(default)]
        colour: Option<String>,
    }
    impl Record for New {}

    #[test]
    fn a_record_may_gain_a_field() {
        let bytes = encode("T", &Old { name: "key".into() }).unwrap();
        assert_eq!(
            decode::<New>("T", &bytes).unwrap(),
            New {
                name: "key".into(),
                colour: None
            }
        );
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let bytes = encode(
            "T",
            &Old {
                name: "chatelaine".into(),
            },
        )
        .unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode::<Old>("T", &flipped).is_err(), "bit {bit}");
        }
    }
}
