//! Frames on a pipe: the length as u32 little-endian, then one value in postcard.
//!
//! Both ends are the same binary, so a frame that does not decode is a fault, not an old version.
//! No more memory is taken than [`MAX_FRAME_BYTES`], whatever a broken worker sends.

use std::io::{Read, Write};

use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest frame either side accepts: enough for the longest conversation, far below what hurts.
const MAX_FRAME_BYTES: usize = 64 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("a frame of {0} bytes is longer than allowed")]
    TooLong(usize),
    #[error("a frame could not be understood: {0}")]
    Codec(#[from] postcard::Error),
    #[error("the pipe failed: {0}")]
    Io(#[from] std::io::Error),
}

fn encode(value: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    let mut bytes = postcard::to_extend(value, vec![0_u8; 4])?;
    let length = bytes.len() - 4;
    if length > MAX_FRAME_BYTES {
        return Err(FrameError::TooLong(length));
    }
    let prefix = u32::try_from(length).map_err(|_| FrameError::TooLong(length))?;
    bytes[..4].copy_from_slice(&prefix.to_le_bytes());
    Ok(bytes)
}

fn length_of(prefix: [u8; 4]) -> Result<usize, FrameError> {
    let length = u32::from_le_bytes(prefix) as usize;
    if length > MAX_FRAME_BYTES {
        return Err(FrameError::TooLong(length));
    }
    Ok(length)
}

pub(super) fn write_frame(pipe: &mut impl Write, value: &impl Serialize) -> Result<(), FrameError> {
    pipe.write_all(&encode(value)?)?;
    Ok(pipe.flush()?)
}

/// None at the end of the pipe between two frames.
pub(super) fn read_frame<T: DeserializeOwned>(
    pipe: &mut impl Read,
) -> Result<Option<T>, FrameError> {
    let mut prefix = [0; 4];
    match pipe.read_exact(&mut prefix) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut bytes = vec![0; length_of(prefix)?];
    pipe.read_exact(&mut bytes)?;
    Ok(Some(postcard::from_bytes(&bytes)?))
}

pub(super) async fn send_frame(
    pipe: &mut (impl AsyncWrite + Unpin),
    value: &impl Serialize,
) -> Result<(), FrameError> {
    pipe.write_all(&encode(value)?).await?;
    Ok(pipe.flush().await?)
}

/// None at the end of the pipe, also in the middle of a frame: a worker that died wrote no more.
pub(super) async fn receive_frame<T: DeserializeOwned>(
    pipe: &mut (impl AsyncRead + Unpin),
) -> Result<Option<T>, FrameError> {
    let mut prefix = [0; 4];
    if !fill(pipe, &mut prefix).await? {
        return Ok(None);
    }
    let mut bytes = vec![0; length_of(prefix)?];
    if !fill(pipe, &mut bytes).await? {
        return Ok(None);
    }
    Ok(Some(postcard::from_bytes(&bytes)?))
}

/// False when the pipe ended before.
async fn fill(pipe: &mut (impl AsyncRead + Unpin), bytes: &mut [u8]) -> Result<bool, FrameError> {
    match pipe.read_exact(bytes).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_in_order_and_then_the_end() {
        let mut pipe = Vec::new();
        write_frame(&mut pipe, &("one".to_owned(), 1_u32)).unwrap();
        write_frame(&mut pipe, &(String::new(), u32::MAX)).unwrap();
        let mut reader = pipe.as_slice();
        let mut next = || read_frame::<(String, u32)>(&mut reader).unwrap();
        assert_eq!(next(), Some(("one".into(), 1)));
        assert_eq!(next(), Some((String::new(), u32::MAX)));
        assert_eq!(next(), None);
    }

    #[test]
    fn an_absurd_length_is_refused_before_memory_is_taken() {
        let mut reader: &[u8] = &[0xff; 16];
        let refused = read_frame::<String>(&mut reader);
        assert!(matches!(refused, Err(FrameError::TooLong(_))));
    }

    #[tokio::test]
    async fn a_frame_cut_short_is_the_end() {
        let mut pipe = Vec::new();
        send_frame(&mut pipe, &"some text".to_owned())
            .await
            .unwrap();
        pipe.truncate(7);
        let read: Option<String> = receive_frame(&mut pipe.as_slice()).await.unwrap();
        assert_eq!(read, None);
    }
}
