//! Reads one key after the other out of the merged file and environment, and collects every problem on the way.
//!
//! Why not a struct that serde fills: serde ends at the first error, and one who repairs a configuration by telephone
//! wants them all at once. Each call here names a key, its default, its range and its meaning in one place; the table in
//! `docs/configuration.md` and the example file are made from the same calls, so they cannot say anything else.

use std::fmt;
use std::path::PathBuf;

use config::{Value, ValueKind};

use super::problem::{Problem, nearest};
use super::values::Wrong;

/// What stands for a key that is left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fallback {
    /// The key must be there.
    Required,
    /// Nothing: what it is for is not done.
    Absent,
    /// A text.
    Text(&'static str),
    /// A whole number.
    Whole(i64),
    /// A number.
    Number(f64),
    /// `true` or `false`.
    Truth(bool),
    /// A list of texts.
    List(&'static [&'static str]),
}

impl Fallback {
    fn value(self) -> Option<Value> {
        match self {
            Self::Required | Self::Absent => None,
            Self::Text(text) => Some(Value::new(None, text)),
            Self::Whole(number) => Some(Value::new(None, number)),
            Self::Number(number) => Some(Value::new(None, number)),
            Self::Truth(truth) => Some(Value::new(None, truth)),
            Self::List(items) => Some(Value::new(None, items.to_vec())),
        }
    }
}

/// As it would stand in the file.
impl fmt::Display for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Required | Self::Absent => Ok(()),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Number(number) => write!(f, "{number:?}"),
            Self::Truth(truth) => write!(f, "{truth}"),
            Self::List(items) => write!(f, "{items:?}"),
        }
    }
}

/// A key of the configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Key {
    /// Section and name: `ingest.watch`.
    pub name: &'static str,
    /// What stands for it.
    pub default: Fallback,
    /// A value that someone might write, where there is no default.
    pub example: &'static str,
    /// What it does and which values it takes: whole sentences.
    pub meaning: &'static str,
}

impl Key {
    /// A key with a default.
    pub(super) const fn new(name: &'static str, default: Fallback, meaning: &'static str) -> Self {
        Self { name, default, example: "", meaning }
    }

    /// A key that may be left out, or must be there, with an example of its value.
    pub(super) const fn without_default(
        name: &'static str,
        default: Fallback,
        example: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self { name, default, example, meaning }
    }

    /// The environment variable that overrides it.
    pub fn variable(&self) -> String {
        format!("SAGITTA_{}", self.name.replace('.', "__").to_uppercase())
    }
}

/// What a path that the configuration names must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// A folder that can be read.
    Folder,
    /// A folder, or a place where one can be made.
    Place,
    /// A folder with the models' manifest.
    Models,
    /// A file that can be read.
    File,
}

/// A path that the configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) key: &'static str,
    pub(super) path: PathBuf,
    pub(super) need: Need,
}

/// See the module's documentation.
pub(super) struct Reader<'a> {
    root: &'a Value,
    file: &'a str,
    keys: Vec<Key>,
    named: Vec<Named>,
    problems: Vec<Problem>,
}

/// What came of reading, beside the values.
pub(super) struct Outcome {
    /// Every key asked for, in that order.
    pub(super) keys: Vec<Key>,
    /// Every path that was named.
    pub(super) named: Vec<Named>,
    /// Every problem, those of keys that nobody asked for among them.
    pub(super) problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// Reads from `root`, the merged values; `file` is what they stand in where not in the environment.
    pub(super) const fn new(root: &'a Value, file: &'a str) -> Self {
        Self { root, file, keys: Vec::new(), named: Vec::new(), problems: Vec::new() }
    }

    /// The value of `key` or its default; `None` after a problem.
    pub(super) fn get<T>(&mut self, key: Key, parse: impl Fn(&Value) -> Result<T, Wrong>) -> Option<T> {
        match self.optional(key, parse)? {
            Some(value) => Some(value),
            None => {
                let remedy = format!("Write it, for example {} = {}.", key.name, key.example);
                self.problem(key.name, None, "is missing", remedy);
                None
            }
        }
    }

