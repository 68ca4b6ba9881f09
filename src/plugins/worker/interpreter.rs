//! The interpreter, with every limit set: nothing is in it that was not chosen.
//!
//! A script is functions; what stands beside them is never run. Limits are per value, so what a
//! script may hold in all is bounded by the process's memory, and how long by the clock.

use std::rc::Rc;

use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicIteratorPackage, BasicMapPackage, BasicMathPackage,
    BasicStringPackage, LanguageCorePackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{
    AST, CallFnOptions, Dynamic, Engine, EvalAltResult, OptimizationLevel, Position, Scope,
};

use super::functions;
use super::running::{Running, Server};
use super::values;
use crate::plugins::answers::MAX_REASON_CHARS;
use crate::plugins::protocol::{Call, Finished, ScriptError, ScriptFunction};

const MAX_OPERATIONS: u64 = 2_000_000;
/// What a server elsewhere may answer with, and a little.
const MAX_STRING_BYTES: usize = (1 << 20) + 1024;
const MAX_ITEMS: usize = 1_000;
const MAX_VARIABLES: usize = 200;
const MAX_FUNCTIONS: usize = 200;
const MAX_CALL_LEVELS: usize = 32;
const MAX_EXPRESSION_DEPTH: usize = 48;
/// Between two looks at the clock.
const OPERATIONS_PER_LOOK: u64 = 32;
const MAX_MESSAGE_CHARS: usize = 500;
/// Far more than any hook takes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

pub(super) struct Interpreter {
    engine: Engine,
    script: AST,
    running: Rc<Running>,
}

impl Interpreter {
    pub(super) fn new(server: Rc<dyn Server>) -> Self {
        let running = Rc::new(Running::new(server));
        let mut engine = Engine::new_raw();
        set_limits(&mut engine);
        register_packages(&mut engine);
        functions::register(&mut engine, &running);
        let clock = Rc::clone(&running);
        engine.on_progress(move |operations| {
            let late = operations % OPERATIONS_PER_LOOK == 0 && clock.is_late();
            late.then(|| clock.late_message().into())
        });
        let (printing, debugging) = (Rc::clone(&running), Rc::clone(&running));
        engine.on_print(move |text| printing.write_line(text));
        engine.on_debug(move |text, _, _| debugging.write_line(text));
        Self {
            engine,
            script: AST::empty(),
            running,
        }
    }

    /// Takes the place of what was loaded before, also when it cannot be compiled.
    pub(super) fn load(
        &mut self,
        source: &str,
        settings: &str,
    ) -> Result<Vec<ScriptFunction>, ScriptError> {
        self.script = AST::empty();
        let settings = values::parse(settings).map_err(ScriptError::of_whole)?;
        *self.running.settings.borrow_mut() = settings.try_cast().unwrap_or_default();
        let compiled = self.engine.compile(source).map_err(|error| {
            let message = error.err_type().to_string();
            script_error(message, error.position())
        })?;
        let functions = compiled.iter_functions().map(|function| ScriptFunction {
            name: function.name.to_owned(),
            parameters: function.params.len(),
        });
        let functions = functions.collect();
        self.script = compiled;
        Ok(functions)
    }

    pub(super) fn call(&mut self, call: &Call) -> Finished {
        let outcome = self.run(call);
        Finished {
            outcome,
            lines: self.running.take_lines(),
        }
    }

    fn run(&mut self, call: &Call) -> Result<String, ScriptError> {
        let now = values::parse(&call.now).map_err(ScriptError::of_whole)?;
        let arguments = call
            .arguments
            .iter()
            .map(|argument| values::parse(argument));
        let arguments: Result<Vec<Dynamic>, String> = arguments.collect();
        let arguments = arguments.map_err(ScriptError::of_whole)?;
        self.running
            .begin(call.deadline_ms, call.subject.clone(), now);
        let options = CallFnOptions::new().eval_ast(false);
        let outcome: Result<Dynamic, _> = self.engine.call_fn_with_options(
            options,
            &mut Scope::new(),
            &self.script,
            &call.function,
            arguments,
        );
        // The clock is not looked at inside what is native.
        if self.running.is_late() {
            let position = outcome.err().map(|error| innermost(&error).position());
            let position = position.unwrap_or(Position::NONE);
            return Err(script_error(self.running.late_message(), position));
        }
        let mut value = outcome.map_err(|error| describe(&error))?;
        shorten_reason(&mut value);
        let answer = values::write(&value).map_err(ScriptError::of_whole)?;
        match answer.len() > MAX_ANSWER_BYTES {
            true => Err(ScriptError::of_whole("the answer is too long")),
            false => Ok(answer),
        }
    }
}

/// A reason may hold what a stranger wrote, at any length: that is no fault of the script.
fn shorten_reason(value: &mut Dynamic) {
    let Ok(mut answer) = value.as_map_mut() else {
        return;
    };
    let Some(reason) = answer.get_mut("reason") else {
        return;
    };
    let short = reason.as_immutable_string_ref().ok().and_then(|text| {
        let (end, _) = text.char_indices().nth(MAX_REASON_CHARS)?;
        Some(text[..end].to_owned())
    });
    if let Some(short) = short {
        *reason = short.into();
    }
}

fn set_limits(engine: &mut Engine) {
    engine
        .set_optimization_level(OptimizationLevel::None)
        .set_max_operations(MAX_OPERATIONS)
        .set_max_string_size(MAX_STRING_BYTES)
        .set_max_array_size(MAX_ITEMS)
        .set_max_map_size(MAX_ITEMS)
        .set_max_variables(MAX_VARIABLES)
        .set_max_functions(MAX_FUNCTIONS)
        .set_max_call_levels(MAX_CALL_LEVELS)
        .set_max_expr_depths(MAX_EXPRESSION_DEPTH, MAX_EXPRESSION_DEPTH)
        .set_strict_variables(true)
        .set_allow_anonymous_fn(false);
    for symbol in [
        "eval",
        "Fn",
        "curry",
        "call",
        "is_def_fn",
        "is_def_var",
        "exit",
    ] {
        engine.disable_symbol(symbol);
    }
}

fn register_packages(engine: &mut Engine) {
    LanguageCorePackage::new().register_into_engine(engine);
    ArithmeticPackage::new().register_into_engine(engine);
    LogicPackage::new().register_into_engine(engine);
    BasicMathPackage::new().register_into_engine(engine);
    BasicStringPackage::new().register_into_engine(engine);
    MoreStringPackage::new().register_into_engine(engine);
    BasicIteratorPackage::new().register_into_engine(engine);
    BasicArrayPackage::new().register_into_engine(engine);
    BasicMapPackage::new().register_into_engine(engine);
}

fn script_error(message: String, position: Position) -> ScriptError {
    ScriptError {
        message: message.chars().take(MAX_MESSAGE_CHARS).collect(),
        line: position.line(),
        column: position.position(),
    }
}

fn innermost(error: &EvalAltResult) -> &EvalAltResult {
    error.unwrap_inner()
}

/// Without the position, which stands beside.
fn describe(error: &EvalAltResult) -> ScriptError {
    let inner = innermost(error);
    let message = match inner {
        EvalAltResult::ErrorRuntime(value, _) if value.is_string() => value.to_string(),
        EvalAltResult::ErrorTerminated(value, _) => value.to_string(),
        other => other.to_string(),
    };
    let position = inner.position();
    let end = format!(" ({position})");
    let message = message.strip_suffix(&end).unwrap_or(&message).to_owned();
    script_error(message, position)
}
