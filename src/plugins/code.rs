//! What a plugin is made of, and whether it may take the place of what was there.
//!
//! Nothing is compiled in the server: a source that would abort the interpreter ends a process of
//! its own, and is refused.

use serde_json::json;

use super::hook::Hook;
use super::manifest::Manifest;
use super::protocol::{ScriptError, ScriptFunction};
use super::seat::{self, CallError, Workshop};
use crate::error::Error;

pub(super) const MAX_SOURCE_BYTES: usize = 256 * 1024;
pub(super) const MAX_MANIFEST_BYTES: usize = 64 * 1024;

/// The two files of a plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PluginFiles {
    pub(super) manifest: String,
    pub(super) source: String,
}

/// The same, understood.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) manifest: Manifest,
    pub(super) manifest_text: String,
    pub(super) source: String,
}

impl Code {
    /// What somebody wrote now, without asking the interpreter.
    pub(super) fn read_new(name: &str, files: PluginFiles) -> Result<Self, ScriptError> {
        let code = Self::read(name, files)?;
        match code.manifest.outdated(&code.manifest_text) {
            Some(error) => Err(error),
            None => Ok(code),
        }
    }

    /// The same of what is installed already.
    pub(super) fn read(name: &str, files: PluginFiles) -> Result<Self, ScriptError> {
        check_source(&files.source)?;
        if files.manifest.len() > MAX_MANIFEST_BYTES {
            return Err(ScriptError::of_whole("plugin.toml may have 64 KiB"));
        }
        Ok(Self {
            manifest: Manifest::parse(&files.manifest, name)?,
            manifest_text: files.manifest,
            source: files.source,
        })
    }

    pub(super) fn files(&self) -> PluginFiles {
        PluginFiles {
            manifest: self.manifest_text.clone(),
            source: self.source.clone(),
        }
    }

    /// Whether it can be compiled, and has what it says it has.
    pub(super) async fn check(self, workshop: &Workshop) -> Result<Self, CallError> {
        let functions = compile(workshop, &self.source).await?;
        self.check_functions(&functions)?;
        Ok(self)
    }

    /// Whether these are the functions of its hooks.
    pub(super) fn check_functions(&self, functions: &[ScriptFunction]) -> Result<(), ScriptError> {
        for hook in Hook::ALL {
            let is_named = self.manifest.hooks.contains(&hook);
            let name = hook.name();
            match functions.iter().find(|function| function.name == name) {
                None if is_named => {
                    let parameters = hook.parameters().join(", ");
                    return Err(ScriptError::of_whole(format!(
                        "plugin.toml names the hook {name}, and main.rhai has no function {name}({parameters})"
                    )));
                }
                Some(_) if !is_named => {
                    return Err(ScriptError::of_whole(format!(
                        "main.rhai has a function {name}, and plugin.toml does not name that hook"
                    )));
                }
                Some(function) if function.parameters != hook.parameters().len() => {
                    let parameters = hook.parameters().join(", ");
                    return Err(ScriptError::of_whole(format!(
                        "{name} has {} parameters, and is called with ({parameters})",
                        function.parameters
                    )));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn check_source(source: &str) -> Result<(), ScriptError> {
    if source.len() > MAX_SOURCE_BYTES {
        return Err(ScriptError::of_whole("main.rhai may have 256 KiB"));
    }
    let Some(at) = source.find('\0') else {
        return Ok(());
    };
    let line_start = source[..at].rfind('\n').map_or(0, |at| at + 1);
    Err(ScriptError {
        message: "there is a NUL byte".into(),
        line: Some(source[..at].matches('\n').count() + 1),
        column: Some(source[line_start..at].chars().count() + 1),
    })
}

/// The functions of a source.
pub(super) async fn compile(
    workshop: &Workshop,
    source: &str,
) -> Result<Vec<ScriptFunction>, CallError> {
    check_source(source)?;
    seat::compile(workshop, source).await
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Failed(error) => error.into(),
            CallError::Busy | CallError::House(_) | CallError::Killed => Self::overloaded(
                "the interpreter cannot be asked at the moment; try again",
                2,
            ),
        }
    }
}

impl From<ScriptError> for Error {
    fn from(error: ScriptError) -> Self {
        let ScriptError {
            message,
            line,
            column,
        } = error;
        let sentence = match (line, column) {
            (Some(line), Some(column)) => format!("line {line}, column {column}: {message}"),
            (Some(line), None) => format!("line {line}: {message}"),
            _ => message,
        };
        Self::invalid(sentence).with_details(json!({ "line": line, "column": column }))
    }
}