    /// The value of `key`, its default or `Some(None)` where it has none; `None` after a problem.
    pub(super) fn optional<T>(&mut self, key: Key, parse: impl Fn(&Value) -> Result<T, Wrong>) -> Option<Option<T>> {
        self.keys.push(key);
        let found = find(self.root, key.name);
        let default = key.default.value();
        let Some(value) = found.or(default.as_ref()) else { return Some(None) };
        match parse(value) {
            Ok(parsed) => Some(Some(parsed)),
            Err(remedy) => {
                let what = format!("is not possible ({})", kind(value));
                self.problem(key.name, Some(value), &what, remedy);
                None
            }
        }
    }

    /// The path in `key`, which must be what `need` says.
    pub(super) fn path(&mut self, key: Key, need: Need) -> Option<PathBuf> {
        let path = self.get(key, path)?;
        self.named.push(Named { key: key.name, path: path.clone(), need });
        Some(path)
    }

    /// The path in `key`, if there is one.
    pub(super) fn optional_path(&mut self, key: Key, need: Need) -> Option<Option<PathBuf>> {
        let path = self.optional(key, path)?;
        self.named.extend(path.iter().map(|path| Named { key: key.name, path: path.clone(), need }));
        Some(path)
    }

    /// Notes that the value of `name` will not do.
    pub(super) fn problem(&mut self, name: &str, value: Option<&Value>, what: &str, remedy: String) {
        let value = value.or_else(|| find(self.root, name));
        let place = match value.and_then(Value::origin) {
            Some("the environment") => variable(name),
            _ => self.file.to_owned(),
        };
        let shown = value.and_then(shown);
        self.problems.push(Problem { key: name.to_owned(), value: shown, place, what: what.to_owned(), remedy });
    }

    /// Looks for keys that nobody asked for, and ends.
    pub(super) fn finish(mut self) -> Outcome {
        let mut unknown = Vec::new();
        self.collect_unknown(self.root, String::new(), &mut unknown);
        unknown.sort();
        for (name, from_environment) in unknown {
            let names = self.keys.iter().map(|key| key.name);
            let remedy = nearest(&name, names).map_or_else(
                || "Remove it; docs/configuration.md lists every key.".to_owned(),
                |meant| format!("Did you mean {meant}?"),
            );
            let place = if from_environment { variable(&name) } else { self.file.to_owned() };
            // Its value stays unsaid: it may be a password in the wrong place.
            self.problems.push(Problem { key: name, value: None, place, what: "is not a key".into(), remedy });
        }
        Outcome { keys: self.keys, named: self.named, problems: self.problems }
    }

    fn collect_unknown(&self, value: &Value, name: String, unknown: &mut Vec<(String, bool)>) {
        let is_section = name.is_empty() || self.keys.iter().any(|key| key.name.starts_with(&format!("{name}.")));
        match &value.kind {
            ValueKind::Table(table) if is_section => {
                for (key, value) in table {
                    let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                    self.collect_unknown(value, name, unknown);
                }
            }
            _ if self.keys.iter().any(|key| key.name == name) => {}
            _ => unknown.push((name, value.origin() == Some("the environment"))),
        }
    }
}

fn variable(name: &str) -> String {
    format!("SAGITTA_{} in the environment", name.replace('.', "__").to_uppercase())
}

fn find<'a>(root: &'a Value, name: &str) -> Option<&'a Value> {
    name.split('.').try_fold(root, |value, part| match &value.kind {
        ValueKind::Table(table) => table.get(part),
        _ => None,
    })
}

fn kind(value: &Value) -> &'static str {
    match value.kind {
        ValueKind::Nil => "nothing",
        ValueKind::Boolean(_) => "a truth value",
        ValueKind::I64(_) | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => "a whole number",
        ValueKind::Float(_) => "a number",
        ValueKind::String(_) => "a text",
        ValueKind::Table(_) => "a section",
        ValueKind::Array(_) => "a list",
    }
}

/// The value as it would stand in the file; what looks like an address with a password in it is not shown.
fn shown(value: &Value) -> Option<String> {
    match &value.kind {
        ValueKind::String(text) if text.contains('@') => None,
        ValueKind::String(text) => Some(format!("{text:?}")),
        ValueKind::Table(_) => Some("[…]".into()),
        ValueKind::Array(items) => Some(format!("[{}]", items.iter().filter_map(shown).collect::<Vec<_>>().join(", "))),
        kind => Some(kind.to_string()),
    }
}

fn path(value: &Value) -> Result<PathBuf, Wrong> {
    super::values::text(value).map(PathBuf::from)
}

/// The name of a key within its section.
pub(super) fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}
