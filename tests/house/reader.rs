//! Reads the house's own source: every Rust file with what it names, calls and defines.
//!
//! Paths come from `use` trees, from code, and from the tokens of macros and attributes, so that a
//! rule cannot be passed by hiding a name in a `derive`. Code under `#[cfg(test)]` is left out:
//! tests of a room may look further than the room.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// One file and what stands in it.
pub(crate) struct Source {
    /// Relative to the repository, with `/`.
    pub(crate) path: String,
    pub(crate) lines: usize,
    /// The text of the leading `//!` lines.
    pub(crate) header: Vec<String>,
    pub(crate) facts: Facts,
}

#[derive(Default)]
pub(crate) struct Facts {
    /// Every path of at least two names, or in a `use`, with its line.
    pub(crate) paths: Vec<(Vec<String>, usize)>,
    /// Every macro that is called.
    pub(crate) macros: Vec<(String, usize)>,
    /// Every function with its first and last line.
    pub(crate) functions: Vec<(String, usize, usize)>,
    pub(crate) unsafe_lines: Vec<usize>,
    /// Where something named `store` is asked to `read` or `write`.
    pub(crate) transactions: Vec<usize>,
}

impl Source {
    pub(crate) fn parse(path: &str, text: &str) -> Self {
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut facts = Facts::default();
        facts.visit_file(&file);
        for (names, _) in &mut facts.paths {
            resolve(path, names);
        }
        Self {
            path: path.into(),
            lines: text.lines().count(),
            header: text
                .lines()
                .skip_while(|line| line.starts_with("#!["))
                .map_while(|line| line.strip_prefix("//!"))
                .map(|line| line.trim().to_owned())
                .collect(),
            facts,
        }
    }

    /// The room a file of `src/` belongs to: the first name behind `src/`.
    pub(crate) fn room(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        let first = inside.split('/').next()?;
        Some(first.strip_suffix(".rs").unwrap_or(first))
    }

    /// A file that holds only tests, e.g. `src/store/tests.rs`.
    pub(crate) fn is_for_tests(&self) -> bool {
        !self.path.starts_with("src/")
            || self.path.ends_with("/tests.rs")
            || self.path.ends_with("_tests.rs")
            || self.path.contains("/tests/")
    }
}

/// Makes `crate::…` of `super::…`, `self::…` and the binary's `chatelaine::…`.
fn resolve(path: &str, names: &mut Vec<String>) {
    if names[0] == "chatelaine" {
        names[0] = "crate".into();
    }
    if names[0] != "super" && names[0] != "self" {
        return;
    }
    let inside = path.strip_prefix("src/").unwrap_or(path);
    let mut module: Vec<&str> = inside.trim_end_matches(".rs").split('/').collect();
    if matches!(module.last(), Some(&("mod" | "lib" | "main"))) {
        module.pop();
    }
    let mut rest = names.as_slice();
    while let [first, tail @ ..] = rest {
        match first.as_str() {
            "super" => drop(module.pop()),
            "self" => {}
            _ => break,
        }
        rest = tail;
    }
    let mut absolute = vec!["crate".to_owned()];
    absolute.extend(module.into_iter().map(str::to_owned));
    absolute.extend(rest.iter().cloned());
    *names = absolute;
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || matches!(&attribute.meta, syn::Meta::List(list)
                if list.path.is_ident("cfg") && list.tokens.to_string() == "test")
    })
}

/// Names joined by `::`, as the tokens of macros print them.
static PATHS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[A-Za-z_]\w*(\s*::\s*[A-Za-z_]\w*)+").expect("a regular expression")
});

impl Facts {
    fn add_use(&mut self, tree: &syn::UseTree, before: &[String]) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.add_use(&path.tree, &with(&path.ident)),
            syn::UseTree::Name(name) => self.paths.push((with(&name.ident), line(&name.ident))),
            syn::UseTree::Rename(name) => self.paths.push((with(&name.ident), line(&name.ident))),
            syn::UseTree::Glob(glob) => self.paths.push((before.to_vec(), line(glob))),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_use(tree, before);
                }
            }
        }
    }

    /// Paths in tokens nobody parsed: arguments of macros and attributes.
    fn add_tokens(&mut self, tokens: &str, line: usize) {
        for found in PATHS.find_iter(tokens) {
            let names = found
                .as_str()
                .split("::")
                .map(|name| name.trim().to_owned());
            self.paths.push((names.collect(), line));
        }
    }

    fn add_signature(&mut self, signature: &syn::Signature, whole: &impl Spanned) {
        self.functions.push((
            signature.ident.to_string(),
            line(whole),
            whole.span().end().line,
        ));
        if let Some(keyword) = &signature.unsafety {
            self.unsafe_lines.push(line(keyword));
        }
    }
}

fn line(part: &impl Spanned) -> usize {
    part.span().start().line
}

impl<'ast> Visit<'ast> for Facts {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_use(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            let names = path
                .segments
                .iter()
                .map(|segment| segment.ident.to_string());
            self.paths.push((names.collect(), line(path)));
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if let Some(name) = call.path.segments.last() {
            self.macros.push((name.ident.to_string(), line(call)));
        }
        self.add_tokens(&call.tokens.to_string(), line(call));
        visit::visit_macro(self, call);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.add_tokens(&list.tokens.to_string(), line(attribute));
        }
        visit::visit_attribute(self, attribute);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_for_tests(&item.attrs) {
            self.add_signature(&item.sig, item);
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add_signature(&item.sig, item);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if is_for_tests(&item.attrs) {
            return;
        }
        if let Some(keyword) = &item.unsafety {
            self.unsafe_lines.push(line(keyword));
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_expr_unsafe(&mut self, block: &'ast syn::ExprUnsafe) {
        self.unsafe_lines.push(line(block));
        visit::visit_expr_unsafe(self, block);
    }

    fn visit_item_foreign_mod(&mut self, item: &'ast syn::ItemForeignMod) {
        self.unsafe_lines.push(line(item));
        visit::visit_item_foreign_mod(self, item);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let receiver = match &*call.receiver {
            syn::Expr::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
            syn::Expr::Field(field) => match &field.member {
                syn::Member::Named(name) => Some(name.to_string()),
                syn::Member::Unnamed(_) => None,
            },
            _ => None,
        };
        if receiver.as_deref() == Some("store") && (call.method == "read" || call.method == "write")
        {
            self.transactions.push(line(call));
        }
        visit::visit_expr_method_call(self, call);
    }
}

/// The folder of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file of the house, read once.
static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| {
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches"] {
        collect(&repository().join(folder), &mut files);
    }
    files.sort();
    files.iter().map(|file| read(file)).collect()
});

/// The Rust files below these folders of the repository.
pub(crate) fn sources(folders: &[&str]) -> Vec<&'static Source> {
    let below = |source: &&Source| {
        folders.iter().any(|folder| {
            source
                .path
                .strip_prefix(folder)
                .is_some_and(|rest| rest.starts_with('/'))
        })
    };
    SOURCES.iter().filter(below).collect()
}

fn read(file: &Path) -> Source {
    let text = std::fs::read_to_string(file).expect("a source file can be read");
    let relative = file
        .strip_prefix(repository())
        .expect("below the repository");
    Source::parse(&relative.to_string_lossy().replace('\\', "/"), &text)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
