//! What is wrong with a field of a request, in the shape in which a client is told.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use core::fmt;

use serde::Serialize;

/// Something that is wrong with a value: a stable code for programs and, by `Display`, a sentence for people.
pub trait Problem: fmt::Display {
    /// The stable code, snake_case.
    fn code(&self) -> &'static str;
}

/// One failing field. A reply lists every failing field at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field's name in the body, such as `email`.
    pub path: Cow<'static, str>,
    /// The stable code, snake_case.
    pub code: &'static str,
    /// A sentence for a person.
    pub message: String,
}

impl FieldError {
    /// The problem of the field at `path`.
    pub fn new(path: impl Into<Cow<'static, str>>, problem: &impl Problem) -> Self {
        Self {
            path: path.into(),
            code: problem.code(),
            message: problem.to_string(),
        }
    }
}

problems! {
    /// What can be wrong with a field before its own rules are asked.
    pub enum FieldProblem {
        /// It is missing, null or empty.
        Required => "required", "This field is required.";
        /// It has another JSON type than it should.
        WrongType => "wrong_type", "This field has the wrong type.";
        /// It holds none of the values that it may have.
        Invalid => "invalid", "This value isn't allowed here.";
        /// It repeats a password and differs from it.
        Mismatch => "mismatch", "Passwords don't match";
    }
}
